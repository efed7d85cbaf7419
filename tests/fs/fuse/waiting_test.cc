// Who waits for the disk keeps nobody else from being served.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <condition_variable>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/played_kernel.h"

namespace rangefs {
namespace {

// A mounted store with a journal and two directories, of which nothing is open; and a disk that
// answers when the test lets it. The thread of the test is the one that serves.
class Waiting : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.create("app", {}));
    ASSERT_TRUE(store_.make_directory("web", {}));
    ASSERT_TRUE(store_.make_directory("mail", {}));
    store_.close_journals();
    web_ = kernel_.look_up(FUSE_ROOT_ID, "web");
    store_.on_wait = [this] {
      std::unique_lock lock(mutex_);
      if (++waiting_ > held_) return;
      changed_.notify_all();
      changed_.wait(lock, [this] { return answers_; });
    };
  }
  void TearDown() override {
    let_disk_answer();
    adapter_->finish();
    adapter_->release_all();
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

  // It waits for the disk; others are served; then it is done.
  void expect_waits_alone(uint64_t request) {
    wait_for_waiting(1);
    EXPECT_FALSE(kernel_.answered(request));
    kernel_.look_up(FUSE_ROOT_ID, "mail");
    fuse_mknod_in made{};
    made.mode = S_IFREG | 0644;
    EXPECT_EQ(kernel_.call(FUSE_MKNOD, FUSE_ROOT_ID, bytes_of(made) + name_sent("new")).error, 0);
    EXPECT_FALSE(kernel_.answered(request));
    let_disk_answer();
    EXPECT_EQ(kernel_.answer(request).error, 0);
  }

  range::MemoryStore store_;
  std::unique_ptr<FuseAdapter> adapter_ = *FuseAdapter::create(store_, FsOptions{"/store", "1.0"});
  PlayedKernel kernel_{*adapter_};
  uint64_t web_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  int held_ = std::numeric_limits<int>::max();  // who comes later is answered at once
  bool answers_ = false;
};

TEST_F(Waiting, ALookUpThatOpensAJournal) {
  expect_waits_alone(kernel_.send(FUSE_LOOKUP, FUSE_ROOT_ID, name_sent("app")));
  kernel_.look_up(FUSE_ROOT_ID, "app");
}

TEST_F(Waiting, ALookUpOfAControlFileThatOpensAJournal) {
  expect_waits_alone(kernel_.send(FUSE_LOOKUP, FUSE_ROOT_ID, name_sent("app.pos")));
}

// A move needs the lock of names, which nobody holds while a journal is opened.
TEST_F(Waiting, AMoveDoesNotWaitForALookUpThatOpensAJournal) {
  const uint64_t opening = kernel_.send(FUSE_LOOKUP, FUSE_ROOT_ID, name_sent("app"));
  wait_for_waiting(1);
  ASSERT_TRUE(store_.create("other", {}));
  fuse_rename2_in moved{};
  moved.newdir = FUSE_ROOT_ID;
  const auto body = bytes_of(moved) + name_sent("other") + name_sent("another");
  EXPECT_EQ(kernel_.call(FUSE_RENAME2, FUSE_ROOT_ID, body).error, 0);
  EXPECT_FALSE(kernel_.answered(opening));
  let_disk_answer();
  EXPECT_EQ(kernel_.answer(opening).error, 0);
}

// So many as there are threads for them.
TEST_F(Waiting, SyncsThatWaitHoldUpNoLookUp) {
  held_ = 16;
  std::vector<uint64_t> syncs;
  for (int i = 0; i < held_; ++i) {
    syncs.push_back(kernel_.send(FUSE_FSYNCDIR, FUSE_ROOT_ID, bytes_of(fuse_fsync_in{})));
  }
  wait_for_waiting(held_);
  kernel_.look_up(FUSE_ROOT_ID, "app");
  for (const uint64_t sync : syncs) EXPECT_FALSE(kernel_.answered(sync));
  let_disk_answer();
  for (const uint64_t sync : syncs) EXPECT_EQ(kernel_.answer(sync).error, 0);
}

TEST_F(Waiting, MovingADirectory) {
  fuse_rename2_in moved{};
  moved.newdir = FUSE_ROOT_ID;
  expect_waits_alone(kernel_.send(FUSE_RENAME2, FUSE_ROOT_ID,
                                  bytes_of(moved) + name_sent("web") + name_sent("www")));
  EXPECT_EQ(kernel_.look_up(FUSE_ROOT_ID, "www"), web_);
}

TEST_F(Waiting, RemovingADirectory) {
  expect_waits_alone(kernel_.send(FUSE_RMDIR, FUSE_ROOT_ID, name_sent("web")));
  EXPECT_EQ(kernel_.call(FUSE_LOOKUP, FUSE_ROOT_ID, name_sent("web")).error, ENOENT);
}

TEST_F(Waiting, AChangeOfAttributes) {
  fuse_setattr_in change{};
  change.valid = FATTR_MODE;
  change.mode = S_IFDIR | 0700;
  expect_waits_alone(kernel_.send(FUSE_SETATTR, web_, bytes_of(change)));
  EXPECT_EQ(store_.directory_attributes("web")->mode, 0700U);
}

TEST_F(Waiting, WhoAsksHowManyJournalsThereAre) {
  fuse_getxattr_in asked{};
  asked.size = 100;
  expect_waits_alone(
      kernel_.send(FUSE_GETXATTR, web_, bytes_of(asked) + name_sent("user.range.journals")));
}

TEST_F(Waiting, AChangeOfAProperty) {
  fuse_setxattr_in change{};
  change.size = 1;
  const std::string name_and_value = name_sent("user.range.keep") + "1";
  // libfuse takes the request as it was before there was more in it.
  const std::string head = bytes_of(change).substr(0, FUSE_COMPAT_SETXATTR_IN_SIZE);
  expect_waits_alone(kernel_.send(FUSE_SETXATTR, web_, head + name_and_value));
  EXPECT_EQ(store_.directory_attributes("web")->keep, true);
}

}  // namespace
}  // namespace rangefs
