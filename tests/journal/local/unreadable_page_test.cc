// What a page of a disk that cannot be read costs: what is in it, and no more. Every page of every
// file of a journal is made unreadable, one at a time.

#include <gtest/gtest.h>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

// Lines of 16 bytes or so: a chunk has entries in several pages of its index.
class UnreadablePage : public RecoveryTest {
 protected:
  struct Line {
    std::string text;
    uint64_t offset = 0;
  };

  void SetUp() override {
    options_.chunk_size = 4500;
    open_store();
  }

  void fill(int count, Framing framing = Framing::kLine) {
    Attributes attributes;
    attributes.framing = framing;
    const auto created = store_->create("app", attributes);
    ASSERT_TRUE(created);
    id_ = (*created)->id();
    fill_more(count);
  }

  void fill_more(int count) {
    const auto app = journal();
    for (int i = 0; i < count; ++i) {
      env_->advance(std::chrono::milliseconds(2));
      std::string text =
          std::to_string(i) + std::string(static_cast<size_t>(8 + i % 7), '.') + '\n';
      // Binary data has no ends of lines to go by.
      if (app->attributes().framing == Framing::kWrite) text.back() = '.';
      lines_.push_back({text, end_});
      end_ += text.size();
      append(*app, text);
    }
    chunks_ = app->chunks();
  }

  // Leaves an append in the first chunk without its last entry.
  void die_appending(const std::string& payload) {
    kill();
    const auto add = [&](const char* extension, uint64_t end, const std::string& bytes) {
      const Path path = files(id_, extension).front();
      env_->write_raw(path, env_->read_all(path).substr(0, end) + bytes);
    };
    add(".dat", end_, payload);
    add(".idx", end_of_entries(static_cast<uint32_t>(lines_.size())),
        std::string(kEntryBytes, 'f'));
  }

  // Records of which a page of a file holds a byte, or the entry.
  std::set<uint64_t> in_page(size_t chunk, bool dat, uint64_t page) const {
    std::set<uint64_t> found;
    const uint64_t begin = page * kCachePageBytes;
    for (uint64_t i = 0; i < chunks_[chunk].records; ++i) {
      const uint64_t record = chunks_[chunk].first_record.value() + i;
      const Line& line = lines_[record];
      const uint64_t at =
          dat ? line.offset - chunks_[chunk].first_byte.value() : end_of_entries(uint32_t(i));
      const uint64_t size = dat ? line.text.size() : kEntryBytes;
      if (at < begin + kCachePageBytes && at + size > begin) found.insert(record);
    }
    return found;
  }

  // Whether a page has the place behind the last entry of the journal.
  bool hides_the_end(const Path& file, uint64_t page) const {
    const ChunkInfo& last = chunks_.back();
    const uint64_t end = end_of_entries(static_cast<uint32_t>(last.records));
    return file.filename() == chunk_file_name(last.id, ".idx") && page == end / kCachePageBytes;
  }

  // Calls `check(lost)` with each page of each file unreadable, on a machine of its own.
  template <typename Check>
  void with_each_page(bool rebooted, const Check& check) {
    store_.reset();
    if (!before_) before_ = std::move(env_);
    for (size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
      for (const char* extension : {".dat", ".idx"}) {
        const Path path = directory_of(id_) / chunk_file_name(chunks_[chunk].id, extension);
        const uint64_t size = before_->read_all(path).size();
        for (uint64_t page = 0; page * kCachePageBytes < size; ++page) {
          SCOPED_TRACE(path.filename().string() + " page " + std::to_string(page));
          env_ = rebooted ? before_->after_power_loss(Survival::keep_all()) : before_->after_kill();
          env_->set_readable(path, page * kCachePageBytes, false);
          check(in_page(chunk, path.extension() == ".dat", page), path, page);
          if (HasFailure()) return;
          store_.reset();
        }
      }
    }
  }

  void open_with(bool mapped) {
    MappingSizes mapping;
    mapping.read_bytes_min = mapped ? 1 : UINT64_MAX;
    store_.reset();
    auto store = LocalStore::open(*env_, "/store", options_, /*background=*/false, mapping);
    ASSERT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
  }

  // Everything but `lost` is there, whichever way it is looked for.
  void expect_only_lost(const std::set<uint64_t>& lost) {
    const auto app = journal();
    ASSERT_EQ(app->extent().end.offset.value(), end_);
    expect_cursor(app, lost);
    for (uint64_t i = 0; i < lines_.size(); ++i) {
      const bool at_edge = lost.contains(i) != lost.contains(i + 1) ||
                           (i > 0 && lost.contains(i) != lost.contains(i - 1));
      if (at_edge || i % 97 == 0) expect_place(*app, i, lost);
      if (HasFailure()) return;
    }
  }

