// What a journal is after its process or the power failed.

#include "journal/local/recovery.h"

#include <gtest/gtest.h>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

using Recovery = RecoveryTest;

TEST_F(Recovery, AKilledProcessLosesNothingThatReturned) {
  fill(10, 90);
  kill();
  EXPECT_EQ(found(), lines(0, 100));
  expect_appends_go_on();
}

TEST_F(Recovery, RoomAheadIsNoTornTailAfterPowerLoss) {
  fill(10, 30);
  for (uint64_t seed = 0; seed < 30; ++seed) {
    expect_prefix_after_power_loss(Survival::of(seed), lines(0, 40));
  }
  lose_power(Survival::keep_all());
  EXPECT_EQ(found(), lines(0, 40));
  expect_appends_go_on();
  EXPECT_EQ(journal()->info()->torn_tails, 0U);
}

// All but its header and its predecessors survived: nothing says that it is the second.
TEST_F(Recovery, AChunkWithoutHeaderAndPredecessorsDoesNotPassForTheFirst) {
  const JournalId id = fill(0, 50);
  const std::vector<Path> idx = files(id, ".idx");
  ASSERT_EQ(idx.size(), 2U);
  ASSERT_TRUE(env_->remove_file(idx[0]));
  ASSERT_TRUE(env_->remove_file(files(id, ".dat")[0]));
  for (const uint64_t at : kHeaderAt) damage_sector(idx[1], at);
  lose_power(Survival::keep_all());
  EXPECT_TRUE(found().empty());
}

TEST_F(Recovery, OnlyWhatTheMarkVouchesForCountsAsSynced) {
  fill(10, 5);
  kill();
  EXPECT_EQ(journal()->extent().synced, ByteOffset(1000));
  ASSERT_TRUE(journal()->sync());
  EXPECT_EQ(journal()->extent().synced, ByteOffset(1500));
  lose_power(Survival::drop_all());
  EXPECT_EQ(found(), lines(0, 15));
}

TEST_F(Recovery, PayloadWithoutEntriesWasNeverAppended) {
  fill(3, 0);
  env_->power_off_at_change(env_->changes() + 1);  // the write of the entries
  EXPECT_FALSE(journal()->append(as_bytes("lost\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 3));
  expect_appends_go_on();
}

TEST_F(Recovery, AppendInFlightIsCutWhole) {
  const JournalId id = fill(3, 0);
  // Two of its three entries are written when the process dies.
  env_->power_off_at_change(env_->changes() + 1, 2 * kEntryBytes);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 3));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".idx.torn").size(), 1U);
}

TEST_F(Recovery, AppendInFlightWithATornEntryIsCutWhole) {
  fill(3, 0);
  env_->power_off_at_change(env_->changes() + 1, kEntryBytes + 5);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 3));
  expect_appends_go_on();
}

// What the log says of a tail that is cut off: only an append in flight had not returned.
TEST_F(Recovery, TheLogSaysOfATailWhetherItsAppendsHadReturned) {
  const auto log_of = [&] {
    log_.take();
    journal();
    return log_.take_text();
  };
  fill(3, 0);
  env_->power_off_at_change(env_->changes() + 1, 2 * kEntryBytes);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  kill();
  EXPECT_NE(log_of().find("it had not returned"), std::string::npos);
  expect_appends_go_on();

  // The disk does not take what is written, which nobody has noticed.
  const JournalId id = journal()->id();
  append_lines(*journal(), 4, 5);
  env_->fail_writeback(files(id, ".dat").back());
  env_->evict_lost(Survival::drop_all());
  kill();
  const std::string log = log_of();
  EXPECT_EQ(log.find("it had not returned"), std::string::npos) << log;
  EXPECT_NE(log.find("appends that had returned, but were not synced"), std::string::npos) << log;
  EXPECT_EQ(found().size(), 4U);
  expect_appends_go_on();
}

TEST_F(Recovery, TheLogSaysOfDamageThatItIs) {
  const JournalId id = fill(10, 5);
  kill();
  damage_line(files(id, ".dat").back(), 12);
  log_.take();
  journal();
  const std::string log = log_.take_text();
  EXPECT_NE(log.find("stored bytes have changed"), std::string::npos) << log;
}

