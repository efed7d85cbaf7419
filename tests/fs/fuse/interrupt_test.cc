// Calls that wait, and signals that come to their callers meanwhile.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "journal/local/local_store.h"
#include "tests/support/gate_env.h"
#include "tests/support/played_kernel.h"
#include "tests/support/sim_env.h"

namespace rangefs {
namespace {

constexpr pid_t kCaller = 4711;

// A mounted store with two journals, whose syncs wait at a gate, and callers that are in the state
// that a test says.
class Interrupt : public ::testing::Test {
 protected:
  static constexpr size_t kThreads = 16;  // of the pool

  void SetUp() override {
    store_ = range::LocalStore::open(env_, "/store", {}, /*background=*/false).value();
    for (const char* name : {"app", "other"}) {
      journals_.push_back(store_->create(name, {}).value());
      ASSERT_TRUE(journals_.back()->append(range::as_bytes("first\n")));
    }
    ASSERT_TRUE(store_->sync());
    for (const auto& journal : journals_) {
      ASSERT_TRUE(journal->append(range::as_bytes("second\n")));
    }
    CallerWatch watch;
    watch.look = [this](pid_t caller) { return look(caller); };
    watch.interval = std::chrono::milliseconds(1);
    watch.grace = grace_;
    adapter_ = FuseAdapter::create(*store_, FsOptions{}, watch).value();
    kernel_ = std::make_unique<PlayedKernel>(*adapter_);
    app_ = kernel_->look_up(1, "app");
    file_ = kernel_->open(app_, O_WRONLY | O_APPEND);
  }

  void TearDown() override {
    env_.open_gate();
    adapter_->finish();
    kernel_.reset();
    adapter_->release_all();
    adapter_.reset();
    journals_.clear();
    EXPECT_TRUE(store_->close());
  }

  CallerState look(pid_t caller) {
    EXPECT_EQ(caller, kCaller);
    ++looks_;
    looks_.notify_all();
    if (memory_is_short_.exchange(false)) throw std::bad_alloc();
    return state_;
  }

  // Until the caller was looked at so often from now on.
  void wait_for_looks(int count) {
    const int wanted = looks_ + count;
    for (int now = looks_; now < wanted; now = looks_) looks_.wait(now);
  }

  // A sync that waits at the gate, and goes on when it is opened.
  uint64_t start_fsync() {
    env_.close_gate();
    const uint64_t request = kernel_->send_fsync(app_, file_, kCaller);
    env_.wait_until_reached();
    return request;
  }

  int error_of(uint64_t request) { return kernel_->answer(request).error; }

