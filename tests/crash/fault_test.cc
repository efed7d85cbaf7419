// Every call of a workload fails once, with EIO or because the disk is full.

#include <gtest/gtest.h>

#include "tests/crash/walk.h"
#include "tests/support/scale.h"

namespace range {
namespace {

constexpr const char* kLine = "a line of some length, so that some fit into a sector\n";

// A store with a journal of two synced lines.
CheckedStore start() {
  return prepared([](CheckedStore& store) {
    store.create("app");
    store.append("app", "first\n");
    store.append("app", "second\n");
  });
}

// By the call that had them.
using Errors = std::vector<std::pair<std::string, Error>>;

// Appends, rolls and syncs, going on after errors.
Errors work(CheckedStore& store) {
  Errors errors;
  const auto note = [&](const std::string& call, const std::optional<Error>& error) {
    if (error) errors.emplace_back(call, *error);
  };
  for (int i = 0; i < 3; ++i) {
    note("append", store.try_append("app", kLine));
    note("append", store.try_append("app", std::string(3000, 'x') + "\n"));
    note("sync", store.try_sync("app"));
    note("append", store.try_append("app", "open"));
    note("append", store.try_append("app", " and closed\n"));
  }
  note("sync", store.try_sync("app"));
  return errors;
}

// Fills chunks and drops them, until that fails.
Errors drop_chunks(CheckedStore& store) {
  for (const size_t count : {size_t{1}, size_t{2}, size_t{9}}) {
    for (int i = 0; i < 4; ++i) (void)store.try_append("app", std::string(2000, 'x') + "\n");
    if (const auto error = store.try_trim("app", count)) return {{"trim", *error}};
  }
  (void)store.try_append("app", kLine);
  (void)store.try_sync("app");
  return {};
}

class Faults : public testing::Test {
 protected:
  // Calls `check` for each changing call of the workload that can fail, after it did.
  void walk(int sys_errno, size_t prefix,
            const std::function<void(CheckedStore&, const std::string& call, const Errors&)>& check,
            Errors (*work)(CheckedStore&) = &range::work) {
    const CheckedStore begin = start();
    for (uint64_t n = 0; !HasFailure(); ++n) {
      if (!is_tried(n)) continue;
      CheckedStore store = begin.again();
      ASSERT_TRUE(store.open());
      std::string created;
      began_chunk_ = false;
      bool reached = false;
      store.env().set_fault_hook(
          [&, change = store.env().changes() + n](const Call& call) -> std::optional<Fault> {
            if (call.kind == CallKind::kCreate) created = call.path;
            if (!is_change(call.kind) || call.change != change) return std::nullopt;
            reached = true;
            // A store does not need room: it was made before.
            if (call.kind == CallKind::kStore && sys_errno == ENOSPC) return std::nullopt;
            began_chunk_ = call.path == created;
            return Fault{sys_errno, prefix};
          });
      const auto errors = work(store);
      const std::string call = store.env().first_failed();
      if (!reached) return;
      if (call.empty()) continue;
      SCOPED_TRACE("failed: " + call);
      check(store, call, errors);
    }
  }