TEST_F(Recovery, EntriesThatAFailedSyncLostAreLogged) {
  const JournalId id = fill(3, 5);
  const Path idx = files(id, ".idx").back();
  fail_sync_of(idx);
  env_->evict_lost(Survival::drop_all());
  log_.take();
  kill();
  const std::string log = log_.take_text();
  EXPECT_NE(log.find("appends that had returned, but were not synced"), std::string::npos) << log;
  EXPECT_EQ(found(), lines(0, 3));
  EXPECT_EQ(files(id, ".dat.torn").size(), 1U) << "the payload is still there";
  expect_appends_go_on();
}

// Nothing is left that could be kept, or that shows it.
TEST_F(Recovery, WhatAFailedSyncLostOfBothFilesIsLogged) {
  const JournalId id = fill(3, 5);
  fail_sync_of(directory_of(id));
  EXPECT_TRUE(env_->read_symlink("/store/failed/" + to_string(id))->ends_with("/800"));
  env_->fail_writeback(files(id, ".dat").back());
  env_->fail_writeback(files(id, ".idx").back());
  env_->evict_lost(Survival::drop_all());
  log_.take();
  kill();
  const std::string log = log_.take_text();
  EXPECT_NE(log.find("the last 500 bytes of it"), std::string::npos) << log;
  EXPECT_EQ(found(), lines(0, 3));
  expect_appends_go_on();
  log_.take();
  reopen();
  journal();
  EXPECT_EQ(log_.take_text().find("are lost"), std::string::npos);
}

// It may be readable later.
TEST_F(Recovery, WhatCannotBeReadAfterAFailedSyncIsNotCut) {
  const JournalId id = fill(3, 5);
  const Path idx = files(id, ".idx").back();
  fail_sync_of(idx);
  env_->set_readable(idx, kEntriesAt, false);
  kill();
  EXPECT_FALSE(journal()->append(as_bytes("more\n")));
  env_->set_readable(idx, kEntriesAt, true);
  reopen();
  EXPECT_EQ(found(), lines(0, 8));
}

// No sync of ours has heard of it.
TEST_F(Recovery, PayloadWhoseEntriesTheDiskHasLostIsKeptAndLogged) {
  const JournalId id = fill(3, 5);
  env_->fail_writeback(files(id, ".idx").back());
  env_->evict_lost(Survival::drop_all());
  kill();
  log_.take();
  EXPECT_EQ(found(), lines(0, 3));
  const std::string log = log_.take_text();
  EXPECT_NE(log.find("or the disk has lost entries"), std::string::npos) << log;
  append(*journal(), "more\n");
  ASSERT_EQ(files(id, ".dat.torn").size(), 1U);
  EXPECT_EQ(env_->read_all(files(id, ".dat.torn").front()).size(), 500U);
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
  expect_appends_go_on();
}

TEST_F(Recovery, RoomAheadIsNoLossAfterAFailedSync) {
  const JournalId id = fill(10, 30);
  const Path dat = files(id, ".dat").back();
  ASSERT_GT(env_->read_all(dat).size(), 4000U);
  fail_sync_of(dat);
  log_.take();
  kill();
  const std::string log = log_.take_text();
  EXPECT_EQ(log.find("the disk failed"), std::string::npos) << log;
  EXPECT_EQ(found(), lines(0, 40));
  expect_appends_go_on();
  EXPECT_EQ(journal()->info()->torn_tails, 0U);
}

TEST_F(Recovery, CorruptionWithinABootIsNotCut) {
  const JournalId id = fill(10, 5);
  kill();
  damage_line(files(id, ".dat").back(), 12);
  std::vector<std::string> expected = lines(0, 15);
  expected[12] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_EQ(env_->read_all(files(id, ".dat").front()).size(), 1500U);
}

