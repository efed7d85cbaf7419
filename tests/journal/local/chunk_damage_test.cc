// What a journal is after files of it were damaged, lost or foreign: one test per damage.

#include "journal/local/recovery.h"

#define XXH_INLINE_ALL
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

class ChunkDamage : public RecoveryTest {};

TEST_F(ChunkDamage, TornHeaderInLastChunkKeepsEarlierRecords) {
  const JournalId id = fill(41, 3);
  kill();
  const Path idx = files(id, ".idx").back();
  damage_sector(idx, kHeaderAt[0]);
  damage_sector(idx, kHeaderAt[1]);
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".idx.torn"), std::vector<Path>{idx.string() + ".torn"});
}

TEST_F(ChunkDamage, OneDamagedHeaderCopyIsNoDamage) {
  const JournalId id = fill(50, 10);
  kill();
  damage_sector(files(id, ".idx").front(), kHeaderAt[0]);
  damage_sector(files(id, ".idx").back(), kHeaderAt[1]);
  EXPECT_EQ(found(), lines(0, 60));
  expect_appends_go_on();
}

// It is as good as the other: appends go on in the chunk.
TEST_F(ChunkDamage, OneDamagedHeaderCopyClosesNoChunk) {
  const JournalId id = fill(5, 5);
  for (const uint64_t at : kHeaderAt) {
    kill();
    damage_sector(files(id, ".idx").back(), at);
    append(*journal(), "more\n");
    EXPECT_EQ(files(id, ".idx").size(), 1U) << at;
    damage_sector(files(id, ".idx").back(), at);
  }
}

TEST_F(ChunkDamage, AnUnreadableHeaderFollowsFromTheNextChunkAlone) {
  const JournalId id = fill(100, 0);
  ASSERT_EQ(files(id, ".idx").size(), 3U);
  reopen();
  for (const uint64_t at : kMarkAt) damage_sector(files(id, ".idx")[0], at);
  for (const uint64_t at : kHeaderAt) damage_sector(files(id, ".idx")[1], at);
  EXPECT_EQ(found(), lines(0, 100));
  expect_appends_go_on();
}

TEST_F(ChunkDamage, AnUnreadableHeaderOfASyncedChunkFollowsFromItsNeighbours) {
  const JournalId id = fill(100, 0);
  ASSERT_EQ(files(id, ".idx").size(), 3U);
  const Time middle = time_of(*journal(), RecordNumber(50));
  for (size_t i = 0; i < 3; ++i) {
    reopen();
    const Path idx = files(id, ".idx")[i];
    damage_sector(idx, kHeaderAt[0]);
    damage_sector(idx, kHeaderAt[1]);
    EXPECT_EQ(found(), lines(0, 100)) << i;
    EXPECT_EQ(journal()->extent().end.record, RecordNumber(100)) << i;
    const Time time = time_of(*journal(), RecordNumber(50));
    EXPECT_LE(time - middle, std::chrono::milliseconds(1)) << i;
  }
  expect_appends_go_on();
}

TEST_F(ChunkDamage, AnIndexWithoutItsFirstPageLosesNothingThatFollowsASealedChunk) {
  for (const int count : {10, 50}) {  // in one chunk, in two
    const JournalId id = fill(count, 0);
    reopen();
    const Path idx = files(id, ".idx").back();
    for (uint64_t i = 0; i < kEntriesAt; ++i) {
      env_->corrupt(idx, i, static_cast<uint8_t>(env_->read_all(idx)[i]));  // zero, that is
    }
    EXPECT_EQ(found(), lines(0, count)) << count;
    expect_appends_go_on();
    EXPECT_TRUE(files(id, ".torn").empty());
    ASSERT_TRUE(store_->remove("app"));
  }
}

TEST_F(ChunkDamage, AnIndexOfAnotherChunkServesNothing) {
  const JournalId id = fill(50, 0);
  reopen();
  const std::string other = env_->read_all(files(id, ".idx").front());
  env_->write_raw(files(id, ".idx").back(), other);
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".torn").size(), 2U);
  EXPECT_EQ(journal()->info()->chunks_left_out, 1U);
}

TEST_F(ChunkDamage, AChunkThatWasBegunWithoutAnAppendLeavesNothing) {
  const JournalId id = fill(41, 0);
  env_->power_off_at_change(env_->changes() + 2);  // the write of the new chunk's header
  EXPECT_FALSE(journal()->append(as_bytes("lost\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_EQ(journal()->info()->torn_tails, 0U);
}

// Nor one whose header was synced, and damaged since.
TEST_F(ChunkDamage, AnEmptyChunkWithoutAHeaderIsNoneOfTheJournal) {
  const JournalId id = fill(5, 0);
  append(*journal(), "open");
  Attributes attributes = journal()->attributes();
  attributes.framing = Framing::kWrite;
  ASSERT_TRUE(journal()->set_attributes(attributes));
  ASSERT_TRUE(journal()->sync());
  kill();
  ASSERT_EQ(files(id, ".idx").size(), 2U);
  for (const uint64_t at : kHeaderAt) damage_sector(files(id, ".idx")[1], at);
  std::vector<std::string> expected = lines(0, 5);
  expected.emplace_back("open");
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->info()->chunks, 1U);
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".idx").size(), 2U);
  EXPECT_TRUE(files(id, ".torn").empty());
}

