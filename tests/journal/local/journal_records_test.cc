// Records of the local engine at their edges: empty, open, long, of equal times, at full disks.

#include <gtest/gtest.h>

#include "tests/support/open_journal_test.h"

namespace range {
namespace {

class JournalRecords : public OpenJournalTest {
 protected:
  void set_framing(Framing framing) {
    Attributes attributes = app_->attributes();
    attributes.framing = framing;
    ASSERT_TRUE(app_->set_attributes(attributes));
  }
};

using Records = std::vector<std::string>;

TEST_F(JournalRecords, EmptyRecordsAreRecords) {
  append_record(*app_, "");
  append_record(*app_, "a");
  append_record(*app_, "");
  const Records expected = {"", "a", ""};
  EXPECT_EQ(records(app_), expected);
  EXPECT_EQ(read_all(*app_), "a");
  EXPECT_EQ(app_->extent().end.record, RecordNumber(3));
  EXPECT_EQ(app_->seek(RecordNumber(2))->offset, ByteOffset(1));
  reopen_journal();
  EXPECT_EQ(records(app_), expected);
}

TEST_F(JournalRecords, AnEmptyRecordIsSyncedLikeAnyOther) {
  append_record(*app_, "a");
  ASSERT_TRUE(app_->sync());
  append_record(*app_, "");
  ASSERT_TRUE(app_->sync());
  app_.reset();
  lose_power(Survival::drop_all());
  app_ = journal();
  EXPECT_EQ(records(app_), (Records{"a", ""}));
}

TEST_F(JournalRecords, ChunksOfEmptyRecordsOnlyAreFound) {
  append(*app_, std::string(5000, 'x') + "\n");
  set_framing(Framing::kWrite);
  append_record(*app_, "");
  append_record(*app_, "");
  set_framing(Framing::kLine);
  append(*app_, "end\n");
  EXPECT_EQ(app_->info()->chunks, 3U);
  EXPECT_EQ(records(app_), (Records{std::string(5000, 'x') + "\n", "", "", "end\n"}));
  EXPECT_EQ(read_all(*app_, ByteOffset(5001)), "end\n");
  for (uint64_t i = 0; i <= 4; ++i) EXPECT_EQ(seek(RecordNumber(i)), RecordNumber(i));
  reopen_journal();
  EXPECT_EQ(records(app_).size(), 4U);
}

TEST_F(JournalRecords, RecordsAppendedTogetherAreStoredTogether) {
  const std::vector<ConstBytes> parts = {as_bytes("a"), as_bytes(""), as_bytes("ccc")};
  ASSERT_TRUE(app_->append_records(parts));
  EXPECT_EQ(records(app_), (Records{"a", "", "ccc"}));
  for (size_t prefix = 0; prefix <= 3 * kEntryBytes; ++prefix) {
    const auto machine = env_->after_kill();
    auto store = LocalStore::open(*machine, "/store", options_, false).value();
    const auto app = store->open(app_->id(), "app").value();
    ASSERT_TRUE(app->sync());  // so that the append changes nothing but its two files
    machine->power_off_at_change(machine->changes() + 1, prefix);
    EXPECT_FALSE(app->append_records(parts));
    const auto later = machine->after_kill();
    auto reopened = LocalStore::open(*later, "/store", options_, false).value();
    const size_t found = records(reopened->open(app_->id(), "app").value()).size();
    // Its last entry may do without bytes that are zero anyway.
    EXPECT_TRUE(found == 3 || (found == 6 && prefix > 2 * kEntryBytes + 11)) << prefix;
  }
}

TEST_F(JournalRecords, AChunkMayEndWithAnEntryWhoseZerosWereNotWritten) {
  append_lines(*app_, 0, 40);
  ASSERT_TRUE(app_->sync());
  env_->power_off_at_change(env_->changes() + 1, kEntryBytes - 2);
  EXPECT_FALSE(app_->append(as_bytes(line(40))));
  app_.reset();
  kill();
  app_ = journal();
  append_lines(*app_, 41, 2);  // in a new chunk
  EXPECT_EQ(app_->info()->chunks, 2U);
  EXPECT_EQ(records(app_), lines(0, 43));
}

TEST_F(JournalRecords, AppendsAtAPlaceOnlyIfThatIsTheEnd) {
  ASSERT_TRUE(app_->append(as_bytes("one\n"), ByteOffset(0)));
  for (const uint64_t at : {0U, 3U, 5U}) {
    const auto refused = app_->append(as_bytes("x"), ByteOffset(at));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kNotPermitted);
  }
  EXPECT_EQ(app_->append(as_bytes("two\n"), ByteOffset(4)).value(), ByteOffset(8));
  EXPECT_EQ(app_->append({}).value(), ByteOffset(8));
  EXPECT_EQ(read_all(*app_), "one\ntwo\n");
}

TEST_F(JournalRecords, AnAppendThatIsTooLargeIsRefused) {
  const std::vector<std::byte> data(kAppendBytesMax + 1);
  const auto refused = app_->append(data);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kTooLarge);
  EXPECT_EQ(app_->extent().end.offset, ByteOffset());
  EXPECT_EQ(app_->extent().end.record, RecordNumber());
}

