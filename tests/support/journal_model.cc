#include "tests/support/journal_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "journal/cursor.h"

namespace range {

namespace {

std::string brief(std::string_view text) {
  return text.size() <= 40 ? std::string(text)
                           : fmt::format("{}... ({} bytes)", text.substr(0, 40), text.size());
}

std::shared_ptr<Journal> borrowed(Journal& journal) {
  return {std::shared_ptr<Journal>(), &journal};
}

// What is not in memory may be missing, as a whole.
std::string compare_bytes_at_once(Journal& journal, const JournalModel::Contents& contents) {
  std::string found(contents.bytes.size() + 1, '\0');
  const auto got = journal.read_at_once(ByteOffset(contents.begin.byte),
                                        std::as_writable_bytes(std::span(found)));
  if (!got) return "read_at_once: " + to_string(got.error());
  if (*got) found.resize(**got);
  return !*got || found == contents.bytes ? "" : "read_at_once gives other bytes than read";
}

std::string compare_bytes(Journal& journal, const JournalModel::Contents& contents) {
  const std::string& bytes = contents.bytes;
  std::string found(bytes.size() + 1, '\0');
  const auto got =
      journal.read(ByteOffset(contents.begin.byte), std::as_writable_bytes(std::span(found)));
  if (!got) return "read: " + to_string(got.error());
  found.resize(*got);
  if (found == bytes) return compare_bytes_at_once(journal, contents);
  const auto differs = std::mismatch(found.begin(), found.end(), bytes.begin(), bytes.end());
  return fmt::format("read {} bytes, expected {}; they differ from byte {} on", found.size(),
                     bytes.size(), differs.first - found.begin());
}

std::string compare_record(const Result<std::optional<Record>>& found, uint64_t number,
                           const std::string& expected) {
  if (!found) return fmt::format("record {}: {}", number, to_string(found.error()));
  if (!*found) return fmt::format("record {} is missing", number);
  if ((*found)->number.value() != number) {
    return fmt::format("record {} is numbered {}", number, (*found)->number.value());
  }
  if (as_text((*found)->bytes) == expected) return {};
  return fmt::format("record {} is '{}', expected '{}'", number, brief(as_text((*found)->bytes)),
                     brief(expected));
}

std::string compare_forward(Journal& journal, const JournalModel::Contents& contents) {
  Cursor cursor(borrowed(journal));
  Time last{};
  uint64_t number = contents.begin.record;
  for (const std::string& expected : contents.records) {
    const auto record = cursor.next();
    if (auto wrong = compare_record(record, number, expected); !wrong.empty()) return wrong;
    if ((*record)->time < last) return fmt::format("the time of record {} decreases", number);
    last = (*record)->time;
    ++number;
  }
  const auto end = cursor.next();
  return end && !*end ? "" : fmt::format("there is a record {}", number);
}

std::string compare_backward(Journal& journal, const JournalModel::Contents& contents) {
  Cursor cursor(borrowed(journal));
  if (const Status sought = cursor.seek(AtEnd()); !sought) return to_string(sought.error());
  for (size_t i = contents.records.size(); i-- > 0;) {
    if (auto wrong =
            compare_record(cursor.previous(), contents.begin.record + i, contents.records[i]);
        !wrong.empty()) {
      return "backward: " + wrong;
    }
  }
  const auto begin = cursor.previous();
  return begin && !*begin ? "" : "backward: there is a record before the first";
}

std::string compare_places(Journal& journal, const JournalModel::Contents& contents) {
  uint64_t offset = contents.begin.byte;
  uint64_t number = contents.begin.record;
  for (const std::string& record : contents.records) {
    const auto place = journal.seek(RecordNumber(number));
    if (!place) return fmt::format("seek to record {}: {}", number, to_string(place.error()));
    const auto again = journal.seek(place->position);
    if (place->record != RecordNumber(number) || place->offset != ByteOffset(offset) || !again ||
        *again != *place) {
      return fmt::format("seek to record {} leads to {}, byte {}", number, place->record.value(),
                         place->offset.value());
    }
    offset += record.size();
    ++number;
  }
  return {};
}

void apply_framed(const JournalModel::Append& append, JournalModel::Contents& contents) {
  for (std::string_view part : append.parts) {
    while (append.framing == Framing::kLine && !part.empty()) {
      const size_t newline = part.find('\n');
      contents.open += part.substr(0, newline == part.npos ? newline : newline + 1);
      if (newline == part.npos) return;
      contents.records.push_back(std::exchange(contents.open, {}));
      part.remove_prefix(newline + 1);
    }
    if (append.framing == Framing::kWrite) contents.records.emplace_back(part);
  }
}

}  // namespace

std::string compare(Journal& journal, const JournalModel::Contents& contents) {
  const Extent extent = journal.extent();
  if (extent.begin.offset != ByteOffset(contents.begin.byte) ||
      extent.begin.record != RecordNumber(contents.begin.record)) {
    return fmt::format("it begins at byte {}, record {}; expected byte {}, record {}",
                       extent.begin.offset.value(), extent.begin.record.value(),
                       contents.begin.byte, contents.begin.record);
  }
  if (extent.end.offset != ByteOffset(contents.end_byte()) ||
      extent.end.record != RecordNumber(contents.end_record())) {
    return fmt::format("it ends at byte {}, record {}; expected byte {}, record {}",
                       extent.end.offset.value(), extent.end.record.value(), contents.end_byte(),
                       contents.end_record());
  }
  if (extent.synced > extent.end.offset) return "more is synced than there is";
  if (extent.open_bytes != contents.open.size()) {
    return fmt::format("{} bytes are open, expected {}", extent.open_bytes, contents.open.size());
  }
  std::string wrong = compare_bytes(journal, contents);
  if (wrong.empty()) wrong = compare_forward(journal, contents);
  if (wrong.empty()) wrong = compare_backward(journal, contents);
  if (wrong.empty()) wrong = compare_places(journal, contents);
  return wrong;
}

JournalModel::Contents JournalModel::replay(const std::vector<Append>& appends) const {
  Contents contents;
  const auto close = [&] {
    if (!contents.open.empty()) contents.records.push_back(std::exchange(contents.open, {}));
  };
  for (const Append& append : appends) {
    for (const std::string& part : append.parts) contents.bytes += part;
    const bool continues = append.framed && append.framing == Framing::kLine;
    if (append.closes_open || !continues) close();
    if (append.framed) {
      apply_framed(append, contents);
    } else {
      contents.records.insert(contents.records.end(), append.parts.begin(), append.parts.end());
    }
  }
  const auto dropped = std::min<size_t>(begin_.record, contents.records.size());
  contents.records.erase(contents.records.begin(),
                         contents.records.begin() + static_cast<std::ptrdiff_t>(dropped));
  contents.bytes.erase(0, begin_.byte);
  contents.begin = begin_;
  return contents;
}

void JournalModel::trimmed(const Begin& begin, bool done) {
  if (!done) {
    begin_tried_ = begin;
    return;
  }
  begin_tried_.reset();
  begin_before_.reset();
  begin_ = begin;
  settle_dropped();
}

// What somebody tried to drop who died is gone for good once that is synced.
void JournalModel::settle_begin(RecordNumber found, End end) {
  const auto is = [&](const std::optional<Begin>& begin) {
    return begin && RecordNumber(begin->record) == found;
  };
  if (is(begin_tried_)) {
    begin_before_ = std::exchange(begin_, *begin_tried_);
  } else if (is(begin_before_) && end == End::kPowerLoss) {
    begin_ = *begin_before_;
  }
  begin_tried_.reset();
  if (end != End::kPowerLoss) return;
  begin_before_.reset();
  settle_dropped();
}

// What was dropped cannot be lost any more.
void JournalModel::settle_dropped() {
  while (synced_ < appends_.size()) {
    const std::vector<Append> before(appends_.begin(),
                                     appends_.begin() + static_cast<std::ptrdiff_t>(synced_) + 1);
    const Contents left = replay(before);
    if (!left.bytes.empty() || !left.records.empty()) break;
    ++synced_;
  }
}

void JournalModel::returned(const Extent& now) {
  Append append = std::move(in_flight_.back());
  appends_.push_back(std::move(append));
  in_flight_.clear();
  if (std::exchange(may_close_, false) && replay(appends_).end_record() != now.end.record.value()) {
    appends_.back().closes_open = true;
  }
}

std::vector<JournalModel::Append> JournalModel::tried(bool closes_open) const {
  std::vector<Append> all = appends_;
  all.insert(all.end(), in_flight_.begin(), in_flight_.end());
  if (!in_flight_.empty()) all[appends_.size()].closes_open = closes_open;
  return all;
}

std::string JournalModel::settle(Journal& journal, End end) {
  if (end == End::kNone) return compare(journal, contents());
  const Extent extent = journal.extent();
  settle_begin(extent.begin.record, end);
  const size_t least = end == End::kPowerLoss ? synced_ : appends_.size();
  std::string wrong;
  for (const bool closes_open : {false, may_close_}) {
    std::vector<Append> found = tried(closes_open);
    for (size_t count = found.size() + 1; count-- > least;) {
      found.resize(count);
      if (ByteOffset(replay(found).end_byte()) != extent.end.offset && count > least) continue;
      wrong = compare(journal, replay(found));
      if (!wrong.empty() && extent.open_bytes == 0) {
        // A chunk that was begun, or cut, ends the record that was open.
        found.push_back(closing());
        wrong = compare(journal, replay(found));
      }
      if (!wrong.empty()) continue;
      may_close_ = may_close_ || end == End::kPowerLoss || !in_flight_.empty();
      appends_ = std::move(found);
      if (end == End::kPowerLoss) synced_ = appends_.size();
      in_flight_.clear();
      return {};
    }
  }
  return fmt::format("{} (of {} appends, {} synced)", wrong, appends_.size(), synced_);
}

}  // namespace range