// Of the framing nothing is known.
TEST_F(ChunkDamage, NothingIsAppendedToAChunkWithoutAHeader) {
  const JournalId id = fill(10, 0);
  reopen();
  for (const uint64_t at : kHeaderAt) damage_sector(files(id, ".idx")[0], at);
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".idx").size(), 2U);
}

// Ids of chunks that begin at the same time are told apart by later ones.
TEST_F(ChunkDamage, AChunkWithoutAHeaderBeginsNoLaterThanTheNext) {
  const JournalId id = fill(41 * 20, 0);
  reopen();
  for (const uint64_t at : kHeaderAt) damage_sector(files(id, ".idx")[18], at);
  const auto app = journal();
  EXPECT_LE(time_of(*app, RecordNumber(41 * 18)), time_of(*app, RecordNumber(41 * 19)));
}

TEST_F(ChunkDamage, NothingContinuesTheOpenRecordOfASealedChunkThatIsTheLast) {
  append(*journal(), "open");
  const JournalId id = journal()->id();
  Attributes attributes = journal()->attributes();
  attributes.framing = Framing::kWrite;
  ASSERT_TRUE(journal()->set_attributes(attributes));
  ASSERT_TRUE(journal()->sync());
  reopen();
  for (const char* extension : {".idx", ".dat"}) {
    ASSERT_TRUE(env_->remove_file(files(id, extension).back()));
  }
  EXPECT_EQ(journal()->extent().open_bytes, 0U);
  EXPECT_EQ(found(), std::vector<std::string>{"open"});
  expect_appends_go_on();
}

TEST_F(ChunkDamage, AnUnreadableChunkWithoutNeighboursCostsThatChunkOnly) {
  const JournalId id = fill(100, 0);
  reopen();
  const Path middle = files(id, ".idx")[1];
  for (const uint64_t at : {kHeaderAt[0], kHeaderAt[1], kMarkAt[0], kMarkAt[1]}) {
    damage_sector(middle, at);
  }
  for (const uint64_t at : kMarkAt) damage_sector(files(id, ".idx").front(), at);
  std::vector<std::string> expected = lines(0, 41);
  for (int i = 0; i < 41; ++i) expected.emplace_back("(corrupt)");
  for (int i = 82; i < 100; ++i) expected.push_back(line(i));
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->extent().end.record, RecordNumber(100));
  const auto in_gap = journal()->seek(RecordNumber(50));
  ASSERT_FALSE(in_gap);
  EXPECT_EQ(in_gap.error().code, Errc::kCorrupt);
  expect_appends_go_on();
}

// The one before it is the last then, and nothing says where it ends.
TEST_F(ChunkDamage, AnUnreadableLastChunkCostsThatChunkOnly) {
  const JournalId id = fill(50, 0);
  reopen();
  ASSERT_EQ(files(id, ".idx").size(), 2U);
  for (const uint64_t at : kMarkAt) damage_sector(files(id, ".idx").front(), at);
  for (const uint64_t at : kHeaderAt) damage_sector(files(id, ".idx").back(), at);
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
}

// Whatever is before it: the records of the torn one are missing.
TEST_F(ChunkDamage, BehindATornChunkNothingIsTakenAlsoBehindADamagedOne) {
  const JournalId id = fill(10, 100);
  ASSERT_EQ(files(id, ".dat").size(), 3U);
  lose_power(Survival::keep_all());
  ASSERT_TRUE(env_->remove_file(files(id, ".dat").front()));
  for (const uint64_t at : kHeaderAt) damage_sector(files(id, ".idx")[1], at);
  EXPECT_EQ(journal()->extent().end.record, RecordNumber(10));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".dat.torn").size(), 2U);
}

TEST_F(ChunkDamage, AChunkOfANewerVersionIsRefusedAndLeftAlone) {
  const JournalId id = fill(10, 0);
  reopen();
  const Path idx = files(id, ".idx").front();
  // As a newer rangefs would write it: another version, and a check that holds.
  std::string bytes = env_->read_all(idx);
  bytes[8] = kFormatVersion + 1;
  constexpr size_t kCheckAt = kSectorBytes - sizeof(uint64_t);
  const uint64_t check = XXH3_64bits_withSeed(bytes.data(), kCheckAt, 0);
  std::memcpy(bytes.data() + kCheckAt, &check, sizeof check);
  env_->write_raw(idx, bytes);
  const auto opened = store_->open(id, "app");
  ASSERT_EQ(code(opened), Errc::kUnknownFormat);
  EXPECT_NE(opened.error().context.find("version 3"), std::string::npos) << opened.error().context;
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_EQ(env_->read_all(idx), bytes);
}