TEST_F(JournalRecords, AnotherFramingClosesTheOpenRecord) {
  append(*app_, "open");
  set_framing(Framing::kWrite);
  append(*app_, "one\ntwo");
  set_framing(Framing::kLine);
  append(*app_, "three\nfour");
  EXPECT_EQ(records(app_), (Records{"open", "one\ntwo", "three\n"}));
  EXPECT_EQ(app_->extent().open_bytes, 4U);
  reopen_journal();
  EXPECT_EQ(records(app_), (Records{"open", "one\ntwo", "three\n"}));
  append(*app_, "!\n");
  EXPECT_EQ(records(app_).back(), "four!\n");
}

TEST_F(JournalRecords, AnotherFramingForAMomentClosesTheOpenRecord) {
  append(*app_, "open");
  set_framing(Framing::kWrite);
  EXPECT_EQ(app_->extent().open_bytes, 0U);
  set_framing(Framing::kLine);
  reopen_journal();
  append(*app_, "next\n");
  EXPECT_EQ(records(app_), (Records{"open", "next\n"}));
}

TEST_F(JournalRecords, AnOpenRecordKeepsItsChunkPastTheThreshold) {
  const std::string part(1000, 'x');
  for (int i = 0; i < 10; ++i) append(*app_, part);
  append(*app_, "\n");
  EXPECT_EQ(app_->info()->chunks, 1U);
  append(*app_, "next\n");
  EXPECT_EQ(app_->info()->chunks, 2U);
  EXPECT_EQ(records(app_).front().size(), 10001U);
}

TEST_F(JournalRecords, AnOpenRecordIsClosedAtItsLimit) {
  const std::string part(kOpenRecordBytesMax / 4, 'x');
  for (int i = 0; i < 4; ++i) append(*app_, part);
  EXPECT_EQ(app_->extent().open_bytes, 0U);
  append(*app_, "y\n");
  const Records found = records(app_);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].size(), kOpenRecordBytesMax);
  EXPECT_EQ(found[1], "y\n");
}

TEST_F(JournalRecords, LongRecordsAreReadFromAnyByteOn) {
  std::string data;
  for (int i = 0; data.size() < 3 * kFragmentBytesMax; ++i) data += std::to_string(i) + ',';
  data += '\n';
  append(*app_, "before\n");
  append(*app_, data);
  append(*app_, "after\n");
  const std::string all = "before\n" + data + "after\n";
  for (uint64_t at = 0; at < all.size(); at += 4999) {
    EXPECT_EQ(read_all(*app_, ByteOffset(at)), all.substr(at));
  }
  for (const uint64_t at : {kFragmentBytesMax + 6, kFragmentBytesMax + 7, kFragmentBytesMax + 8}) {
    std::string text(3, '\0');
    ASSERT_EQ(app_->read(ByteOffset(at), std::as_writable_bytes(std::span(text))).value(), 3U);
    EXPECT_EQ(text, all.substr(at, 3));
  }
  EXPECT_EQ(records(app_), (Records{"before\n", data, "after\n"}));
}

