// Changes of names that wait for the disk keep nobody else from names.

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "journal/local/local_store.h"
#include "tests/support/gate_env.h"
#include "tests/support/sim_env.h"

namespace range {
namespace {

// Holds up who syncs a directory until it may go on.
class SlowNames : public GateEnv {
 public:
  explicit SlowNames(Env& base) : GateEnv(base) {}

  Status sync_directory(const Path& path) override {
    wait();
    return GateEnv::sync_directory(path);
  }
  Status sync_filesystem(const Path& path) override {
    wait();
    return GateEnv::sync_filesystem(path);
  }
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  void wait_for_a_sync() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
  }

 private:
  void wait() {
    std::unique_lock lock(mutex_);
    reached_ = held_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  bool reached_ = false;
};

class StoreNamesInSlowSyncs : public testing::Test {
 protected:
  // Others go on with names while `change` syncs those in directory "d".
  void expect_waits_alone(const std::function<Status()>& change) {
    env_.hold(true);
    std::jthread changing([&] { EXPECT_TRUE(change()); });
    env_.wait_for_a_sync();
    EXPECT_TRUE(store_->create("new", {}));
    EXPECT_TRUE(store_->rename("new", "renamed", false));
    EXPECT_TRUE(store_->look_up("d").value());
    env_.hold(false);
    changing.join();
    EXPECT_FALSE(store_->look_up("d").value());
  }

  SimEnv machine_;
  SlowNames env_{machine_};
  std::unique_ptr<LocalStore> store_ = *LocalStore::open(env_, "/store", {}, /*background=*/false);
};

TEST_F(StoreNamesInSlowSyncs, MovingADirectoryWaitsAlone) {
  ASSERT_TRUE(store_->make_directory("d", {}));
  ASSERT_TRUE(store_->create("d/app", {}));
  expect_waits_alone([&] { return store_->rename("d", "e", false); });
}

TEST_F(StoreNamesInSlowSyncs, RemovingADirectoryWaitsAlone) {
  ASSERT_TRUE(store_->make_directory("d", {}));
  ASSERT_TRUE(store_->create("d/app", {}));
  ASSERT_TRUE(store_->rename("d/app", "app", false));
  expect_waits_alone([&] { return store_->remove_directory("d"); });
}

TEST_F(StoreNamesInSlowSyncs, ChangingAttributesOfADirectoryHoldsUpNoLookUp) {
  ASSERT_TRUE(store_->make_directory("d", {}));
  env_.close_gate();
  std::jthread changing([&] { EXPECT_TRUE(store_->set_directory_attributes("d", Attributes())); });
  env_.wait_until_reached();
  EXPECT_TRUE(store_->look_up("d").value());
  EXPECT_EQ(store_->list("")->size(), 1U);
  env_.open_gate();
}

// There is nothing to wait for.
TEST_F(StoreNamesInSlowSyncs, MovingADirectoryOfWhichAllIsSyncedWaitsForNothing) {
  ASSERT_TRUE(store_->make_directory("d", {}));
  ASSERT_TRUE(store_->create("d/app", {}));
  ASSERT_TRUE(store_->sync());
  ASSERT_TRUE(store_->create("other", {}));
  env_.hold(true);
  EXPECT_TRUE(store_->rename("d", "e", false));
  env_.hold(false);
}

TEST_F(StoreNamesInSlowSyncs, MovingADirectoryWaitsForNoSyncOfSomethingElse) {
  ASSERT_TRUE(store_->make_directory("d", {}));
  ASSERT_TRUE(store_->sync());
  ASSERT_TRUE(store_->make_directory("other", {}));
  env_.hold(true);
  std::jthread syncing([&] { EXPECT_TRUE(store_->sync()); });
  env_.wait_for_a_sync();
  EXPECT_TRUE(store_->rename("d", "e", false));
  env_.hold(false);
}

}  // namespace
}  // namespace range