TEST_F(ChunkDamage, MissingFileOfASyncedChunkCostsThatChunkOnly) {
  const JournalId id = fill(100, 0);
  reopen();
  ASSERT_TRUE(env_->remove_file(files(id, ".dat")[1]));
  std::vector<std::string> expected = lines(0, 41);
  for (int i = 0; i < 41; ++i) expected.emplace_back("(corrupt)");
  for (int i = 82; i < 100; ++i) expected.push_back(line(i));
  EXPECT_EQ(found(), expected);
  std::string text(100, '\0');
  const auto got = journal()->read(ByteOffset(4100), std::as_writable_bytes(std::span(text)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kCorrupt);
  expect_appends_go_on();
}

TEST_F(ChunkDamage, AMissingFileOfTheLastChunkDoesNotFreeItsNumbers) {
  const JournalId id = fill(100, 0);
  reopen();
  ASSERT_TRUE(env_->remove_file(files(id, ".dat").back()));
  std::vector<std::string> expected = lines(0, 82);
  for (int i = 82; i < 100; ++i) expected.emplace_back("(corrupt)");
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->extent().end.offset, ByteOffset(10'000));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(ChunkDamage, ForeignFilesAmongChunksAreLeftAlone) {
  const JournalId id = fill(10, 5);
  kill();
  const Path note = directory_of(id) / "NOTE";
  env_->write_raw(note, "hands off");
  ASSERT_TRUE(env_->make_directory(directory_of(id) / chunk_file_name(ChunkId(1), ".dat")));
  EXPECT_EQ(found(), lines(0, 15));
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(note), "hands off");
}

TEST_F(ChunkDamage, AChunkOfAnotherJournalIsLeftAlone) {
  const JournalId id = fill(10, 5);
  append_lines(*journal("other"), 500, 50);
  sync_all();
  for (const Path& file : files(journal("other")->id(), "")) {
    const Path copy = directory_of(id) / file.filename();
    if (!env_->exists(copy)) env_->write_raw(copy, env_->read_all(file));
  }
  ASSERT_GT(files(id, ".idx").size(), 1U);
  kill();
  const size_t before = files(id, "").size();
  EXPECT_EQ(found(), lines(0, 15));
  expect_appends_go_on();
  EXPECT_EQ(files(id, "").size(), before);
  EXPECT_EQ(journal()->info()->chunks_left_out, files(id, ".idx").size() - 1);
}

TEST_F(ChunkDamage, AJournalWhoseDirectoryIsGoneIsEmpty) {
  const JournalId id = fill(10, 0);
  reopen();
  for (const Path& file : files(id, "")) ASSERT_TRUE(env_->remove_file(file));
  ASSERT_TRUE(env_->remove_directory(directory_of(id)));
  EXPECT_EQ(found(), std::vector<std::string>());
  EXPECT_EQ(journal()->attributes().mode, 0600U) << "nobody knows who may read it";
  expect_appends_go_on();
}

TEST_F(ChunkDamage, EveryTruncationOfTheLastFilesLeavesAPrefix) {
  const JournalId id = fill(3, 4);
  const Path idx = files(id, ".idx").back();
  const Path dat = files(id, ".dat").back();
  const auto machine = env_->after_power_loss(Survival::keep_all());
  for (const Path& file : {idx, dat}) {
    for (uint64_t size = 0; size < machine->read_all(file).size(); size += 1) {
      const auto later = machine->after_kill();
      later->truncate_raw(file, size);
      expect_intact_records(*later, lines(0, 7));
    }
  }
}

// Room that could not be given back when its chunk was closed is no part of it.
TEST_F(ChunkDamage, ZerosBehindAClosedChunkHideNothing) {
  const auto app = journal();
  append_lines(*app, 0, 20);
  append(*app, "open");
  Attributes attributes = app->attributes();
  attributes.framing = Framing::kWrite;
  ASSERT_TRUE(app->set_attributes(attributes));
  append_record(*app, "next");
  ASSERT_TRUE(app->sync());
  for (const char* extension : {".dat", ".idx"}) {
    const Path file = files(app->id(), extension).front();
    env_->write_raw(file, env_->read_all(file) + std::string(100'000, '\0'));
  }
  std::vector<std::string> expected = lines(0, 20);
  expected.insert(expected.end(), {"open", "next"});
  EXPECT_EQ(records(app), expected);
  EXPECT_EQ(read_all(*app).size(), 2008U);
}

}  // namespace
}  // namespace range
