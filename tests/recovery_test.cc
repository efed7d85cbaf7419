// What a journal is after its process or the power failed.

#include "journal/chunked/recovery.h"

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

// Lines enough for a window, in one chunk.
TEST_F(Recovery, RoomAheadOfAKilledProcessIsGivenBackAndAppendsGoOnInTheChunk) {
  const JournalId id = fill(10, 30);
  const Path dat = files(id, ".dat").front();
  const Path idx = files(id, ".idx").front();
  EXPECT_GT(env_->read_all(dat).size(), 4000U);
  EXPECT_GT(env_->read_all(idx).size(), end_of_entries(40));
  kill();
  EXPECT_EQ(found(), lines(0, 40));
  EXPECT_GT(env_->read_all(dat).size(), 4000U) << "reading changes nothing";
  append(*journal(), "more\n");
  EXPECT_EQ(env_->read_all(dat).size(), 4005U);
  EXPECT_EQ(env_->read_all(idx).size(), end_of_entries(41));
  EXPECT_EQ(journal()->info()->chunks, 1U);
  EXPECT_EQ(journal()->info()->torn_tails, 0U);
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

TEST_F(Recovery, OfATornTailWithRoomBehindItOnlyTheTailIsKept) {
  const JournalId id = fill(10, 30);
  lose_power(Survival::keep_all());
  const Path dat = files(id, ".dat").front();
  damage_line(dat, 35);
  append(*journal(), "more\n");
  EXPECT_EQ(env_->read_all(dat.string() + ".torn").size(), 500U);
  EXPECT_EQ(env_->read_all(files(id, ".idx").front().string() + ".torn").size(), 5 * kEntryBytes);
}

TEST_F(Recovery, ASyncedChangeOfFramingHasClosedTheOpenRecord) {
  append(*journal(), "open");
  Attributes attributes = journal()->attributes();
  attributes.framing = Framing::kWrite;
  ASSERT_TRUE(journal()->set_attributes(attributes));
  ASSERT_TRUE(journal()->sync());
  lose_power(Survival::drop_all());
  EXPECT_EQ(journal()->extent().open_bytes, 0U);
  EXPECT_EQ(found(), std::vector<std::string>{"open"});
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

TEST_F(Recovery, TornTailIsCutAndACopyKept) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  const Path dat = files(id, ".dat").back();
  const std::string before = env_->read_all(dat);
  damage_line(dat, 12);
  EXPECT_EQ(found(), lines(0, 12));
  EXPECT_EQ(env_->read_all(dat).size(), before.size()) << "reading changes nothing";
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(dat), before.substr(0, 1200));
  std::string kept = before.substr(1200);
  kept[50] ^= 1;
  EXPECT_EQ(env_->read_all(dat.string() + ".torn"), kept);
  const std::string idx = files(id, ".idx").front().string();
  EXPECT_EQ(env_->read_all(idx).size(), kEntriesAt + 12 * kEntryBytes);
  EXPECT_EQ(env_->read_all(idx + ".torn").size(), 3 * kEntryBytes);
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
  EXPECT_EQ(journal()->info()->chunks, 2U) << "index slots behind a cut are never used again";
}

TEST_F(Recovery, ATailCutIsNotRepeatedAfterThePowerFailsAgain) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 12);
  append(*journal(), "more\n");
  ASSERT_TRUE(journal()->sync());
  lose_power(Survival::drop_all());
  std::vector<std::string> expected = lines(0, 12);
  expected.emplace_back("more\n");
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
}

TEST_F(Recovery, ATornTailIsOnTheDiskOnceAtLeast) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  const Path dat = files(id, ".dat").back();
  damage_line(dat, 12);
  const std::string whole = env_->read_all(dat);
  bool complete = false;
  for (uint64_t change = 0; !complete; ++change) {
    const auto machine = env_->after_kill();
    machine->power_off_at_change(change);
    {
      const auto store = ChunkedStore::open(*machine, "/store", options_, /*background=*/false);
      if (!store) continue;
      const auto app = (*store)->open(id, "app");
      complete = app && (*app)->append(as_bytes("more\n"));
    }
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const auto later = machine->after_power_loss(Survival::of(seed));
      const Path kept = dat.string() + ".torn";
      EXPECT_TRUE(later->read_all(dat) == whole ||
                  (later->exists(kept) && later->read_all(kept) == whole.substr(1200)))
          << machine->first_failed() << ", " << to_string(Survival::of(seed));
    }
  }
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
    testing::internal::CaptureStdout();
    journal();
    return testing::internal::GetCapturedStdout();
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
  testing::internal::CaptureStdout();
  journal();
  const std::string log = testing::internal::GetCapturedStdout();
  EXPECT_NE(log.find("stored bytes have changed"), std::string::npos) << log;
}