  void expect_cursor(const std::shared_ptr<Journal>& app, const std::set<uint64_t>& lost) {
    Cursor cursor(app);
    const auto expect = [&](const Result<std::optional<Record>>& record, uint64_t i) {
      if (!record) {
        EXPECT_EQ(record.error().code, Errc::kCorrupt) << to_string(record.error());
        EXPECT_EQ(record.error().sys_errno, EIO);
      }
      ASSERT_EQ(!record, lost.contains(i)) << "record " << i;
      if (!record) return;
      ASSERT_TRUE(*record);
      ASSERT_EQ((*record)->number, RecordNumber(i));
      ASSERT_EQ(as_text((*record)->bytes), lines_[i].text);
    };
    // How many records there are behind the last mark only their entries tell.
    const uint64_t end = app->extent().end.record.value();
    for (uint64_t i = end; i < lines_.size(); ++i) ASSERT_TRUE(lost.contains(i)) << "record " << i;
    for (uint64_t i = 0; i < end && !HasFailure(); ++i) expect(cursor.next(), i);
    const auto behind = cursor.next();
    ASSERT_TRUE(behind) << to_string(behind.error());
    ASSERT_FALSE(*behind) << (*behind)->number.value() << " of " << end;
    for (uint64_t i = end; i-- > 0 && !HasFailure();) expect(cursor.previous(), i);
  }

  void expect_place(Journal& app, uint64_t i, const std::set<uint64_t>& lost) {
    const Line& line = lines_[i];
    std::string text(line.text.size(), '\0');
    const auto got = app.read(ByteOffset(line.offset), std::as_writable_bytes(std::span(text)));
    ASSERT_EQ(got.has_value(), !lost.contains(i)) << "bytes of record " << i;
    if (got) {
      ASSERT_EQ(text.substr(0, *got), line.text);
    }
    // As after a bad checksum, a record that cannot be read may still have its place.
    for (const PositionSpec& spec :
         {PositionSpec(RecordNumber(i)),
          PositionSpec(ByteOffset(line.offset + line.text.size() / 2))}) {
      const auto place = app.seek(spec);
      ASSERT_TRUE(place || lost.contains(i)) << "record " << i << to_string(place.error());
      if (!place) continue;
      ASSERT_EQ(place->record.value(), i);
      ASSERT_EQ(place->offset.value(), line.offset);
    }
    const auto at_time = app.seek(Time(first_time_ + std::chrono::milliseconds(2 * i)));
    uint64_t last = i;
    while (lost.contains(last)) ++last;
    ASSERT_TRUE(at_time) << to_string(at_time.error());
    ASSERT_GE(at_time->record.value(), i);
    ASSERT_LE(at_time->record.value(), last);
  }

  void expect_removable() {
    EXPECT_TRUE(has("app"));
    EXPECT_TRUE(store_->rename("app", "other", false));
    EXPECT_TRUE(store_->remove("other"));
    sync_all();
    EXPECT_FALSE(env_->exists(directory_of(id_)));
  }

  std::unique_ptr<SimEnv> before_;  // the machine before anything became unreadable
  std::vector<Line> lines_;
  uint64_t end_ = 0;
  std::vector<ChunkInfo> chunks_;
  JournalId id_;
  Time first_time_ = env_->now() + std::chrono::milliseconds(2);
};

TEST_F(UnreadablePage, OfASyncedJournalCostsTheRecordsInIt) {
  fill(700);
  ASSERT_GE(chunks_.size(), 2U);
  ASSERT_TRUE(store_->close());
  with_each_page(true, [&](const std::set<uint64_t>& lost, const Path&, uint64_t) {
    for (const bool mapped : {false, true}) {
      open_with(mapped);
      ASSERT_NO_FATAL_FAILURE(expect_only_lost(lost));
    }
    // What appends need is somewhere else, if need be in another chunk.
    ASSERT_NO_FATAL_FAILURE(append(*journal(), "more\n"));
    ASSERT_TRUE(journal()->sync());
    open_with(true);
    EXPECT_EQ(time_of(*journal(), RecordNumber(lines_.size())), env_->now());
    expect_removable();
  });
}

// Where the newest entries cannot be read, nobody knows where the journal ends.
TEST_F(UnreadablePage, OfAnUnsyncedTailKeepsAppendsOutOnlyWhereItHidesTheEnd) {
  fill(200);
  ASSERT_TRUE(journal()->sync());
  fill_more(400);
  for (const bool rebooted : {false, true}) {
    int refused = 0;
    with_each_page(rebooted, [&](const std::set<uint64_t>& lost, const Path& path, uint64_t page) {
      open_with(page % 2 == 0);
      ASSERT_NO_FATAL_FAILURE(expect_cursor(journal(), lost));
      const auto appended = journal()->append(as_bytes("more\n"));
      ASSERT_EQ(appended.has_value(), !hides_the_end(path, page)) << to_string(appended.error());
      EXPECT_TRUE(files(id_, ".torn").empty());
      if (!appended) {
        ++refused;
        EXPECT_EQ(code(appended), Errc::kIo);
        EXPECT_FALSE(journal()->info()->failure.empty());
        env_->set_readable(path, page * kCachePageBytes, true);
        ASSERT_NO_FATAL_FAILURE(expect_cursor(journal(), {}));
        ASSERT_NO_FATAL_FAILURE(append(*journal(), "more\n"));
      }
      ASSERT_TRUE(journal()->sync());
      open_with(page % 2 == 0);
      ASSERT_EQ(time_of(*journal(), RecordNumber(lines_.size())), env_->now());
      expect_removable();
    });
    EXPECT_EQ(refused, 1);
  }
}