  bool began_chunk_ = false;  // the call that failed was the first write of a new chunk
};

TEST_F(Faults, FullDiskFailsAnAppendWholeAndLaterOnesWork) {
  for (const size_t prefix : {size_t{0}, size_t{9}, size_t{600}}) {
    walk(ENOSPC, prefix, [](CheckedStore& store, const std::string& call, const auto& errors) {
      store.check();
      const bool in_sync = !errors.empty() && errors.front().first == "sync";
      if (call.starts_with("sync") || in_sync) return;
      for (const auto& [where, error] : errors) {
        EXPECT_EQ(where, "append");
        EXPECT_EQ(error.code, Errc::kNoSpace) << to_string(error);
      }
      EXPECT_LE(errors.size(), 1U);
      EXPECT_FALSE(store.try_append("app", kLine));
      EXPECT_FALSE(store.try_sync("app"));
      store.check();
      CheckedStore later = store.after_power_loss(Survival::drop_all());
      EXPECT_TRUE(later.open());
    });
  }
}

TEST_F(Faults, FailedWriteOrSyncPoisonsTheJournal) {
  walk(EIO, 9, [this](CheckedStore& store, const std::string& call, const auto& errors) {
    // Of a chunk that could not be begun nothing is left, so that it does no harm.
    if (began_chunk_ ||
        !(call.starts_with("sync") || call.starts_with("write") || call.starts_with("store"))) {
      return;
    }
    EXPECT_FALSE(errors.empty());
    store.check();  // reads go on
    const auto append = store.try_append("app", kLine);
    ASSERT_TRUE(append);
    EXPECT_EQ(append->code, errors.front().second.code);
    EXPECT_EQ(to_string(*append), to_string(errors.front().second));
    const auto sync = store.try_sync("app");
    ASSERT_TRUE(sync);
    EXPECT_EQ(to_string(*sync), to_string(errors.front().second));
    EXPECT_FALSE(store.journal("app")->info()->failure.empty());
  });
}

// Whoever comes after the failure finds all that was acknowledged, and can go on.
void check_what_is_left(const CheckedStore& store, const std::string& call) {
  CheckedStore killed = store.after_kill();
  // A directory that cannot be synced is nothing that writing again would help.
  if (killed.open() && !call.starts_with("sync_directory")) check_that_work_goes_on(killed);
  for (uint64_t seed = 0; seed < 5 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(to_string(Survival::of(seed)));
    CheckedStore later = store.after_power_loss(Survival::of(seed));
    if (later.open()) check_that_work_goes_on(later);
  }
}

TEST_F(Faults, AnyFailureLosesNothingThatReturned) {
  for (const int sys_errno : {EIO, ENOSPC}) {
    walk(sys_errno, 9, [](CheckedStore& store, const std::string& call, const Errors&) {
      check_what_is_left(store, call);
    });
  }
}

TEST_F(Faults, AFailedTrimLosesNothingThatIsKept) {
  const auto check = [](CheckedStore& store, const std::string& call, const Errors&) {
    check_what_is_left(store, call);
  };
  for (const int sys_errno : {EIO, ENOSPC}) walk(sys_errno, 9, check, drop_chunks);
}

// The kernel drops what a failed sync could not write, or takes it for written: only writing it
// again helps. Who finds it after the process has died must do that before claiming it durable.
TEST_F(Faults, AfterAFailedSyncTheNextSyncOfTheJournalWritesTheTailAgain) {
  walk(EIO, 0, [](CheckedStore& store, const std::string& call, const auto&) {
    if (!call.starts_with("sync_data")) return;
    CheckedStore next = store.after_kill();
    ASSERT_TRUE(next.open());
    ASSERT_FALSE(next.try_sync("app"));
    CheckedStore later = next.after_power_loss(Survival::drop_all());
    EXPECT_TRUE(later.open());
  });
}

// The kernel does not tell the next process, and passes over what was lost.
TEST_F(Faults, AfterAFailedSyncTheNextSyncOfTheStoreWritesTheTailAgain) {
  walk(EIO, 0, [](CheckedStore& store, const std::string& call, const auto&) {
    if (!call.starts_with("sync_data")) return;
    CheckedStore next = store.after_kill();
    ASSERT_TRUE(next.open());
    ASSERT_FALSE(next.try_sync_all());
    CheckedStore later = next.after_power_loss(Survival::drop_all());
    EXPECT_TRUE(later.open());
  });
}

// The kernel writes back when it likes, and a sync of the whole file system may not hear of it.
TEST_F(Faults, AWritebackThatFailedFailsTheSyncOfManyJournals) {
  const auto name = [](int i) { return "app" + std::to_string(i); };
  for (const char* extension : {".dat", ".idx"}) {
    CheckedStore store = prepared([&](CheckedStore& fresh) {
      for (int i = 0; i < 20; ++i) fresh.create(name(i));
    });
    ASSERT_TRUE(store.open());
    for (int i = 0; i < 20; ++i) store.append(name(i), "synced\n");
    store.sync_all();
    for (int i = 0; i < 20; ++i) store.append(name(i), kLine);
    const std::string id = to_string(store.journal(name(7))->id());
    const Path directory = Path(CheckedStore::kPath) / "chunks" / id.substr(0, 2) / id;
    const auto files = store.env().list(directory);
    for (const DirectoryEntry& entry : *files) {
      if (entry.name.ends_with(extension)) store.env().fail_writeback(directory / entry.name);
    }
    EXPECT_TRUE(store.try_sync_all()) << extension;
    EXPECT_TRUE(store.try_append(name(7), kLine)) << extension;
    CheckedStore later = store.after_power_loss(Survival::drop_all());
    EXPECT_TRUE(later.open());
  }
}

TEST_F(Faults, FullDiskTearsNothingAndAppendsGoOnOnceThereIsRoom) {
  const CheckedStore begin = start();
  uint64_t used = 0;
  {
    CheckedStore store = begin.again();
    ASSERT_TRUE(store.open());
    const uint64_t large = uint64_t{1} << 40;
    store.env().set_capacity(large);
    used = large - store.store().space()->bytes_free;
  }
  for (uint64_t sectors = 0; sectors < 40 && !HasFailure(); ++sectors) {
    for (const bool partial : {false, true}) {
      SCOPED_TRACE(std::to_string(sectors) + " sectors are free");
      CheckedStore store = begin.again();
      ASSERT_TRUE(store.open());
      store.env().set_capacity(used + sectors * kDiskSectorBytes, partial);
      for (const auto& [call, error] : work(store)) {
        EXPECT_EQ(error.code, Errc::kNoSpace) << call << ": " << to_string(error);
      }
      store.check();
      CheckedStore killed = store.after_kill();
      EXPECT_TRUE(killed.open());
      store.env().set_capacity(uint64_t{1} << 40);
      EXPECT_TRUE(work(store).empty());
      store.check();
      CheckedStore later = store.after_power_loss(Survival::drop_all());
      EXPECT_TRUE(later.open());
    }
  }
}

}  // namespace
}  // namespace range
