#include "journal/chunked/sync_group.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace range {
namespace {

// Callers that want what they did before synced: each has a number, and a sync covers all numbers
// given out before it began.
class Callers {
 public:
  // Returns whether this caller led.
  bool call() {
    const int number = ++given_out_;
    const bool leads = group_.lead_or_wait([&] {
      ++asked_;
      return synced_ >= number;
    });
    if (!leads) return false;
    group_.begin();
    const int covered = given_out_;
    ++syncs_;
    synced_ = covered;
    group_.end();
    return true;
  }

  SyncGroup group_;
  std::atomic<int> given_out_ = 0;
  std::atomic<int> asked_ = 0;
  std::atomic<int> synced_ = 0;
  std::atomic<int> syncs_ = 0;
};

TEST(SyncGroup, WhoIsAloneLeadsEachTime) {
  Callers callers;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(callers.call());
  EXPECT_EQ(callers.syncs_, 3);
}

TEST(SyncGroup, WhatIsDoneNeedsNoLeader) {
  SyncGroup group;
  EXPECT_FALSE(group.lead_or_wait([] { return true; }));
}

TEST(SyncGroup, CallersDuringASyncShareTheNext) {
  constexpr int kThreads = 5;
  Callers callers;
  ASSERT_TRUE(callers.group_.lead_or_wait([] { return false; }));
  callers.group_.begin();
  std::atomic<int> led = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { led += callers.call() ? 1 : 0; });
  }
  while (callers.asked_ < kThreads) std::this_thread::yield();
  EXPECT_EQ(callers.syncs_, 0);
  callers.group_.end();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(led, 1);
  EXPECT_EQ(callers.syncs_, 1);
}

TEST(SyncGroup, NobodyWaitsForEverHoweverManyCallAgain) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 200;
  Callers callers;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kCalls; ++n) callers.call();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(callers.synced_, kThreads * kCalls);
}

}  // namespace
}  // namespace range