TEST_F(JournalRecords, ADamagedFragmentCostsItsRecordOnly) {
  append(*app_, "before\n");
  append(*app_, std::string(3 * kFragmentBytesMax, 'x') + "\n");
  append(*app_, "after\n");
  env_->corrupt(files(app_->id(), ".dat").front(), 7 + kFragmentBytesMax + 9, 1);
  EXPECT_EQ(records(app_), (Records{"before\n", "(corrupt)", "after\n"}));
  EXPECT_EQ(read_all(*app_).size(), 7 + kFragmentBytesMax) << "up to the damaged fragment";
  EXPECT_EQ(read_all(*app_, ByteOffset(7 + 2 * kFragmentBytesMax)).size(),
            kFragmentBytesMax + 1 + 6);
}

// --- times ---

TEST_F(JournalRecords, ChunksFollowEachOtherWithoutAGap) {
  ASSERT_EQ(app_->chunks().size(), 1U);
  EXPECT_EQ(app_->chunks().front().records, 0U);
  append_lines(*app_, 0, 100);
  append(*app_, "open");
  const std::vector<ChunkInfo> chunks = app_->chunks();
  ASSERT_EQ(chunks.size(), 3U);
  RecordNumber record;
  ByteOffset byte;
  for (const ChunkInfo& chunk : chunks) {
    EXPECT_EQ(chunk.first_record, record);
    EXPECT_EQ(chunk.first_byte, byte);
    EXPECT_EQ(app_->seek(record)->position, (Position{chunk.id, 0}));
    record += chunk.records;
    byte += chunk.bytes;
  }
  EXPECT_EQ(record, app_->extent().end.record);
  EXPECT_EQ(byte, app_->extent().end.offset);
  reopen_journal();
  EXPECT_EQ(app_->chunks(), chunks);
}

TEST_F(JournalRecords, OnlyTheChunkThatIsAppendedToHasRoomAhead) {
  append_lines(*app_, 0, 80);
  const std::vector<Path> dats = files(app_->id(), ".dat");
  const std::vector<Path> idxs = files(app_->id(), ".idx");
  ASSERT_EQ(dats.size(), 2U);
  EXPECT_EQ(env_->read_all(dats[0]).size(), 4100U);
  EXPECT_EQ(env_->read_all(idxs[0]).size(), end_of_entries(41));
  EXPECT_GT(env_->read_all(dats[1]).size(), 3900U);
  // The first sync covers the lines, the second its mark; then the journal is idle.
  sync_all();
  EXPECT_GT(env_->read_all(dats[1]).size(), 3900U);
  sync_all();
  EXPECT_EQ(env_->read_all(dats[1]).size(), 3900U);
  EXPECT_EQ(env_->read_all(idxs[1]).size(), end_of_entries(39));
  append_lines(*app_, 80, 40);
  EXPECT_EQ(records(app_), lines(0, 120));
}

TEST_F(JournalRecords, AppendsThatAreSyncedOneByOneGetRoomAheadSooner) {
  const auto size = [&] { return env_->read_all(files(app_->id(), ".dat").front()).size(); };
  for (int i = 0; i < 4; ++i) {
    append(*app_, line(i));
    ASSERT_TRUE(app_->sync());
    EXPECT_EQ(size(), 100U * (static_cast<size_t>(i) + 1));
  }
  append(*app_, line(4));
  EXPECT_GT(size(), 500U);
}

