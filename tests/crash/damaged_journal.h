// A small journal to be damaged, and what of it must still be readable then.
//
// What a flipped byte may cost: the record that holds it, or whose entry holds it; a damaged `end`
// also the record after it, which begins there, and so may a damaged record index or flag in a
// chunk with records in several parts: the next entry could be one of them. A flipped byte of
// header or mark costs nothing, each being there twice (a mark: what it vouched for is verified
// instead). What was cut off by truncation is lost with the records that it held, no more.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "journal/cursor.h"
#include "tests/support/checked_store.h"
#include "tests/support/scale.h"

namespace range {

struct Expected {
  std::string bytes;
  uint64_t offset = 0;
  Position position;
  Time time{};
};

// A chunk of the journal, and where its records are.
struct ChunkLayout {
  std::string stem;  // path without extension
  uint64_t first_record = 0;
  std::vector<uint64_t> ends;             // of its records, in .dat
  std::vector<uint64_t> record_of_entry;  // numbered in the journal
};

struct Damaged {
  std::set<uint64_t> may_be_lost;  // record numbers
  bool may_lose_tail = false;      // also all records from the first of those on
  bool may_lose_front = false;     // the first chunk, as if it had been trimmed
};

// Records of the chunk in the middle: a change of the framing begins a new one.
inline constexpr size_t kFramedFrom = 6;
inline constexpr size_t kFramedTo = 8;

class Damage : public testing::Test {
 protected:
  // A sealed chunk, one of the other framing, and the active one. All synced and closed, or the
  // last records not synced and the process killed.
  void prepare(bool closed, const std::vector<std::string>& lines) {
    CheckedStore store;
    ASSERT_TRUE(store.open());
    store.prune(1);
    store.create("app");
    for (size_t i = 0; i < lines.size(); ++i) {
      store.env().advance(std::chrono::seconds(1));
      if (i == kFramedFrom || i == kFramedTo) set_framing(store, i == kFramedFrom);
      const size_t half = lines[i].size() / 2;
      const bool in_parts = i == 3 || i == 11;
      if (in_parts) store.append("app", lines[i].substr(0, half));
      store.append("app", in_parts ? lines[i].substr(half) : lines[i]);
      if (i + 4 == lines.size()) store.sync("app");
    }
    describe(*store.journal("app"), lines);
    id_ = store.journal("app")->id();
    if (closed) {
      ASSERT_TRUE(store.close());
    }
    env_ = store.env().after_kill();
    lay_out();
  }

  static void set_framing(CheckedStore& store, bool by_write) {
    Attributes attributes = store.attributes("app");
    attributes.framing = by_write ? Framing::kWrite : Framing::kLine;
    ASSERT_TRUE(store.set_attributes("app", attributes));
  }

  void describe(Journal& journal, const std::vector<std::string>& lines) {
    uint64_t offset = 0;
    for (size_t i = 0; i < lines.size(); ++i) {
      const auto place = journal.seek(RecordNumber(i));
      ASSERT_TRUE(place);
      RecordBatch batch;
      ASSERT_TRUE(journal.read_records(RecordNumber(i), 1, 1, batch));
      ASSERT_EQ(batch.items.size(), 1U);
      expected_.push_back({lines[i], offset, place->position, batch.items[0].time});
      offset += lines[i].size();
    }
  }

  void lay_out() {
    const std::string id = to_string(id_);
    for (size_t i = 0; i < expected_.size(); ++i) {
      const Expected& record = expected_[i];
      const std::string stem = std::string(CheckedStore::kPath) + "/chunks/" + id.substr(0, 2) +
                               "/" + id + "/" + chunk_file_name(record.position.chunk, "");
      if (chunks_.empty() || chunks_.back().stem != stem) chunks_.push_back({stem, i, {}, {}});
      ChunkLayout& chunk = chunks_.back();
      const uint64_t begin = chunk.ends.empty() ? 0 : chunk.ends.back();
      chunk.ends.push_back(begin + record.bytes.size());
      const std::string idx = env_->read_all(stem + ".idx");
      for (size_t at = kEntriesAt + chunk.record_of_entry.size() * kEntryBytes; at < idx.size();
           at += kEntryBytes) {
        const auto entry =
            decode_entry(std::as_bytes(std::span(idx)).subspan(at).first<kEntryBytes>());
        if (chunk.first_record + entry.record != i) break;
        chunk.record_of_entry.push_back(i);
      }
    }
  }

  // A machine to be damaged: the same boot, or another one.
  std::unique_ptr<SimEnv> machine(bool rebooted) const {
    return rebooted ? env_->after_power_loss(Survival::keep_all()) : env_->after_kill();
  }

