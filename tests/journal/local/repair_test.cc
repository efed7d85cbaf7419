// What the first append to a journal does about what recovery has found.

#include <gtest/gtest.h>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

using Repair = RecoveryTest;

// Lines enough for a window, in one chunk.
TEST_F(Repair, RoomAheadOfAKilledProcessIsGivenBackAndAppendsGoOnInTheChunk) {
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

// Nobody was told that the disk did not take it.
TEST_F(Repair, TheHeaderOfAChunkThatWasNeverSyncedIsWrittenAgain) {
  const JournalId id = fill(0, 5);
  env_->fail_writeback(files(id, ".idx").front());
  env_->fail_writeback(files(id, ".dat").front());
  kill();
  append(*journal(), line(5));
  sync_all();
  env_->evict_lost(Survival::drop_all());
  lose_power(Survival::drop_all());
  log_.take();
  EXPECT_EQ(found(), lines(0, 6));
  // It would follow from where the journal begins, and take no more appends.
  const std::string log = log_.take_text();
  EXPECT_EQ(log.find("header"), std::string::npos) << log;
}

TEST_F(Repair, OfATornTailWithRoomBehindItOnlyTheTailIsKept) {
  const JournalId id = fill(10, 30);
  lose_power(Survival::keep_all());
  const Path dat = files(id, ".dat").front();
  damage_line(dat, 35);
  append(*journal(), "more\n");
  EXPECT_EQ(env_->read_all(dat.string() + ".torn").size(), 500U);
  EXPECT_EQ(env_->read_all(files(id, ".idx").front().string() + ".torn").size(), 5 * kEntryBytes);
}

TEST_F(Repair, TornTailIsCutAndACopyKept) {
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

TEST_F(Repair, ATailCutIsNotRepeatedAfterThePowerFailsAgain) {
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

// Power may be lost before it is durable that they were cut off.
TEST_F(Repair, SlotsBehindACutAreUsedByNoLaterProcessEither) {
  const JournalId id = fill(10, 0);
  ASSERT_TRUE(journal()->append_records({"in", "flight", "when killed"}));
  kill();
  env_->truncate_raw(files(id, ".idx").back(), kEntriesAt + 12 * kEntryBytes);
  EXPECT_EQ(found(), lines(0, 10));
  Attributes changed = journal()->attributes();
  changed.mode = 0600;
  ASSERT_TRUE(journal()->set_attributes(changed)) << "repairs, and begins no chunk";
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
  EXPECT_EQ(journal()->info()->chunks, 1U);
  kill();
  append(*journal(), "more\n");
  EXPECT_EQ(journal()->info()->chunks, 2U);
}

TEST_F(Repair, ATornTailIsOnTheDiskOnceAtLeast) {
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
      const auto store = LocalStore::open(*machine, "/store", options_, /*background=*/false);
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

TEST_F(Repair, WhatWasSetAsideIsNeverOverwritten) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").front(), 12);
  append(*journal(), "more\n");
  const Path idx = files(id, ".idx").front();
  const Path aside = idx.string() + ".torn";
  const std::string first = env_->read_all(aside);
  lose_power(Survival::keep_all());
  for (uint64_t at = 0; at < kEntriesAt; at += kSectorBytes) damage_sector(idx, at);
  ASSERT_TRUE(env_->remove_file(files(id, ".dat").front()));
  EXPECT_TRUE(found().empty());
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(aside), first);
  EXPECT_EQ(env_->read_all(aside.string() + ".2").size(), kEntriesAt + 12 * kEntryBytes);
}

TEST_F(Repair, RepairThatRanOutOfSpaceGoesOnWhereItWas) {
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

TEST_F(Repair, RepairThatFoundNoDescriptorGoesOnLater) {
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

TEST_F(Repair, SwitchedOffItLeavesWhatIsTornAndRefusesAppends) {
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

TEST_F(Repair, WhatNeedsNoneTakesAppendsWithItSwitchedOff) {
  fill(10, 20);
  options_.recover = false;
  kill();
  expect_appends_go_on();
}

}  // namespace
}  // namespace range
