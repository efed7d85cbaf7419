// Who reads what is not in memory keeps nobody else from being served.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/played_kernel.h"

namespace rangefs {
namespace {

constexpr int kThreadsOfAPool = 16;

// A mounted store with two journals that are open. Of "cold" nothing is in memory, and the disk
// answers when the test lets it. The thread of the test is the one that serves: if it waited, the
// test would never end.
class ColdRead : public ::testing::Test {
 protected:
  struct Opened {
    uint64_t node = 0;
    uint64_t handle = 0;
  };

  void SetUp() override {
    cold_ = open("cold");
    hot_ = open("hot");
    store_.journal("cold")->on_cold_read = [this] { wait_for_disk(); };
  }
  void TearDown() override {
    let_disk_answer();
    adapter_->finish();
    adapter_->release_all();
  }

  // A new journal, with its name in it.
  Opened open(const std::string& name) {
    const auto journal = store_.create(name, {});
    EXPECT_TRUE(journal && (*journal)->append(range::as_bytes(name)));
    const uint64_t node = kernel_.look_up(FUSE_ROOT_ID, name);
    return {node, kernel_.open(node, O_RDWR | O_APPEND)};
  }

  void wait_for_disk() {
    std::unique_lock lock(mutex_);
    if (++waiting_ > held_) return;
    changed_.notify_all();
    changed_.wait(lock, [this] { return answers_; });
  }
  void let_disk_answer() {
    const std::lock_guard lock(mutex_);
    answers_ = true;
    changed_.notify_all();
  }
  // Until so many wait for the disk.
  void wait_for_waiting(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return waiting_ >= count; });
  }

  uint64_t send_read(const Opened& file, uint32_t size = 100) {
    return kernel_.send_read(file.node, file.handle, 0, size, 0);
  }
  uint64_t send_append(const Opened& file, std::string_view text) {
    return kernel_.send_write(file.node, file.handle, text, O_WRONLY | O_APPEND, 0);
  }

  // As many as `send` sends until each thread of a pool has one that waits.
  template <typename Send>
  std::vector<uint64_t> fill_a_pool(const Send& send) {
    held_ = kThreadsOfAPool;
    std::vector<uint64_t> requests;
    for (int i = 0; i < kThreadsOfAPool; ++i) requests.push_back(send());
    wait_for_waiting(kThreadsOfAPool);
    return requests;
  }

  static CallerWatch watch(const std::atomic<CallerState>& state) {
    CallerWatch watch;
    watch.look = [&state](pid_t) { return state.load(); };
    watch.interval = std::chrono::milliseconds(1);
    return watch;
  }

  std::atomic<CallerState> caller_ = CallerState::kLives;
  range::MemoryStore store_;
  std::unique_ptr<FuseAdapter> adapter_ =
      *FuseAdapter::create(store_, FsOptions{"/store", "1.0"}, watch(caller_));
  PlayedKernel kernel_{*adapter_};
  Opened cold_;
  Opened hot_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  std::atomic<int> held_ = std::numeric_limits<int>::max();  // who comes later is answered at once
  bool answers_ = false;
};

TEST_F(ColdRead, TwoReadersHoldUpNoAppend) {
  const uint64_t first = send_read(cold_);
  const uint64_t second = send_read(cold_);
  wait_for_waiting(2);
  for (const Opened& file : {hot_, cold_}) {
    const uint64_t append = send_append(file, " more");
    EXPECT_TRUE(kernel_.answered(append));
    EXPECT_EQ(kernel_.answer(append).error, 0);
  }
  EXPECT_FALSE(kernel_.answered(first));
  EXPECT_FALSE(kernel_.answered(second));
  let_disk_answer();
  for (const uint64_t read : {first, second}) {
    EXPECT_EQ(kernel_.answer(read).error, 0);
    EXPECT_EQ(kernel_.answer(read).body, "cold more");
  }
}

TEST_F(ColdRead, WhatIsInMemoryIsAnsweredWhileAllReadersWait) {
  const auto reads = fill_a_pool([this] { return send_read(cold_); });
  const uint64_t read = send_read(hot_);
  ASSERT_TRUE(kernel_.answered(read));  // by this thread, before send_read() returned
  EXPECT_EQ(kernel_.answer(read).body, "hot");
  for (const uint64_t waiting : reads) EXPECT_FALSE(kernel_.answered(waiting));
}

TEST_F(ColdRead, GivesNoMoreThanWasAskedFor) {
  let_disk_answer();
  EXPECT_EQ(kernel_.answer(send_read(cold_, 2)).body, "co");
  EXPECT_EQ(kernel_.answer(kernel_.send_read(cold_.node, cold_.handle, 2, 1, 0)).body, "l");
  const auto behind = kernel_.answer(kernel_.send_read(cold_.node, cold_.handle, 4, 1, 0));
  EXPECT_EQ(behind.error, 0);
  EXPECT_EQ(behind.body, "");
}

TEST_F(ColdRead, SyncsThatWaitHoldUpNoRead) {
  store_.on_wait = [this] { wait_for_disk(); };
  const auto syncs = fill_a_pool(
      [this] { return kernel_.send(FUSE_FSYNCDIR, FUSE_ROOT_ID, bytes_of(fuse_fsync_in{})); });
  EXPECT_EQ(kernel_.answer(send_read(cold_)).body, "cold");
  for (const uint64_t sync : syncs) EXPECT_FALSE(kernel_.answered(sync));
}

TEST_F(ColdRead, ReadsThatWaitHoldUpNoSyncAndNoLookUp) {
  ASSERT_TRUE(store_.create("closed", {}));
  store_.close_journals();
  store_.on_wait = [this] { wait_for_disk(); };
  const auto reads = fill_a_pool([this] { return send_read(cold_); });
  kernel_.look_up(FUSE_ROOT_ID, "closed");
  EXPECT_EQ(kernel_.call(FUSE_FSYNCDIR, FUSE_ROOT_ID, bytes_of(fuse_fsync_in{})).error, 0);
  for (const uint64_t read : reads) EXPECT_FALSE(kernel_.answered(read));
}

TEST_F(ColdRead, WhoIsKilledMeanwhileIsLetGo) {
  const uint64_t read = send_read(cold_);
  wait_for_waiting(1);
  caller_ = CallerState::kDying;
  kernel_.interrupt(read);
  EXPECT_EQ(kernel_.answer(read).error, EINTR);
  // What it had open goes before the disk has answered.
  fuse_release_in closed{};
  closed.fh = cold_.handle;
  EXPECT_EQ(kernel_.call(FUSE_RELEASE, cold_.node, bytes_of(closed)).error, 0);
}

TEST_F(ColdRead, IsAnsweredBeforeTheAdapterHasFinished) {
  const uint64_t read = send_read(cold_);
  wait_for_waiting(1);
  let_disk_answer();
  adapter_->finish();
  EXPECT_TRUE(kernel_.answered(read));
  EXPECT_EQ(kernel_.answer(send_read(cold_)).body, "cold");  // nobody but this thread is left
}

}  // namespace
}  // namespace rangefs