  // Opens the store on a damaged machine: nothing wrong is served, everything else is; appends go
  // on.
  void check(SimEnv& env, const Damaged& damaged, bool append = true) {
    CheckedStore quiet;  // for its log level
    StoreOptions options;
    options.chunk_size = CheckedStore::kChunkSize;
    // In turn from memory and through buffers.
    MappingSizes mapping;
    mapping.read_bytes_min = checks_++ % 2 == 0 ? 1 : options.chunk_size * 1000;
    {
      auto store = LocalStore::open(env, CheckedStore::kPath, options, false, mapping);
      ASSERT_TRUE(store) << to_string(store.error());
      auto journal = (*store)->open(id_, "app");
      ASSERT_TRUE(journal) << to_string(journal.error());
      check_reading(*journal, damaged, {});
      if (!append) return;
      append_and_check(*journal, damaged);
      journal = Error{};
      ASSERT_TRUE((*store)->close());
    }
    auto later = env.after_power_loss(Survival::drop_all());
    auto store = LocalStore::open(*later, CheckedStore::kPath, options, false, mapping);
    ASSERT_TRUE(store) << to_string(store.error());
    auto journal = (*store)->open(id_, "app");
    ASSERT_TRUE(journal) << to_string(journal.error());
    check_reading(*journal, damaged, appended_);
  }

  void append_and_check(const std::shared_ptr<Journal>& journal, const Damaged& damaged) {
    appended_ = {"appended one\n", "appended two\n"};
    for (const std::string& line : appended_) {
      const auto end = journal->append(as_bytes(line));
      ASSERT_TRUE(end) << to_string(end.error());
    }
    check_reading(journal, damaged, appended_);
    ASSERT_TRUE(journal->sync());
  }

  // The number of records that are expected to be there: fewer if the tail is lost.
  void check_reading(const std::shared_ptr<Journal>& journal, const Damaged& damaged,
                     const std::vector<std::string>& appended) {
    const Extent extent = journal->extent();
    const uint64_t total = extent.end.record.value() - appended.size();
    if (damaged.may_lose_tail && !damaged.may_be_lost.empty()) {
      ASSERT_GE(total, *damaged.may_be_lost.begin());
    } else {
      ASSERT_EQ(total, expected_.size());
    }
    const auto expected = [&](uint64_t number) {
      return number < total ? expected_[number].bytes : appended[number - total];
    };
    const uint64_t begin = extent.begin.record.value();
    ASSERT_TRUE(begin == 0 || (damaged.may_lose_front && begin == kFramedFrom)) << begin;
    check_cursor(journal, damaged, total, expected);
    check_bytes(*journal, damaged, total, expected);
    for (uint64_t i = begin; i < std::min<uint64_t>(total, expected_.size()); ++i) {
      check_seek(*journal, damaged, i);
    }
  }

  template <typename Bytes>
  void check_cursor(const std::shared_ptr<Journal>& journal, const Damaged& damaged, uint64_t total,
                    const Bytes& expected) {
    const uint64_t begin = journal->extent().begin.record.value();
    const uint64_t end = journal->extent().end.record.value();
    Cursor cursor(journal);
    for (uint64_t i = begin; i < end; ++i)
      check_record(cursor.next(), damaged, i, total, expected(i));
    const auto behind = cursor.next();
    EXPECT_TRUE(behind && !*behind);
    for (uint64_t i = end; i-- > begin;) {
      check_record(cursor.previous(), damaged, i, total, expected(i));
    }
  }

  static void check_record(const Result<std::optional<Record>>& record, const Damaged& damaged,
                           uint64_t number, uint64_t total, const std::string& expected) {
    if (!record) {
      EXPECT_EQ(record.error().code, Errc::kCorrupt) << to_string(record.error());
      EXPECT_TRUE(number <= total && damaged.may_be_lost.contains(number))
          << "record " << number << " is not readable: " << to_string(record.error());
      return;
    }
    ASSERT_TRUE(*record) << "record " << number << " is missing";
    EXPECT_EQ((*record)->number.value(), number);
    EXPECT_TRUE(as_text((*record)->bytes) == expected) << "record " << number << " is wrong";
  }

