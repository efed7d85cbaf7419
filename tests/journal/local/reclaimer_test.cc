// What is deleted of removed journals, and who waits for it.

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"

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

class ReclaimTest : public EngineTest {
 protected:
  size_t trash() { return env_->list("/store/trash")->size(); }
};

// Its newest mark is not durable yet, and needs not be any more.
TEST_F(ReclaimTest, TheFirstSyncAfterARemovalGivesTheSpaceBack) {
  append_lines(*journal(), 0, 50);
  sync_all();
  const Path directory = directory_of(journal()->id());
  append_lines(*journal(), 50, 1);
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->sync());
  EXPECT_FALSE(env_->exists(directory));
}

TEST_F(ReclaimTest, ASyncDeletesNoMoreThanAFewJournals) {
  for (int i = 0; i < 200; ++i) append(*journal(std::to_string(i)), "x\n");
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(store_->remove(std::to_string(i)));
  ASSERT_TRUE(store_->sync());
  EXPECT_GT(trash(), 100U);
  ASSERT_TRUE(store_->reclaim());
  EXPECT_EQ(trash(), 0U);
}

TEST_F(ReclaimTest, NeitherOpeningNorASyncWaitsForWhatIsDeleted) {
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