TEST_F(Recovery, EntriesThatAFailedSyncLostAreLogged) {
  const JournalId id = fill(3, 5);
  const Path idx = files(id, ".idx").back();
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    const bool fails = call.kind == CallKind::kSyncData && call.path == idx.string();
    return fails ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_FALSE(journal()->sync());
  env_->evict_lost(Survival::drop_all());
  testing::internal::CaptureStdout();
  kill();
  const std::string log = testing::internal::GetCapturedStdout();
  EXPECT_NE(log.find("appends that had returned, but were not synced"), std::string::npos) << log;
  EXPECT_EQ(found(), lines(0, 3));
  EXPECT_EQ(files(id, ".dat.torn").size(), 1U) << "the payload is still there";
  expect_appends_go_on();
}

TEST_F(Recovery, AnOpenRecordIsContinuedAfterAKill) {
  fill(3, 0);
  append(*journal(), "half ");
  kill();
  EXPECT_EQ(journal()->extent().open_bytes, 5U);
  append(*journal(), "line\n");
  EXPECT_EQ(found().back(), "half line\n");
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

TEST_F(Recovery, WhatWasSetAsideIsNeverOverwritten) {
  const JournalId id = fill(10, 40);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").front(), 20);
  append(*journal(), "more\n");
  const Path idx = files(id, ".idx").back();
  const Path aside = idx.string() + ".torn";
  const std::string first = env_->read_all(aside);
  lose_power(Survival::keep_all());
  ASSERT_TRUE(env_->remove_file(files(id, ".dat").back()));
  EXPECT_EQ(found(), lines(0, 20));
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(aside), first);
  EXPECT_EQ(env_->read_all(aside.string() + ".2").size(), kEntriesAt + kEntryBytes);
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

TEST_F(Recovery, RepairThatRanOutOfSpaceGoesOnWhereItWas) {
  const JournalId id = fill(10, 80);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 5);  // line 87, from which on the tail is cut
  const uint64_t before = env_->changes();
  bool full = true;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (full && call.kind == CallKind::kWrite) return Fault{.sys_errno = ENOSPC};
    return std::nullopt;
  });
  const auto app = journal();
  for (int i = 0; i < 3; ++i) {
    const auto refused = app->append(as_bytes("more\n"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kNoSpace);
  }
  EXPECT_GT(env_->changes(), before);
  EXPECT_EQ(files(id, ".torn").size(), 0U) << "what was not copied whole takes up no space";
  full = false;
  append(*app, "more\n");
  ASSERT_TRUE(app->sync());
  EXPECT_EQ(files(id, ".torn").size(), 2U);
  std::vector<std::string> expected = lines(0, 87);
  expected.emplace_back("more\n");
  EXPECT_EQ(records(app), expected);
}

TEST_F(Recovery, RepairThatFoundNoDescriptorGoesOnLater) {
  const JournalId id = fill(10, 80);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 5);  // line 87, from which on the tail is cut
  const auto app = journal();
  int refusals = 0;
  // Every call that opens something fails once.
  for (bool done = false; !done;) {
    uint64_t opened = 0;
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      const bool opens = call.kind == CallKind::kOpen || call.kind == CallKind::kCreate;
      if (!opens || opened++ != static_cast<uint64_t>(refusals)) return std::nullopt;
      return Fault{.sys_errno = EMFILE};
    });
    const auto appended = app->append(as_bytes("more\n"));
    done = appended.has_value();
    if (!done) {
      ++refusals;
      EXPECT_EQ(appended.error().sys_errno, EMFILE);
    }
    ASSERT_LT(refusals, 100);
  }
  env_->set_fault_hook({});
  EXPECT_GT(refusals, 0);
  ASSERT_TRUE(app->sync());
  std::vector<std::string> expected = lines(0, 87);
  expected.emplace_back("more\n");
  EXPECT_EQ(records(app), expected);
}

TEST_F(Recovery, SwitchedOffItLeavesWhatIsTornAndRefusesAppends) {
  const JournalId id = fill(10, 20);
  const Path idx = files(id, ".idx").front();
  const std::string before = env_->read_all(idx);
  damage_line(files(id, ".dat").front(), 25);
  options_.recover = false;
  lose_power(Survival::keep_all());
  EXPECT_EQ(found(), lines(0, 25));
  EXPECT_EQ(code(journal()->append(as_bytes("more\n"))), Errc::kCorrupt);
  EXPECT_EQ(env_->read_all(idx), before);
  options_.recover = true;
  kill();
  expect_appends_go_on();
}

TEST_F(Recovery, WhatNeedsNoneTakesAppendsWithItSwitchedOff) {
  fill(10, 20);
  options_.recover = false;
  kill();
  expect_appends_go_on();
}

}  // namespace
}  // namespace range
