// What is deleted of removed journals, and who waits for it.

#include "journal/local/reclaimer.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

// Holds up who deletes a file until it may go on.
class SlowDeletions : public GateEnv {
 public:
  explicit SlowDeletions(Env& base) : GateEnv(base) {}

  Status remove_file(const Path& path) override {
    if (path.native().find("/chunks/") != std::string::npos) {
      std::unique_lock lock(mutex_);
      reached_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return let_go_; });
    }
    return GateEnv::remove_file(path);
  }
  void wait_for_a_deletion() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool let_go_ = false;
};

class ReclaimerTest : public EngineTest {
 protected:
  size_t trash() { return env_->list("/store/trash")->size(); }
};

// Its newest mark is not durable yet, and needs not be any more.
TEST_F(ReclaimerTest, TheFirstSyncAfterARemovalGivesTheSpaceBack) {
  append_lines(*journal(), 0, 50);
  sync_all();
  const Path directory = directory_of(journal()->id());
  append_lines(*journal(), 50, 1);
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->sync());
  EXPECT_FALSE(env_->exists(directory));
}

TEST_F(ReclaimerTest, ASyncDeletesNoMoreThanAFewJournals) {
  for (int i = 0; i < 200; ++i) append(*journal(std::to_string(i)), "x\n");
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(store_->remove(std::to_string(i)));
  ASSERT_TRUE(store_->sync());
  EXPECT_GT(trash(), 100U);
  ASSERT_TRUE(store_->reclaim());
  EXPECT_EQ(trash(), 0U);
}

TEST_F(ReclaimerTest, ASyncDeletesWhatWasRemovedLast) {
  for (int i = 0; i < 100; ++i) append(*journal(std::to_string(i)), "x\n");
  append(*journal("last"), "x\n");
  const Path last = directory_of(journal("last")->id());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store_->remove(std::to_string(i)));
  ASSERT_TRUE(store_->remove("last"));
  ASSERT_TRUE(store_->sync());
  EXPECT_FALSE(env_->exists(last));
}

// Others would never have their turn if those that fail came first each time.
TEST_F(ReclaimerTest, WhatCouldNotBeDeletedComesBehindAllOthers) {
  for (int i = 0; i < 100; ++i) append(*journal(std::to_string(i)), "x\n");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(store_->remove(std::to_string(i)));
  std::set<std::string> tried;  // in the first sync: they go on failing
  bool first = true;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (call.kind != CallKind::kRemoveFile) return std::nullopt;
    if (call.path.find("/chunks/") == std::string::npos) return std::nullopt;
    if (first) tried.insert(call.path);
    return tried.contains(call.path) ? std::optional(Fault{EIO}) : std::nullopt;
  });
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(trash(), 100U);
  first = false;
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(trash(), 64U) << "those that nobody had tried";
  env_->set_fault_hook({});
  ASSERT_TRUE(store_->sync());
  EXPECT_EQ(trash(), 0U);
}

// On a file system, where so many cost less.
TEST_F(ReclaimerTest, AllRemovedDirectoriesAreDeletedAtOnceInTheBackground) {
  const TemporaryDirectory directory;
  const Path root = directory.path() / "store";
  const auto store = *LocalStore::open(posix_env(), root, options_, /*background=*/false);
  const auto left = [&] { return posix_env().list(root / "trash")->size(); };
  for (int i = 0; i < 1500; ++i) ASSERT_TRUE(store->make_directory(std::to_string(i), {}));
  for (int i = 0; i < 1500; ++i) ASSERT_TRUE(store->remove_directory(std::to_string(i)));
  ASSERT_TRUE(store->sync());
  EXPECT_GT(left(), 1400U) << "a sync waits for few of them";
  ASSERT_TRUE(store->sync_and_reclaim());
  EXPECT_EQ(left(), 0U);
}