TEST_F(UnreadablePage, OfAnAppendInFlightIsAHoleInTheCopyThatIsKept) {
  fill(100);
  die_appending(std::string(3 * kCachePageBytes, 'f'));
  const Path dat = files(id_, ".dat").front();
  env_->set_readable(dat, kCachePageBytes, false);
  expect_cursor(journal(), {});
  append(*journal(), "more\n");
  EXPECT_EQ(env_->read_all(dat).size(), end_);
  const std::vector<Path> torn = files(id_, ".dat.torn");
  ASSERT_EQ(torn.size(), 1U);
  const size_t before = kCachePageBytes - end_;
  EXPECT_EQ(env_->read_all(torn.front()), std::string(before, 'f') +
                                              std::string(kCachePageBytes, '\0') +
                                              std::string(2 * kCachePageBytes - before, 'f'));
}

// What cannot be cut off stays where it is, and appends go on in another chunk.
TEST_F(UnreadablePage, WhereAnAppendInFlightBeganBeginsAnotherChunk) {
  fill(100);
  ASSERT_TRUE(journal()->sync());
  die_appending("in flight");
  env_->set_readable(files(id_, ".dat").front(), 0, false);
  for (uint64_t i = 0; i < 2; ++i) {
    append(*journal(), "more\n");
    ASSERT_TRUE(journal()->sync());
    EXPECT_EQ(files(id_, ".dat").size(), 2U);
    EXPECT_TRUE(files(id_, ".torn").empty());
    reopen();
    EXPECT_EQ(journal()->extent().end.record, RecordNumber(101 + i));
    EXPECT_EQ(time_of(*journal(), RecordNumber(100 + i)), env_->now());
  }
}

TEST_F(UnreadablePage, OfAJournalWhoseSyncHadFailedKeepsNoStoreFromOpening) {
  fill(400);
  env_->fail_change(env_->changes(), EIO);
  ASSERT_FALSE(journal()->sync());
  ASSERT_FALSE(env_->list("/store/failed")->empty());
  with_each_page(false, [&](const std::set<uint64_t>& lost, const Path&, uint64_t) {
    open_with(false);
    ASSERT_NO_FATAL_FAILURE(expect_cursor(journal(), lost));
    expect_removable();
  });
}

// A line longer than a fragment: of its bytes the fragment that the page is in, as a record all.
TEST_F(UnreadablePage, InALongLineCostsOneFragmentOfItsBytes) {
  options_.chunk_size = 1 << 20;
  reopen();
  const std::string line = std::string(300'000, 'l') + '\n';
  append(*journal(), "before\n" + line + "behind\n");
  const Path dat = files(journal()->id(), ".dat").front();
  reopen();
  const uint64_t bad = 20 * kCachePageBytes;
  env_->set_readable(dat, bad, false);
  EXPECT_EQ(found(), (std::vector<std::string>{"before\n", "(corrupt)", "behind\n"}));
  uint64_t unreadable = 0;
  std::vector<std::byte> byte(1);
  for (uint64_t at = 0; at < line.size() + 14; at += 512) {
    if (!journal()->read(ByteOffset(at), byte)) unreadable += 512;
  }
  EXPECT_EQ(unreadable, kFragmentBytesMax);
}

// A disk that reads again, without the store having been opened anew.
TEST_F(UnreadablePage, IsNotRememberedWhenItCanBeReadAgain) {
  fill(700);
  ASSERT_TRUE(store_->close());
  for (const bool mapped : {false, true}) {
    open_with(mapped);
    const auto app = journal();
    for (const char* extension : {".dat", ".idx"}) {
      const Path path = directory_of(id_) / chunk_file_name(chunks_[1].id, extension);
      env_->set_readable(path, 2 * kCachePageBytes, false);
      expect_cursor(app, in_page(1, path.extension() == ".dat", 2));
      env_->set_readable(path, 2 * kCachePageBytes, true);
      expect_cursor(app, {});
    }
  }
}

TEST_F(UnreadablePage, OfBinaryDataCostsTheRecordsInIt) {
  fill(400, Framing::kWrite);
  ASSERT_TRUE(store_->close());
  with_each_page(true, [&](const std::set<uint64_t>& lost, const Path&, uint64_t) {
    open_with(false);
    ASSERT_NO_FATAL_FAILURE(expect_cursor(journal(), lost));
  });
}

}  // namespace
}  // namespace range
