// What becomes of journals and directories that were removed.

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "journal/local/names.h"
#include "tests/support/engine_test.h"

namespace range {
namespace {

class NamesTrash : public EngineTest {
 protected:
  // Ids of one part of STORE/chunks, and that.
  static constexpr uint64_t kOne = 0x5600'0000'0010;
  static constexpr uint64_t kTwo = 0x5600'0000'0020;
  static constexpr const char* kPart = "/store/chunks/56";

  size_t trash() { return env_->list("/store/trash")->size(); }

  // The next calls of these kinds about a path that ends so fail with EIO, one of each.
  void fail_once(std::map<CallKind, std::string> failing) {
    env_->set_fault_hook(
        [left = std::move(failing)](const Call& call) mutable -> std::optional<Fault> {
          const auto found = left.find(call.kind);
          if (found == left.end() || !call.path.ends_with(found->second)) return std::nullopt;
          left.erase(found);
          return Fault{EIO};
        });
  }
};

TEST_F(NamesTrash, WhatIsForeignInARemovedJournalCostsItsOwnSpaceOnly) {
  for (const char* name : {"a", "b", "c"}) append_lines(*journal(name), 0, 50);
  const Path a = directory_of(journal("a")->id());
  const Path b = directory_of(journal("b")->id());
  const Path c = directory_of(journal("c")->id());
  ASSERT_TRUE(env_->make_directory(a / "foreign"));
  env_->write_raw(b / "NOTE", "mine");
  sync_all();
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(store_->remove(name));
  sync_all();
  append(*journal("other"), "x\n");
  sync_all();
  EXPECT_FALSE(env_->exists(c));
  EXPECT_EQ(env_->list(a)->size(), 1U) << "what is ours takes up no space";
  EXPECT_EQ(env_->read_all(b / "NOTE"), "mine");
  ASSERT_TRUE(env_->remove_file(b / "NOTE"));
  reopen();
  EXPECT_FALSE(env_->exists(b));
  EXPECT_TRUE(env_->exists(a / "foreign"));
  sync_all();
}

TEST_F(NamesTrash, ARemovedDirectoryThatGotSomethingForeignFailsNoSync) {
  make_directory("a");
  make_directory("b");
  ASSERT_TRUE(store_->remove_directory("a"));
  const auto trashed = env_->list("/store/trash");
  ASSERT_EQ(trashed->size(), 1U);
  env_->write_raw(Path("/store/trash") / trashed->front().name / "NOTE", "mine");
  ASSERT_TRUE(store_->remove_directory("b"));
  sync_all();
  sync_all();
  EXPECT_EQ(trash(), 1U);
}

TEST_F(NamesTrash, RemovedJournalsLeftByAKillAreDeletedAtTheNextOpening) {
  append(*journal(), "x\n");
  const Path directory = directory_of(journal()->id());
  ASSERT_TRUE(store_->remove("app"));
  EXPECT_EQ(trash(), 1U);
  EXPECT_TRUE(env_->exists(directory));
  kill();
  EXPECT_EQ(trash(), 0U);
  EXPECT_FALSE(env_->exists(directory));
}

// Each costs a few milliseconds, and there may be 100,000 of them.
TEST_F(NamesTrash, RemovedJournalsShareTheSyncsOfTheirDeletion) {
  constexpr uint64_t kJournals = 50;
  int syncs = 0;
  const auto count_syncs = [&syncs](const Call& call) -> std::optional<Fault> {
    syncs += call.kind == CallKind::kSyncDirectory || call.kind == CallKind::kSyncFilesystem;
    return std::nullopt;
  };
  for (const int apart : {0, 1}) {  // all in one part of STORE/chunks, or each in another one
    for (const bool killed : {false, true}) {
      std::vector<uint64_t> ids;
      for (uint64_t i = 1; i <= kJournals; ++i) {
        ids.push_back((0x56 + i * static_cast<uint64_t>(apart)) << 40 | 2 * i);
      }
      env_->script_random(ids);
      for (const uint64_t id : ids) append(*journal(std::to_string(id)), "x\n");
      sync_all();
      for (const uint64_t id : ids) ASSERT_TRUE(store_->remove(std::to_string(id)));
      syncs = 0;
      if (killed) {
        store_.reset();
        env_ = env_->after_kill();
      }
      env_->set_fault_hook(count_syncs);
      if (killed) open_store();
      ASSERT_TRUE(store_->sync_and_reclaim());
      EXPECT_EQ(trash(), 0U);
      EXPECT_TRUE(env_->list("/store/chunks/56")->empty());
      EXPECT_LT(syncs, 10) << apart << killed;
      env_->set_fault_hook({});
    }
  }
}

TEST_F(NamesTrash, ARemovedJournalLeavesNoDirectoryThatNothingLeadsTo) {
  append(*journal(), "x\n");
  const Path directory = directory_of(journal()->id());
  sync_all();
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->sync_and_reclaim());
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = LocalStore::open(*later, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    EXPECT_FALSE(later->exists(directory)) << to_string(Survival::of(seed));
  }
}

// The kernel tells of a failure once: who hears of it must not keep it from others.
TEST_F(NamesTrash, AFailureAtDeletingConcernsAllThatIsUnsyncedBesideIt) {
  sync_all();
  env_->script_random({kOne, kTwo});
  const auto kept = journal("kept");
  fail_once({{CallKind::kRename, to_string(JournalId(kTwo))}, {CallKind::kSyncDirectory, kPart}});
  EXPECT_FALSE(store_->create("failing", {}));
  env_->set_fault_hook({});
  EXPECT_FALSE(kept->sync());
  EXPECT_TRUE(journal("other")->sync());
}

TEST_F(NamesTrash, AFailureAtDeletingIsNoneOfTheStore) {
  env_->script_random({kOne, kTwo});
  journal("app");
  make_directory("d");
  sync_all();
  for (const bool directory : {false, true}) {
    ASSERT_TRUE(directory ? store_->remove_directory("d") : store_->remove("app"));
    fail_once({{CallKind::kSyncDirectory, kPart}});
    (void)store_->sync_and_reclaim();
    EXPECT_TRUE(store_->sync()) << directory;
    EXPECT_TRUE(store_->sync_and_reclaim()) << directory;
    EXPECT_EQ(trash(), 0U) << directory;
  }
}

// Nothing would lead to what comes back by a power loss.
TEST_F(NamesTrash, WhatIsDeletedIsSyncedBeforeTheTrashForgetsItAlsoAtTheNextTry) {
  env_->script_random({kOne, kTwo});
  const Path directory = directory_of(journal("app")->id());
  make_directory("d");
  sync_all();
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->remove_directory("d"));
  // None of these syncs gets as far as the disk.
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    const bool hit = call.kind == CallKind::kOpen && call.path == kPart;
    return hit ? std::optional(Fault{EMFILE}) : std::nullopt;
  });
  for (int i = 0; i < 3; ++i) (void)store_->sync_and_reclaim();
  env_->set_fault_hook({});
  EXPECT_EQ(trash(), 2U);
  ASSERT_TRUE(store_->sync_and_reclaim());
  ASSERT_TRUE(store_->sync_and_reclaim());
  EXPECT_EQ(trash(), 0U);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = LocalStore::open(*later, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    EXPECT_TRUE(later->list(kPart)->empty()) << to_string(Survival::of(seed)) << later->dump();
  }
}

