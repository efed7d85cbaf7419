#include "journal/local/store_clock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/sim_env.h"

namespace range {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class StoreClockTest : public ::testing::Test {
 protected:
  // Moves the real time against CLOCK_BOOTTIME; the clock looks at once.
  void step(seconds by) {
    env_.set_now(env_.now() + by);
    clock_.now();
  }
  // Lets time go by in small pieces, looking at the clock as appends do.
  void run(minutes length) {
    for (seconds t{0}; t < length; t += seconds(10)) {
      env_.advance(seconds(10));
      clock_.now();
    }
  }

  SimEnv env_;
  StoreClock clock_{env_};
};

TEST_F(StoreClockTest, FollowsTheRealTime) {
  EXPECT_EQ(clock_.now(), env_.now());
  env_.advance(hours(5));
  EXPECT_EQ(clock_.now(), env_.now());
  EXPECT_FALSE(clock_.disagrees());
}

TEST_F(StoreClockTest, AdoptsSmallDifferencesAtOnceInBothDirections) {
  step(seconds(60));
  EXPECT_EQ(clock_.now(), env_.now());
  step(seconds(-60));
  EXPECT_EQ(clock_.now(), env_.now());
  step(seconds(-60));
  EXPECT_EQ(clock_.now(), env_.now());
  EXPECT_FALSE(clock_.disagrees());
}

TEST_F(StoreClockTest, DriftNeverBecomesAStep) {
  for (int i = 0; i < 1000; ++i) {
    env_.advance(minutes(1));
    env_.set_now(env_.now() + milliseconds(400));
    ASSERT_EQ(clock_.now(), env_.now());
  }
}

TEST_F(StoreClockTest, RunsOnAfterAStepUntilItHasLasted) {
  const Time before = clock_.now();
  step(hours(24));
  EXPECT_EQ(clock_.now(), before);
  EXPECT_TRUE(clock_.ahead());
  EXPECT_TRUE(clock_.disagrees());
  run(minutes(9));
  EXPECT_EQ(clock_.now(), before + minutes(9));
  EXPECT_TRUE(clock_.ahead());
  run(minutes(1));
  EXPECT_EQ(clock_.now(), env_.now());
  EXPECT_FALSE(clock_.disagrees());
  EXPECT_FALSE(clock_.ahead());
}

TEST_F(StoreClockTest, AStepBackIsADisagreementButNotAhead) {
  const Time before = clock_.now();
  step(hours(-1));
  EXPECT_EQ(clock_.now(), before);
  EXPECT_TRUE(clock_.disagrees());
  EXPECT_FALSE(clock_.ahead());
  run(minutes(10));
  EXPECT_EQ(clock_.now(), env_.now());
}

TEST_F(StoreClockTest, AStepThatIsTakenBackLeavesNoTrace) {
  const Time before = clock_.now();
  step(hours(24));
  run(minutes(9));
  step(-hours(24));
  EXPECT_EQ(clock_.now(), before + minutes(9));
  EXPECT_FALSE(clock_.disagrees());
  // The same step once more begins to count anew.
  run(minutes(5));
  step(hours(24));
  run(minutes(9));
  EXPECT_EQ(clock_.now(), before + minutes(23));
}

TEST_F(StoreClockTest, AnotherStepBeginsToCountAnew) {
  const Time before = clock_.now();
  step(hours(24));
  run(minutes(9));
  step(hours(24));
  run(minutes(9));
  EXPECT_EQ(clock_.now(), before + minutes(18));
  run(minutes(1));
  EXPECT_EQ(clock_.now(), env_.now());
}

TEST_F(StoreClockTest, AStepThatDriftsIsStillTheSame) {
  step(hours(24));
  for (int i = 0; i < 60; ++i) {
    run(minutes(1));
    step(seconds(2));
  }
  EXPECT_FALSE(clock_.disagrees());
  EXPECT_EQ(clock_.now(), env_.now());
}

TEST_F(StoreClockTest, ASuspendedMachineIsNoStep) {
  env_.advance(hours(100));  // CLOCK_BOOTTIME goes on during suspend
  EXPECT_EQ(clock_.now(), env_.now());
  EXPECT_FALSE(clock_.disagrees());
}

TEST_F(StoreClockTest, AfterARebootTheLastStoredTimeCounts) {
  const Time stored = env_.now() - hours(1000);
  StoreClock clock(env_, stored);
  EXPECT_EQ(clock.now(), stored);
  EXPECT_TRUE(clock.ahead());
  env_.advance(minutes(10));
  EXPECT_EQ(clock.now(), env_.now());
}

TEST_F(StoreClockTest, AfterARebootWithinAMinuteTheRealTimeCounts) {
  StoreClock clock(env_, env_.now() - seconds(60));
  EXPECT_EQ(clock.now(), env_.now());
  EXPECT_FALSE(clock.disagrees());
}

TEST_F(StoreClockTest, ThreadsSeeOneStep) {
  const Time before = clock_.now();
  step(hours(24));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) EXPECT_LT(clock_.now(), before + hours(1));
    });
  }
  for (int i = 0; i < 100; ++i) env_.advance(seconds(1));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(clock_.now(), before + seconds(100));
}

}  // namespace
}  // namespace range