  range::SimEnv machine_;
  range::GateEnv env_{machine_};
  std::unique_ptr<range::LocalStore> store_;
  std::vector<std::shared_ptr<Journal>> journals_;
  std::atomic<CallerState> state_ = CallerState::kLives;
  std::atomic<int> looks_ = 0;
  std::atomic<bool> memory_is_short_ = false;  // for one look
  std::chrono::milliseconds grace_{0};
  std::unique_ptr<FuseAdapter> adapter_;
  std::unique_ptr<PlayedKernel> kernel_;
  uint64_t app_ = 0;
  uint64_t file_ = 0;
};

TEST_F(Interrupt, CallerThatLivesWaitsForTheEnd) {
  const uint64_t request = start_fsync();
  kernel_->interrupt(request);
  wait_for_looks(3);
  EXPECT_FALSE(kernel_->answered(request));
  env_.open_gate();
  EXPECT_EQ(error_of(request), 0);
}

TEST_F(Interrupt, CallerThatDiesIsLetGoWhileTheWorkGoesOn) {
  const uint64_t request = start_fsync();
  state_ = CallerState::kDying;
  kernel_->interrupt(request);
  EXPECT_EQ(error_of(request), EINTR);
  env_.open_gate();
  adapter_->finish();
  EXPECT_EQ(journals_[0]->extent().synced, journals_[0]->extent().end.offset);
}

TEST_F(Interrupt, CallerThatDiesAfterASignalThatItSurvivedIsLetGo) {
  const uint64_t request = start_fsync();
  kernel_->interrupt(request);
  wait_for_looks(2);
  state_ = CallerState::kDying;
  EXPECT_EQ(error_of(request), EINTR);
}

TEST_F(Interrupt, WantOfMemoryEndsNoWatch) {
  const uint64_t request = start_fsync();
  memory_is_short_ = true;
  state_ = CallerState::kDying;
  kernel_->interrupt(request);
  EXPECT_EQ(error_of(request), EINTR);
  EXPECT_EQ(looks_, 2);
}

TEST_F(Interrupt, NobodyIsWatchedWithoutASignal) {
  state_ = CallerState::kDying;
  const uint64_t request = start_fsync();
  EXPECT_FALSE(kernel_->answered(request));
  env_.open_gate();
  EXPECT_EQ(error_of(request), 0);
  EXPECT_EQ(looks_, 0);
}

TEST_F(Interrupt, SignalBeforeTheRequestIsNotMissed) {
  env_.close_gate();
  state_ = CallerState::kDying;
  // The kernel's two messages overtake each other where two threads read them.
  const uint64_t last = kernel_->send_fsync(app_, file_, kCaller);
  env_.wait_until_reached();
  kernel_->interrupt(last + 4);  // the request after this message, which is a request itself
  const uint64_t request = kernel_->send_fsync(app_, file_, kCaller);
  ASSERT_EQ(request, last + 4);
  EXPECT_EQ(error_of(request), EINTR);
  EXPECT_FALSE(kernel_->answered(last));
}

TEST_F(Interrupt, CallerThatCannotBeSeenIsLetGoAfterAWhile) {
  const uint64_t request = start_fsync();
  state_ = CallerState::kUnseen;
  kernel_->interrupt(request);
  EXPECT_EQ(error_of(request), EINTR);
}

class InterruptWithGrace : public Interrupt {
 protected:
  InterruptWithGrace() { grace_ = std::chrono::hours(1); }
};

TEST_F(InterruptWithGrace, CallerThatCannotBeSeenIsNotLetGoAtOnce) {
  const uint64_t request = start_fsync();
  state_ = CallerState::kUnseen;
  kernel_->interrupt(request);
  wait_for_looks(3);
  EXPECT_FALSE(kernel_->answered(request));
  env_.open_gate();
  EXPECT_EQ(error_of(request), 0);
}

TEST_F(InterruptWithGrace, CallerThatDiesIsLetGoAtOnce) {
  const uint64_t request = start_fsync();
  state_ = CallerState::kDying;
  kernel_->interrupt(request);
  EXPECT_EQ(error_of(request), EINTR);
}

TEST_F(Interrupt, AppendThatMayBeSeenToFailIsNotDone) {
  env_.close_gate();
  const uint64_t write =
      kernel_->send_write(app_, file_, "x\n", O_WRONLY | O_APPEND | O_DSYNC, kCaller);
  env_.wait_until_reached();
  state_ = CallerState::kUnseen;
  kernel_->interrupt(write);
  wait_for_looks(3);
  EXPECT_FALSE(kernel_->answered(write)) << "it would be repeated";
  state_ = CallerState::kDying;
  EXPECT_EQ(error_of(write), EINTR);
}

TEST_F(Interrupt, WhatPrintsAndTakesCommandsIsLetGoToo) {
  const uint64_t sync = kernel_->look_up(1, "app.sync");
  const uint64_t command = kernel_->open(sync, O_WRONLY);
  start_fsync();
  state_ = CallerState::kDying;
  for (const uint64_t request : {kernel_->send_open(sync, O_RDONLY, kCaller),
                                 kernel_->send_write(sync, command, "\n", O_WRONLY, kCaller)}) {
    EXPECT_FALSE(kernel_->answered(request));
    kernel_->interrupt(request);
    EXPECT_EQ(error_of(request), EINTR);
  }
}

TEST_F(Interrupt, WorkThatNobodyWaitsForIsNotBegun) {
  const uint64_t other = kernel_->look_up(1, "other");
  const uint64_t other_file = kernel_->open(other, O_WRONLY | O_APPEND);
  const uint64_t position = kernel_->open(kernel_->look_up(1, "app.pos"), O_WRONLY);
  std::vector<uint64_t> busy{start_fsync()};
  while (busy.size() < kThreads) busy.push_back(kernel_->send_fsync(app_, file_, kCaller));
  state_ = CallerState::kDying;
  for (const uint64_t request : {kernel_->send_fsync(other, other_file, kCaller),
                                 kernel_->send_write(kernel_->look_up(1, "app.pos"), position,
                                                     "end\n", O_WRONLY, kCaller)}) {
    kernel_->interrupt(request);
    EXPECT_EQ(error_of(request), EINTR);
  }
  env_.open_gate();
  adapter_->finish();
  for (const uint64_t request : busy) EXPECT_EQ(error_of(request), 0);
  EXPECT_LT(journals_[1]->extent().synced, journals_[1]->extent().end.offset);
  EXPECT_EQ(kernel_->look_up(1, "app"), app_) << "it begins where it began";
}

}  // namespace
}  // namespace rangefs