TEST_F(NamesTrash, ARemovedDirectoryComesBackWithItsAttributesOrNotAtAll) {
  ASSERT_TRUE(store_->close());
  store_.reset();
  const Logger log{LogSink()};
  Names names(*env_, log, "/store");
  Attributes attributes;
  attributes.mode = 0750;
  ASSERT_TRUE(names.create_directory("d", attributes));
  ASSERT_TRUE(names.sync());
  ASSERT_TRUE(names.discard("d"));
  ASSERT_TRUE(names.reclaim_directories(1, [] { return false; }));
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    Names found(*later, log, "/store");
    if (!*found.look_up("d")) continue;
    EXPECT_EQ(found.directory_attributes("d")->mode, 0750U) << to_string(Survival::of(seed));
  }
}

TEST_F(NamesTrash, WhatCannotBeDeletedFromTheTrashDoesNotKeepTheStoreShut) {
  append(*journal(), "x\n");
  const Path directory = directory_of(journal()->id());
  ASSERT_TRUE(env_->make_directory(directory / "foreign"));
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(env_->make_directory("/store/trash/gone-1"));
  env_->write_raw("/store/trash/gone-1/NOTE", "mine");
  ASSERT_TRUE(env_->make_symlink("elsewhere", "/store/trash/link"));
  kill();
  EXPECT_FALSE(has("app"));
  EXPECT_EQ(env_->read_all("/store/trash/gone-1/NOTE"), "mine");
  append(*journal("other"), "x\n");
}
}  // namespace
}  // namespace range