TEST_F(Recovery, CorruptionBeforeANewChunkWithinABootIsNotCut) {
  const JournalId id = fill(10, 40);  // nine of these lines are in a second chunk
  kill();
  damage_line(files(id, ".dat").front(), 40);  // the last of the first
  std::vector<std::string> expected = lines(0, 50);
  expected[40] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, CorruptionOfWhatWasSyncedIsNotCutAfterPowerLoss) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 9);
  std::vector<std::string> expected = lines(0, 15);
  expected[9] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, OfTwoMarksTheNewerCounts) {
  const JournalId id = fill(5, 0);
  append_lines(*journal(), 5, 5);
  ASSERT_TRUE(journal()->sync());
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 7);
  std::vector<std::string> expected = lines(0, 10);
  expected[7] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->extent().synced, ByteOffset(1000));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, TheMarkOfAnIdleJournalIsDurable) {
  const JournalId id = fill(10, 0);
  ASSERT_TRUE(store_->sync()) << "of nothing but the mark";
  lose_power(Survival::drop_all());
  damage_line(files(id, ".dat").back(), 9);
  std::vector<std::string> expected = lines(0, 10);
  expected[9] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, ChunkWithoutMarkAfterAShortPredecessorIsSetAside) {
  const JournalId id = fill(10, 40);  // nine of these lines are in a second chunk
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").front(), 20);
  const Path second = files(id, ".dat").back();
  const std::string bytes = env_->read_all(second);
  EXPECT_EQ(found(), lines(0, 20));
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(second.string() + ".torn"), bytes);
}

TEST_F(Recovery, ChunkWithoutMarkWhosePredecessorIsLostIsSetAside) {
  const JournalId id = fill(0, 50);
  lose_power(Survival::keep_all());
  ASSERT_TRUE(env_->remove_file(files(id, ".dat").front()));
  ASSERT_TRUE(env_->remove_file(files(id, ".idx").front()));
  EXPECT_EQ(journal()->extent().end.offset, ByteOffset(0));
  EXPECT_EQ(found(), std::vector<std::string>());
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".dat.torn").size(), 1U);
}

TEST_F(Recovery, ChunkWithoutMarkIsKeptIfItsPredecessorIsWhole) {
  fill(10, 200);
  lose_power(Survival::keep_all());
  EXPECT_EQ(found(), lines(0, 210));
  expect_appends_go_on();
}

TEST_F(Recovery, NoMarkIsStoredForAChunkWhilePredecessorsAreUnsynced) {
  fill(10, 40);
  // Killed in an append to the second chunk, while the first is not synced to its end.
  env_->power_off_at_change(env_->changes() + 1, 2 * kEntryBytes);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  kill();
  append(*journal(), "more\n");  // which cuts that off
  std::vector<std::string> all = lines(0, 50);
  all.emplace_back("more\n");
  for (uint64_t seed = 0; seed < 300; ++seed) {
    expect_prefix_after_power_loss(Survival::of(seed), all);
  }
}

// It may be left of what was cut off there before.
TEST_F(Recovery, AnEntryThatIsOlderThanTheOneBeforeItIsNotTakenForAnAppend) {
  const JournalId id = journal()->id();
  kill();
  auto other = env_->after_kill();
  append_lines(*journal(), 0, 2);
  kill();
  const std::string old_idx = env_->read_all(files(id, ".idx").back());
  const std::string old_dat = env_->read_all(files(id, ".dat").back());
  store_.reset();
  env_ = std::move(other);
  open_store();
  env_->advance(std::chrono::seconds(5));
  append_lines(*journal(), 0, 1);
  lose_power(Survival::keep_all());
  const Path idx = files(id, ".idx").back();
  const Path dat = files(id, ".dat").back();
  const size_t second = kEntriesAt + kEntryBytes;
  env_->write_raw(idx, env_->read_all(idx).substr(0, second) + old_idx.substr(second, kEntryBytes));
  env_->write_raw(dat, env_->read_all(dat).substr(0, 100) + old_dat.substr(100, 100));
  EXPECT_EQ(found(), lines(0, 1));
  expect_appends_go_on();
}

}  // namespace
}  // namespace range
