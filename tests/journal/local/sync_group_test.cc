#include "journal/local/sync_group.h"

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
    const int number = ++given_out;
    const bool leads = group.lead_or_wait([&] {
      ++asked;
      return synced >= number;
    });
    if (!leads) return false;
    group.begin();
    const int covered = given_out;
    ++syncs;
    synced = covered;
    group.end();
    return true;
  }

  SyncGroup group;
  std::atomic<int> given_out = 0;
  std::atomic<int> asked = 0;
  std::atomic<int> synced = 0;
  std::atomic<int> syncs = 0;
};

TEST(SyncGroup, WhoIsAloneLeadsEachTime) {
  Callers callers;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(callers.call());
  EXPECT_EQ(callers.syncs, 3);
}

TEST(SyncGroup, WhatIsDoneNeedsNoLeader) {
  SyncGroup group;
  EXPECT_FALSE(group.lead_or_wait([] { return true; }));
}

TEST(SyncGroup, CallersDuringASyncShareTheNext) {
  constexpr int kThreads = 5;
  Callers callers;
  ASSERT_TRUE(callers.group.lead_or_wait([] { return false; }));
  callers.group.begin();
  std::atomic<int> led = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { led += callers.call() ? 1 : 0; });
  }
  while (callers.asked < kThreads) std::this_thread::yield();
  EXPECT_EQ(callers.syncs, 0);
  callers.group.end();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(led, 1);
  EXPECT_EQ(callers.syncs, 1);
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
  EXPECT_EQ(callers.synced, kThreads * kCalls);
}

}  // namespace
}  // namespace range