  // Each record by its bytes, at once and in small pieces.
  template <typename Bytes>
  void check_bytes(Journal& journal, const Damaged& damaged, uint64_t total,
                   const Bytes& expected) {
    const uint64_t end = journal.extent().end.record.value();
    uint64_t offset = 0;
    for (uint64_t i = 0; i < end; ++i) {
      const std::string bytes = expected(i);
      std::string found(bytes.size(), '\0');
      const auto got = journal.read(ByteOffset(offset), std::as_writable_bytes(std::span(found)));
      const bool may_be_lost = i <= total && damaged.may_be_lost.contains(i);
      if (!got) {
        const bool trimmed = RecordNumber(i) < journal.extent().begin.record;
        EXPECT_EQ(got.error().code, trimmed ? Errc::kDropped : Errc::kCorrupt);
        EXPECT_TRUE(may_be_lost) << "bytes of record " << i << " are not readable";
      } else {
        EXPECT_TRUE(found.substr(0, *got) == bytes.substr(0, *got))
            << "wrong bytes of record " << i;
        EXPECT_TRUE(*got == bytes.size() || may_be_lost) << "bytes of record " << i;
      }
      offset += bytes.size();
    }
    EXPECT_EQ(journal.extent().end.offset.value(), offset);
  }

  // A place that is found is the right one; only next to damage may it be hidden.
  void check_seek(Journal& journal, const Damaged& damaged, uint64_t number) {
    const Expected& record = expected_[number];
    const bool may_be_hidden = damaged.may_be_lost.contains(number) ||
                               (number > 0 && damaged.may_be_lost.contains(number - 1));
    std::vector<PositionSpec> specs = {RecordNumber(number), record.position};
    if (!record.bytes.empty())
      specs.emplace_back(ByteOffset(record.offset + record.bytes.size() - 1));
    for (const PositionSpec& spec : specs) {
      const auto place = journal.seek(spec);
      if (place) {
        EXPECT_EQ(place->record.value(), number);
        EXPECT_EQ(place->offset.value(), record.offset) << "seek to record " << number;
      } else {
        EXPECT_TRUE(may_be_hidden) << "record " << number << ": " << to_string(place.error());
      }
    }
    check_seek_time(journal, damaged, number);
  }

  // A time leads to its record or, where damage hides that, to the first intact one behind.
  void check_seek_time(Journal& journal, const Damaged& damaged, uint64_t number) {
    const auto place = journal.seek(expected_[number].time);
    ASSERT_TRUE(place || damaged.may_be_lost.contains(number)) << to_string(place.error());
    if (!place) return;
    uint64_t last = number;
    while (damaged.may_be_lost.contains(last)) ++last;
    EXPECT_GE(place->record.value(), number) << "seek by the time of record " << number;
    EXPECT_LE(place->record.value(), last) << "seek by the time of record " << number;
    if (place->record.value() < expected_.size()) {
      EXPECT_EQ(place->offset.value(), expected_[place->record.value()].offset);
    }
  }

  // What a flip of a byte may cost.
  Damaged flip_in_dat(const ChunkLayout& chunk, uint64_t at) const {
    if (at >= chunk.ends.back()) return {};  // room made ahead of appends
    size_t i = 0;
    while (chunk.ends[i] <= at) ++i;
    return {.may_be_lost = {chunk.first_record + i}};
  }
  static Damaged flip_in_idx(const ChunkLayout& chunk, uint64_t at) {
    if (at < kEntriesAt) return {};
    const uint64_t entry = (at - kEntriesAt) / kEntryBytes;
    const uint64_t byte = (at - kEntriesAt) % kEntryBytes;
    if (entry >= chunk.record_of_entry.size()) return {};  // room made ahead of appends
    Damaged damaged{.may_be_lost = {chunk.record_of_entry[entry]}};
    const bool one_each = chunk.record_of_entry.size() == chunk.ends.size();
    const bool costs_next = byte < 4 || (byte >= 8 && byte < 12 && !one_each);
    if (costs_next) damaged.may_be_lost.insert(chunk.record_of_entry[entry] + 1);
    return damaged;
  }

  // What was synced is never cut off; the rest, if what precedes it is damaged and power was lost.
  Damaged with_tail(Damaged damaged, const ChunkLayout& chunk, bool rebooted) const {
    const bool last = chunk.stem == chunks_.back().stem;
    const uint64_t synced = expected_.size() - 3;
    if (damaged.may_be_lost.empty() || !last || closed_) return damaged;
    const uint64_t first = *damaged.may_be_lost.begin();
    const bool behind_mark = *damaged.may_be_lost.rbegin() >= synced;
    const bool at_end = *damaged.may_be_lost.rbegin() + 1 >= expected_.size();
    damaged.may_lose_tail = behind_mark && (rebooted || at_end);
    if (damaged.may_lose_tail && first < synced) {
      damaged.may_be_lost.erase(damaged.may_be_lost.begin());
      damaged.may_be_lost.insert(first);
    }
    return damaged;
  }

