// What a journal is after the marks of a chunk were damaged, or its files are shorter than they
// say.

#include <gtest/gtest.h>

#include "journal/chunk/chunk_scan.h"
#include "tests/support/recovery_test.h"

namespace range {
namespace {

using ChunkMarks = RecoveryTest;

TEST_F(ChunkMarks, TornMarkSlotFallsBackToTheOther) {
  const JournalId id = fill(1, 0);
  for (int i = 1; i < 4; ++i) {
    append(*journal(), line(i));
    ASSERT_TRUE(journal()->sync());
  }
  kill();
  // Four syncs: the newest mark is in slot 0, the one of three lines in slot 1.
  damage_sector(files(id, ".idx").back(), kMarkAt[0]);
  EXPECT_EQ(journal()->extent().synced, ByteOffset(300));
  EXPECT_EQ(found(), lines(0, 4));
  expect_appends_go_on();
}

TEST_F(ChunkMarks, TwoDamagedMarksLoseNothing) {
  const JournalId id = fill(41, 0);
  append_lines(*journal(), 41, 2);
  ASSERT_TRUE(journal()->sync());
  append_lines(*journal(), 43, 2);
  ASSERT_TRUE(journal()->sync());
  reopen();
  damage_sector(files(id, ".idx").back(), kMarkAt[0]);
  damage_sector(files(id, ".idx").back(), kMarkAt[1]);
  EXPECT_EQ(found(), lines(0, 45));
  expect_appends_go_on();
}

// Nobody knows what had been synced then, so nothing is taken for torn.
TEST_F(ChunkMarks, WithTwoDamagedMarksNothingIsCutAfterAPowerLoss) {
  const JournalId id = fill(5, 0);
  append_lines(*journal(), 5, 5);
  ASSERT_TRUE(journal()->sync());
  lose_power(Survival::keep_all());
  for (const uint64_t at : kMarkAt) damage_sector(files(id, ".idx").back(), at);
  damage_line(files(id, ".dat").back(), 7);
  std::vector<std::string> expected = lines(0, 10);
  expected[7] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(ChunkMarks, AFileShorterThanItsMarkIsNotCut) {
  const JournalId id = fill(10, 0);
  reopen();
  env_->truncate_raw(files(id, ".dat").back(), 750);
  std::vector<std::string> expected = lines(0, 7);
  for (int i = 7; i < 10; ++i) expected.emplace_back("(corrupt)");
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->extent().end.offset, ByteOffset(1000));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_EQ(journal()->info()->chunks, 2U) << "nothing is appended to what is damaged";
}

TEST_F(ChunkMarks, AnIndexShorterThanItsMarkIsNotCut) {
  const JournalId id = fill(10, 0);
  reopen();
  env_->truncate_raw(files(id, ".idx").back(), kEntriesAt + 7 * kEntryBytes);
  std::vector<std::string> expected = lines(0, 7);
  for (int i = 7; i < 10; ++i) expected.emplace_back("(corrupt)");
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
}

// As far as anybody can tell, it vouches for what is invalid now.
TEST_F(ChunkMarks, NothingIsCutThatOneWhichCannotBeReadMayVouchFor) {
  for (const bool power_lost : {false, true}) {
    store_.reset();
    env_ = std::make_unique<SimEnv>();
    open_store();
    const JournalId id = fill(5, 0);
    append_lines(*journal(), 5, 5);
    ASSERT_TRUE(journal()->sync());
    if (power_lost) {
      lose_power(Survival::keep_all());
    } else {
      kill();
    }
    env_->set_readable(files(id, ".idx").back(), kMarkAt[0], false);
    damage_line(files(id, ".dat").back(), 9);
    append(*journal(), "more\n");
    EXPECT_TRUE(files(id, ".torn").empty()) << power_lost;
    EXPECT_EQ(journal()->info()->torn_tails, 0U) << power_lost;
  }
}

TEST_F(ChunkMarks, WhatIsBehindTheEndOfASealedChunkIsNoPartOfItAndStays) {
  const JournalId id = fill(42, 0);
  kill();
  for (const char* extension : {".dat", ".idx"}) {
    ASSERT_TRUE(env_->remove_file(files(id, extension).back()));
  }
  const Path idx = files(id, ".idx").back();
  const size_t end = kEntriesAt + 41 * kEntryBytes;
  const std::string behind(kEntryBytes, 'x');
  env_->write_raw(idx, env_->read_all(idx).substr(0, end) + behind);
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(idx).substr(end), behind);
}

}  // namespace
}  // namespace range