TEST_F(JournalRecords, AFullDiskRefusesAppendsWholeAtEveryWrite) {
  append_lines(*app_, 0, 8);  // few enough to be written, not stored
  for (const char* file : {".dat", ".idx"}) {
    for (const size_t prefix : {0U, 5U, 16U, 40U}) {
      env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
        if (call.kind != CallKind::kWrite || !call.path.ends_with(file)) return std::nullopt;
        return Fault{.sys_errno = ENOSPC, .prefix_bytes = prefix};
      });
      for (int i = 0; i < 3; ++i) {
        const auto refused = app_->append(as_bytes("one\ntwo\nthree\n"));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Errc::kNoSpace);
      }
      env_->set_fault_hook({});
      EXPECT_EQ(records(app_), lines(0, static_cast<int>(app_->extent().end.record.value())));
      const auto count = static_cast<int>(app_->extent().end.record.value());
      append(*app_, line(count));
    }
    ASSERT_TRUE(app_->sync());
  }
  reopen_journal();
  EXPECT_EQ(records(app_), lines(0, 16));
  app_.reset();
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal()), lines(0, 16));
}

TEST_F(JournalRecords, AFailedWriteIsRepeatedToEverybody) {
  append(*app_, "x\n");
  env_->fail_change(env_->changes(), EIO);
  for (int i = 0; i < 3; ++i) {
    const auto refused = app_->append(as_bytes("y\n"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sys_errno, EIO);
  }
  EXPECT_FALSE(app_->sync());
  EXPECT_FALSE(app_->info()->failure.empty());
  EXPECT_EQ(records(app_), Records{"x\n"});
  app_.reset();
  EXPECT_FALSE(journal()->append(as_bytes("y\n"))) << "the same journal for the next one";
}

TEST_F(JournalRecords, AFailedSyncIsNotTriedAgain) {
  append(*app_, "x\n");
  env_->fail_change(env_->changes(), EIO);
  EXPECT_FALSE(app_->sync());
  const uint64_t changes = env_->changes();
  EXPECT_FALSE(app_->sync());
  EXPECT_EQ(env_->changes(), changes);
  EXPECT_EQ(app_->extent().synced, ByteOffset(0));
}

TEST_F(JournalRecords, RecordsAboveTheLimitAreRefusedWhole) {
  app_.reset();
  options_.record_bytes_max = 100;
  reopen();
  app_ = journal();
  append(*app_, std::string(99, 'a') + "\n" + std::string(60, 'b'));
  EXPECT_EQ(code(app_->append(as_bytes("fits\n" + std::string(100, 'c') + "\n"))), Errc::kTooLarge);
  EXPECT_EQ(code(app_->append(as_bytes(std::string(41, 'b')))), Errc::kTooLarge) << "as it goes on";
  const std::string long_record(101, 'd');
  EXPECT_EQ(code(app_->append_records({"fits", long_record})), Errc::kTooLarge);
  EXPECT_EQ(app_->extent().end.offset, ByteOffset(160));
  append(*app_, std::string(39, 'b') + "\n");
  EXPECT_EQ(records(app_).size(), 2U);
}

TEST_F(JournalRecords, ACheckOnOpenFindsWhatNobodyHasReadYet) {
  append_lines(*app_, 0, 100);
  sync_all();
  const Path dat = files(app_->id(), ".dat").front();
  app_.reset();
  env_->corrupt(dat, 1050, 0x01);
  options_.check_on_open = true;
  log_.take();
  reopen();
  journal();
  const std::string log = log_.take_text();
  EXPECT_NE(log.find("record 10"), std::string::npos) << log;
  EXPECT_NE(log.find("checked, 1 damaged records"), std::string::npos) << log;
}

TEST_F(JournalRecords, RecordsComeFromAnyRangeOfTexts) {
  const auto app = journal();
  ASSERT_TRUE(app->append_records({"one", "", "two\nlines"}));
  ASSERT_TRUE(app->append_records(std::vector<std::string>{"three"}));
  EXPECT_EQ(records(app), (std::vector<std::string>{"one", "", "two\nlines", "three"}));
}

}  // namespace
}  // namespace range