  void flip_every_byte(bool rebooted) {
    for (const ChunkLayout& chunk : chunks_) {
      for (const char* extension : {".dat", ".idx"}) {
        const std::string path = chunk.stem + extension;
        const bool dat = path.ends_with(".dat");
        const uint64_t size = env_->read_all(path).size();
        const uint64_t used =
            dat ? chunk.ends.back() : kEntriesAt + chunk.record_of_entry.size() * kEntryBytes;
        for (uint64_t at = 0; at < size; ++at) {
          if (!is_tried(at)) continue;
          // Of the room behind what was appended its begin, and then a few bytes.
          if (at > used + kEntryBytes && at % 101 != 0) continue;
          // The gaps in the index's first page mean nothing; a few bytes of them will do.
          if (!dat && at < kEntriesAt && at % kSectorBytes >= 64 && at % 101 != 0 &&
              at % kSectorBytes < 504) {
            continue;
          }
          for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xFF}}) {
            SCOPED_TRACE(path.substr(path.rfind('/')) + " byte " + std::to_string(at) + " xor " +
                         std::to_string(mask) + (rebooted ? ", rebooted" : ""));
            auto damaged = machine(rebooted);
            damaged->corrupt(path, at, mask);
            check(*damaged,
                  with_tail(dat ? flip_in_dat(chunk, at) : flip_in_idx(chunk, at), chunk, rebooted),
                  /*append=*/mask == 0x01);
            if (HasFailure()) return;
          }
        }
      }
    }
  }

  // What the loss of everything from `length` on may cost.
  Damaged truncation(const ChunkLayout& chunk, bool dat, uint64_t length) const {
    Damaged damaged;
    for (size_t i = 0; dat && i < chunk.ends.size(); ++i) {
      if (chunk.ends[i] > length) damaged.may_be_lost.insert(chunk.first_record + i);
    }
    for (size_t i = 0; !dat && i < chunk.record_of_entry.size(); ++i) {
      if (kEntriesAt + (i + 1) * kEntryBytes <= length) continue;
      damaged.may_be_lost.insert(chunk.record_of_entry[i]);
    }
    // Without its header and marks the last chunk is taken for one that was just begun.
    const bool no_chunk = !dat && length < kEntriesAt;
    damaged.may_lose_tail = chunk.stem == chunks_.back().stem && (!closed_ || no_chunk);
    damaged.may_lose_front = chunk.stem == chunks_.front().stem && no_chunk;
    return damaged;
  }

  void truncate_to_every_length(bool rebooted) {
    for (const ChunkLayout& chunk : chunks_) {
      for (const char* extension : {".dat", ".idx"}) {
        const std::string path = chunk.stem + extension;
        const bool dat = path.ends_with(".dat");
        for (uint64_t length = env_->read_all(path).size(); length-- > 0;) {
          if (!is_tried(length)) continue;
          if (dat && length > chunk.ends.back() && length % 101 != 0) continue;
          if (!dat && length < kEntriesAt && length % 100 != 0) continue;
          SCOPED_TRACE(path.substr(path.rfind('/')) + " cut to " + std::to_string(length) +
                       (rebooted ? ", rebooted" : ""));
          auto damaged = machine(rebooted);
          damaged->truncate_raw(path, length);
          check(*damaged, truncation(chunk, dat, length));
          if (HasFailure()) return;
        }
      }
    }
  }

  void remove_every_file(bool rebooted) {
    for (const ChunkLayout& chunk : chunks_) {
      for (const char* extension : {".dat", ".idx"}) {
        const std::string path = chunk.stem + extension;
        SCOPED_TRACE(path.substr(path.rfind('/')) + (rebooted ? ", rebooted" : ""));
        auto damaged = machine(rebooted);
        ASSERT_TRUE(damaged->remove_file(path));
        ASSERT_TRUE(damaged->sync_filesystem("/"));
        Damaged lost = truncation(chunk, true, 0);
        lost.may_lose_front = chunk.stem == chunks_.front().stem;
        lost.may_lose_tail = chunk.stem == chunks_.back().stem;
        check(*damaged, lost);
        if (HasFailure()) return;
      }
    }
  }

  std::unique_ptr<SimEnv> env_;
  bool closed_ = true;
  uint64_t checks_ = 0;
  JournalId id_;
  std::vector<Expected> expected_;
  std::vector<ChunkLayout> chunks_;
  std::vector<std::string> appended_;
};

}  // namespace range
