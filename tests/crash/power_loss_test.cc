// Power is lost, or the process killed, at every single call of what a store does.

#include <gtest/gtest.h>

#include "tests/crash/walk.h"

namespace range {
namespace {

constexpr uint64_t kSeeds = 15;  // three of each kind of Survival

std::string line(int i, size_t size) {
  std::string text = "line " + std::to_string(i) + " ";
  text.resize(size - 1, static_cast<char>('a' + i % 26));
  return text + "\n";
}

// A store with a journal that has some lines already, one with none, and a directory.
void prepare_some(CheckedStore& store) {
  store.create("app");
  store.append("app", "first\nsecond\n");
  store.create("empty");
  store.make_directory("web");
  store.create("web/access");
  store.append("web/access", "GET /\n");
}

class Scenario : public testing::Test {
 protected:
  static void walk_both(const Workload& prepare, const Workload& run, uint64_t seeds = kSeeds) {
    const CheckedStore start = prepared(prepare);
    if (!HasFailure()) walk_power_losses(start, run, seeds);
    if (!HasFailure()) walk_kills(start, run);
  }
};

using PowerLoss = Scenario;

TEST_F(PowerLoss, DuringAppendsKeepsSyncedRecords) {
  walk_both(prepare_some, [](CheckedStore& store) {
    store.append("app", "third\n");
    store.append("app", line(1, 700));
    store.sync("app");
    store.append("app", "an open");
    store.append("app", " line\nand ");
    store.append_records("empty", {"one", "", "two\nlines\n", line(2, 600)});
    store.append("app", "another\n");
    store.sync("app");
    store.append("app", "unsynced\n");
    store.append("app", "open");
  });
}

TEST_F(PowerLoss, DuringCreationOfTheStoreLeavesOneThatOpens) {
  for (uint64_t change = 0;; change += change < 4 || change > 255 ? 1 : 50) {
    CheckedStore store;
    store.env().power_off_at_change(change);
    const bool opened = store.open();
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE(store.env().first_failed() + ", " + to_string(Survival::of(seed)));
      CheckedStore later = store.after_power_loss(Survival::of(seed));
      ASSERT_TRUE(later.open());
      later.create("app");
      check_that_work_goes_on(later);
    }
    if (opened) break;
  }
}

TEST_F(PowerLoss, DuringRollKeepsSyncedRecords) {
  walk_both(prepare_some, [](CheckedStore& store) {
    for (int i = 0; i < 6; ++i) store.append("app", line(i, 1500));
    store.sync("app");
    for (int i = 6; i < 16; ++i) store.append("app", line(i, 1500));
    store.sync("app");
    store.append("app", line(16, 4500));
    store.append("app", line(17, 10));
    store.append("app", line(18, 4500));
    store.append("app", "end\n");
  });
}

TEST_F(PowerLoss, DuringRollBehindAnOpenLineKeepsSyncedRecords) {
  walk_both(prepare_some, [](CheckedStore& store) {
    store.append("app", line(0, 4096));
    store.append("app", "open");
    store.append("app", std::string(2000, 'o'));
    store.sync("app");
    store.append("app", " closed\nand open");
    Attributes attributes = store.attributes("app");
    attributes.framing = Framing::kWrite;
    store.set_attributes("app", attributes);
    store.append("app", "written");
    store.sync("app");
    store.append("app", "without newlines");
  });
}

TEST_F(PowerLoss, DuringSyncOfManyJournalsKeepsWhatItReturnedFor) {
  const auto journal = [](int i) { return "web/" + std::to_string(i); };
  walk_both(
      [&](CheckedStore& store) {
        prepare_some(store);
        for (int i = 0; i < 18; ++i) store.create(journal(i));
      },
      [&](CheckedStore& store) {
        for (int i = 0; i < 18; ++i) store.append(journal(i), line(i, 20));
        store.sync_all();
        for (int i = 0; i < 18; i += 3) store.append(journal(i), line(i, 5000));
        for (int i = 0; i < 18; i += 6) store.append(journal(i), line(i, 30));
        store.sync_and_reclaim();
        store.append(journal(0), line(0, 40));
      },
      3);
}

TEST_F(PowerLoss, DuringCreationKeepsSyncedNames) {
  walk_both(prepare_some, [](CheckedStore& store) {
    Attributes attributes;
    attributes.mode = 0640;
    store.create("new", attributes);
    store.append("new", "a line\n");
    store.make_directory("d", attributes);
    store.create("d/x");
    store.append("d/x", "a line\n");
    store.sync("d/x");
    store.create("web/unsynced");
    store.make_directory("d/e");
    store.create("d/e/y");
    store.sync_all();
    store.create("last");
    store.append("last", "a line\n");
    store.sync("last");
  });
}

TEST_F(PowerLoss, DuringRenameOfAJournalLosesNone) {
  walk_both(prepare_some, [](CheckedStore& store) {
    store.append("app", "more\n");
    store.rename("app", "web/app");
    store.sync("web/app");
    store.rename("web/app", "app");
    store.rename("web/access", "access");
    store.sync_all();
    store.rename("access", "web/access");
    store.append("web/access", "more\n");
  });
}

TEST_F(PowerLoss, DuringRenameOverAnEmptyJournalLosesNone) {
  walk_both(prepare_some, [](CheckedStore& store) {
    store.rename("app", "empty");
    store.append("empty", "not any more\n");
    store.sync("empty");
    store.create("app");
    store.rename("empty", "app");
    store.sync_and_reclaim();
    store.append("app", "end\n");
  });
}

TEST_F(PowerLoss, DuringRenameOfADirectoryLosesNoJournal) {
  walk_both(prepare_some, [](CheckedStore& store) {
    store.create("web/new");
    store.append("web/new", "new\n");
    store.rename("web", "www");
    store.append("www/access", "more\n");
    store.sync("www/access");
    store.make_directory("sub");
    store.rename("www", "sub/www");
    store.create("sub/www/z");
    store.sync_all();
    store.make_directory("empty_one");
    store.rename("sub/www", "empty_one");
    store.append("empty_one/access", "end\n");
  });
}

TEST_F(PowerLoss, DuringRemovalLeavesAllOrNothing) {
  walk_both(prepare_some, [](CheckedStore& store) {
    store.remove("app");
    store.sync_all();
    store.create("app");
    store.append("app", "the second of its name\n");
    store.sync("app");
    store.remove("web/access");
    store.remove_directory("web");
    store.sync_and_reclaim();
    store.remove("app");
    store.create("app");
    store.append("app", "the third\n");
    store.sync("app");
    store.sync_and_reclaim();
  });
}

TEST_F(PowerLoss, DuringReclaimDeletesOnlyWhatWasRemoved) {
  walk_both(
      [](CheckedStore& store) {
        prepare_some(store);
        for (int i = 0; i < 5; ++i) store.append("app", line(i, 2500));
        store.sync("app");
      },
      [](CheckedStore& store) {
        store.append("web/access", "more\n");
        store.remove("app");
        store.sync_and_reclaim();
        store.remove("web/access");
        store.sync_and_reclaim();
        store.create("app");
        store.append("app", "again\n");
      });
}

TEST_F(PowerLoss, DuringTrimDropsWholeChunksForGood) {
  walk_both(prepare_some, [](CheckedStore& store) {
    for (int i = 0; i < 9; ++i) store.append("app", line(i, 1500));
    store.trim("app", 1);
    store.sync("app");
    for (int i = 9; i < 15; ++i) store.append("app", line(i, 1500));
    store.trim("app", 2);
    store.append("app", "an open line");
    store.trim("app", 9);
    store.append("app", "behind all that was\n");
    store.sync("app");
    store.trim("app", 9);
    store.sync_all();
    store.append("app", "more\n");
  });
}

TEST_F(PowerLoss, DuringChangesOfAttributesLeavesOldOrNewOnes) {
  walk_both(prepare_some, [](CheckedStore& store) {
    Attributes attributes = store.attributes("app");
    attributes.mode = 0600;
    attributes.keep = true;
    store.set_attributes("app", attributes);
    store.sync_all();
    attributes.mode = 0666;
    store.set_attributes("app", attributes);
    store.append("app", "line\n");
    store.sync("app");
    store.set_directory_attributes("web", attributes);
    store.sync_all();
    attributes.uid = 7;
    attributes.max_bytes = uint64_t{1} << 40;
    attributes.max_records = 0;
    attributes.max_age = std::chrono::hours(1);
    store.set_directory_attributes("web", attributes);
    store.set_attributes("app", attributes);
  });
}

void append_some_more(CheckedStore& store) {
  for (int i = 20; i < 24; ++i) store.append("app", line(i, 900));
  store.sync("app");
  store.append("web/access", "more\n");
  store.sync_all();
  store.append("app", "unsynced\n");
}

// Runs a workload that is cut off early, loses power, and returns what is found then.
CheckedStore torn(const Survival& survival, uint64_t unfinished) {
  CheckedStore store = prepared(prepare_some);
  if (!store.open()) return store;
  store.append("app", line(0, 900));
  store.sync("app");
  for (int i = 1; i < 8; ++i) store.append("app", line(i, 900));
  store.append("web/access", "an open line");
  store.create("new");
  store.append("new", "line\n");
  store.remove("empty");
  store.env().power_off_at_change(store.env().changes() + unfinished);
  append_some_more(store);
  CheckedStore found = store.after_power_loss(survival);
  CheckedStore probe = found.again();
  if (!probe.open()) return probe;
  return found.found_as(probe);
}

TEST_F(PowerLoss, DuringRecoveryFromPowerLossChangesNothing) {
  for (uint64_t seed = 0; seed < 10 && !HasFailure(); ++seed) {
    const Survival survival = Survival::of(seed);
    SCOPED_TRACE("first " + to_string(survival));
    const CheckedStore start = torn(survival, seed % 4);
    if (!HasFailure()) walk_power_losses(start, append_some_more, 5);
    if (!HasFailure()) walk_kills(start, append_some_more);
  }
}

// A process that was killed left records unsynced; what syncs in the next one must cover them.
CheckedStore killed() {
  CheckedStore store = prepared(prepare_some);
  if (!store.open()) return store;
  store.append("app", "synced\n");
  store.sync("app");
  store.append("app", "an open");
  store.append("app", " line\n");
  store.append("web/access", "GET /index\n");
  store.create("new");
  store.append("new", "a line\n");
  store.rename("empty", "renamed");
  store.env().power_off_at_change(store.env().changes() + 1, 0);
  store.append("app", "in flight\n");
  return store.after_kill();
}

TEST_F(PowerLoss, AfterAKillKeepsWhatTheNextProcessSynced) {
  const CheckedStore start = killed();
  const auto sync_each = [](CheckedStore& store) {
    store.sync("app");
    store.sync("web/access");
    store.sync("new");
    store.append("app", "more\n");
    store.sync("app");
  };
  const auto sync_all = [](CheckedStore& store) {
    store.sync_all();
    store.append("app", "more\n");
    store.sync("app");
  };
  walk_power_losses(start, sync_each, kSeeds);
  walk_power_losses(start, sync_all, kSeeds);
  walk_kills(start, sync_each);
}

TEST_F(PowerLoss, AfterAKillDuringARollKeepsWhatTheNextProcessSynced) {
  const CheckedStore prepared_store = prepared(prepare_some);
  for (uint64_t change = 0; change < 24 && !HasFailure(); ++change) {
    SCOPED_TRACE("killed at change " + std::to_string(change));
    CheckedStore store = prepared_store.again();
    ASSERT_TRUE(store.open());
    store.env().power_off_at_change(store.env().changes() + change);
    for (int i = 0; i < 7; ++i) store.append("app", line(i, 1500));
    walk_power_losses(store.after_kill(), append_some_more, 3);
  }
}

}  // namespace
}  // namespace range
