// Syncing a store: everything in it, and what a failure of one journal or directory reaches.

#include <gtest/gtest.h>

#include "tests/support/engine_test.h"

namespace range {
namespace {

using NameSet = std::set<std::string>;
using StoreSync = EngineTest;

TEST_F(StoreSync, OfOneJournalThatFailsKeepsNoOtherFromBeingSynced) {
  for (const char* path : {"first", "second"}) append_lines(*journal(path), 0, 3);
  sync_all();
  for (const char* path : {"first", "second"}) append_lines(*journal(path), 3, 1);
  const std::string failing = directory_of(journal("first")->id()).string();
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    const bool fails = call.kind == CallKind::kSyncData && call.path.starts_with(failing);
    return fails ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_FALSE(store_->sync());
  env_->set_fault_hook({});
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal("second")), lines(0, 4));
}

TEST_F(StoreSync, SyncMakesEveryJournalAndNameDurable) {
  make_directory("d");
  for (int i = 0; i < 40; ++i) append_lines(*journal("d/" + std::to_string(i)), 0, 45);
  sync_all();
  append(*journal("few"), "x\n");
  sync_all();
  lose_power(Survival::drop_all());
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(records(journal("d/" + std::to_string(i))), lines(0, 45));
  }
  EXPECT_EQ(records(journal("few")).size(), 1U);
}

TEST_F(StoreSync, SyncFailsForGoodWhileAJournalHasFailed) {
  const auto app = journal();
  append(*app, "x\n");
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kSyncData) return Fault{EIO};
    return std::nullopt;
  });
  EXPECT_FALSE(store_->sync_and_reclaim());  // as in the background
  env_->set_fault_hook({});
  EXPECT_EQ(code(store_->sync()), Errc::kIo) << "what was appended may be lost";
  EXPECT_EQ(code(app->sync()), Errc::kIo);
  EXPECT_EQ(code(app->append(as_bytes("y\n"))), Errc::kIo);
  append(*journal("other"), "fine\n");
  EXPECT_TRUE(journal("other")->sync());
}

TEST_F(StoreSync, ASyncThatFoundNoDescriptorWorksLater) {
  sync_all();
  append(*journal("a"), "x\n");
  make_directory("d");
  int refusals = 0;
  for (bool done = false; !done;) {
    int opened = 0;
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      if (call.kind != CallKind::kOpen || opened++ != refusals) return std::nullopt;
      return Fault{.sys_errno = EMFILE};
    });
    done = store_->sync().has_value();
    if (!done) ++refusals;
    ASSERT_LT(refusals, 100);
  }
  env_->set_fault_hook({});
  EXPECT_GT(refusals, 0);
  append(*journal("a"), "y\n");
  sync_all();
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal("a")), (std::vector<std::string>{"x\n", "y\n"}));
  EXPECT_TRUE(has("d"));
}

TEST_F(StoreSync, ADirectoryThatCannotBeOpenedStopsNobodyForLongerThanThat) {
  make_directory("d");
  const auto other = journal("other");
  append(*other, "x\n");
  sync_all();
  for (const int sys_errno : {ENOMEM, EMFILE, EIO}) {
    const std::string name = "d/" + std::to_string(sys_errno);
    append(*journal(name), "x\n");
    append(*other, "y\n");
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      const bool hit = call.kind == CallKind::kOpen && call.path == "/store/tree/d";
      return hit ? std::optional(Fault{sys_errno}) : std::nullopt;
    });
    EXPECT_TRUE(other->sync()) << "which has nothing to do with it";
    EXPECT_FALSE(journal(name)->sync());
    EXPECT_FALSE(store_->sync());
    env_->set_fault_hook({});
    EXPECT_TRUE(journal(name)->sync());
    append(*journal(name), "y\n");
  }
  sync_all();
  lose_power(Survival::drop_all());
  EXPECT_EQ(read_all(*journal("d/" + std::to_string(EIO))), "x\ny\n");
}

TEST_F(StoreSync, ADirectoryThatCannotBeSyncedStopsOnlyWhatWasChangedInIt) {
  make_directory("d");
  const auto other = journal("other");
  const auto old = journal("d/old");
  append(*old, "x\n");
  sync_all();
  const auto fresh = journal("d/fresh");
  append(*fresh, "x\n");
  append(*old, "y\n");
  append(*other, "x\n");
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    const bool hit = call.kind == CallKind::kSyncDirectory && call.path == "/store/tree/d";
    return hit ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_FALSE(store_->sync());
  env_->set_fault_hook({});
  for (const auto& journal : {other, old}) {
    append(*journal, "z\n");
    EXPECT_TRUE(journal->sync());
  }
  EXPECT_EQ(code(fresh->sync()), Errc::kIo);
  EXPECT_EQ(code(fresh->append(as_bytes("z\n"))), Errc::kIo);
  EXPECT_EQ(code(store_->sync()), Errc::kIo) << "its name may be lost";
  ASSERT_TRUE(store_->remove("d/fresh"));
  EXPECT_TRUE(store_->sync()) << "which matters to nobody now";
  append(*journal("d/next"), "x\n");
  EXPECT_TRUE(journal("d/next")->sync());
}

TEST_F(StoreSync, AFileSystemThatFailsElsewhereFailsNoJournal) {
  sync_all();
  for (int i = 0; i < 40; ++i) append(*journal(std::to_string(i)), "x\n");
  int failures = 0;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (call.kind != CallKind::kSyncFilesystem) return std::nullopt;
    ++failures;
    return Fault{kElsewhere};
  });
  sync_all();
  EXPECT_GT(failures, 0);
  lose_power(Survival::drop_all());
  for (int i = 0; i < 40; ++i) EXPECT_EQ(read_all(*journal(std::to_string(i))), "x\n");
}

TEST_F(StoreSync, RemovingAFailedJournalLetsTheStoreSyncAgain) {
  append(*journal(), "x\n");
  const JournalId id = journal()->id();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kSyncData) return Fault{EIO};
    return std::nullopt;
  });
  EXPECT_FALSE(store_->sync());
  env_->set_fault_hook({});
  ASSERT_TRUE(store_->remove("app"));
  EXPECT_TRUE(store_->sync_and_reclaim());
  EXPECT_TRUE(store_->sync());
  EXPECT_FALSE(env_->exists(directory_of(id)));
}

TEST_F(StoreSync, ADirectoryThatBecameAJournalDoesNotFailTheSync) {
  sync_all();
  make_directory("a");
  ASSERT_TRUE(store_->remove_directory("a"));
  append(*journal("a"), "x\n");
  sync_all();
  EXPECT_TRUE(journal("a")->sync());
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal("a")).size(), 1U);
}

TEST_F(StoreSync, JournalsWithoutADirectoryAreSyncedByName) {
  sync_all();
  append(*journal("a"), "x\n");
  ASSERT_TRUE(journal("a")->sync());
  ASSERT_TRUE(store_->rename("a", "b", false));
  ASSERT_TRUE(journal("b")->sync()) << "which covers its new name";
  lose_power(Survival::drop_all());
  EXPECT_EQ(names(""), NameSet{"b"});
  EXPECT_EQ(records(journal("b")).size(), 1U);
}

}  // namespace
}  // namespace range