TEST_F(ReclaimerTest, HundredsShareTheSyncsOfTheirDeletion) {
  const auto syncs_of = [&](int journals) {
    for (int i = 0; i < journals; ++i) append(*journal(std::to_string(i)), "x\n");
    sync_all();
    for (int i = 0; i < journals; ++i) EXPECT_TRUE(store_->remove(std::to_string(i)));
    size_t syncs = 0;
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      const bool sync = call.kind == CallKind::kSyncDirectory || call.kind == CallKind::kSyncData ||
                        call.kind == CallKind::kSyncFilesystem;
      syncs += sync ? 1 : 0;
      return std::nullopt;
    });
    EXPECT_TRUE(store_->sync_and_reclaim());
    env_->set_fault_hook({});
    EXPECT_EQ(trash(), 0U);
    return syncs;
  };
  const size_t of_few = syncs_of(30);
  EXPECT_LE(syncs_of(300), of_few);
}

TEST_F(ReclaimerTest, CanBeStoppedBetweenTwoFilesOfAJournal) {
  const auto large = journal("large");
  append_lines(*large, 0, 200);
  const JournalId id = large->id();
  const Path directory = directory_of(id);
  sync_all();
  const Logger log{LogSink()};
  Names names(*env_, log, "/store");
  ASSERT_TRUE(names.discard("large"));
  ChunkFileCache files(*env_, 100, false);
  SyncQueue queue(names);
  Reclaimer reclaimer(names, queue, files, log, "/store");
  reclaimer.add(id, {});
  const size_t all = env_->list(directory)->size();
  ASSERT_GT(all, 8U);
  int asked = 0;
  ASSERT_TRUE(reclaimer.run([&] { return ++asked > 6; }));
  EXPECT_TRUE(reclaimer.has(id));
  EXPECT_LT(env_->list(directory)->size(), all);
  EXPECT_GT(env_->list(directory)->size(), 0U);
  EXPECT_EQ(trash(), 1U) << "leads to what is left";
  ASSERT_TRUE(reclaimer.run([] { return false; }));
  EXPECT_FALSE(reclaimer.has(id));
  EXPECT_FALSE(env_->exists(directory));
  EXPECT_EQ(trash(), 0U);
}

// Who has it open may go on appending, and is told; nobody else is.
TEST_F(ReclaimerTest, WhatFailsInARemovedJournalFailsNoSyncOfTheStore) {
  const auto app = journal();
  append(*app, "x\n");
  sync_all();
  ASSERT_TRUE(store_->remove("app"));
  append(*app, "y\n");
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    const bool hit = call.kind == CallKind::kSyncData && call.path.ends_with(".dat");
    return hit ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_FALSE(app->sync());
  env_->set_fault_hook({});
  EXPECT_TRUE(store_->sync());
}

// The thread that syncs may keep it when its removal has let go of it already.
TEST_F(ReclaimerTest, AJournalThatFailedJustWhenItWasRemovedIsLetGoOf) {
  const auto app = std::static_pointer_cast<LocalJournal>(journal());
  sync_all();
  const Logger log{LogSink()};
  Names names(*env_, log, "/store");
  SyncQueue queue(names);
  const long others = app.use_count();
  app->note_removed();
  queue.keep(app);
  EXPECT_TRUE(queue.sync_all(false));
  queue.let_go_of_removed();
  EXPECT_EQ(app.use_count(), others);
}

TEST_F(ReclaimerTest, NeitherOpeningNorASyncWaitsForWhatIsDeleted) {
  append(*journal(), "x\n");
  const JournalId id = journal()->id();
  ASSERT_TRUE(store_->remove("app"));
  store_.reset();
  env_ = env_->after_kill();
  SlowDeletions env(*env_);
  options_.sync_interval = std::chrono::milliseconds(1);
  {
    auto store = *LocalStore::open(env, "/store", options_, /*background=*/true);
    env.wait_for_a_deletion();
    EXPECT_EQ(code(store->open(id, "app")), Errc::kNotFound) << "it is removed";
    const auto other = *store->create("other", {});
    EXPECT_TRUE(other->append(as_bytes("y\n")));
    EXPECT_TRUE(store->sync());
    EXPECT_EQ(trash(), 1U);
    env.let_go();
    EXPECT_TRUE(store->close());
  }
  EXPECT_EQ(trash(), 0U);
}

}  // namespace
}  // namespace range
