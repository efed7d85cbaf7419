// The time that appends are stamped with.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "journal/base/mutex.h"
#include "journal/env/env.h"
#include "journal/types.h"

namespace range {

// Follows CLOCK_REALTIME, but not at once when that jumps: times in a journal never decrease, so a
// clock that is wrong for a moment must not leave stamps that hold for years. While the two differ
// by more than kStep, this clock runs on with CLOCK_BOOTTIME; it adopts the other time once the
// step has lasted for kPatience. Smaller differences are adopted as they come, also backward:
// callers stamp max(now(), last). Thread-safe; without a step, now() takes no lock.
class StoreClock {
 public:
  static constexpr std::chrono::milliseconds kStep = std::chrono::seconds(60);
  static constexpr std::chrono::nanoseconds kPatience = std::chrono::minutes(10);

  // Starts at CLOCK_REALTIME or, after a reboot, at the last time that the store holds; the real
  // time is then a step away from it or not, like later. `env` must outlive the clock.
  explicit StoreClock(Env& env, std::optional<Time> last_stored = std::nullopt);

  Time now();

  // CLOCK_REALTIME is a step away from this clock: ages computed now would be wrong by that much.
  bool disagrees();
  // Whether ages can be told: there is no such step, and this clock has run for kPatience, so that
  // a time that was wrong from the beginning has lasted no less than a step must.
  bool tells_ages();
  // It disagrees and is ahead.
  bool ahead();

 private:
  struct Reading {
    Time now;                              // of this clock
    std::chrono::milliseconds ahead_by{};  // how far CLOCK_REALTIME is ahead of it
  };
  Reading read();
  void forget_step();
  Reading read_after_step(std::chrono::milliseconds boot, std::chrono::milliseconds real);
  void adopt(std::chrono::milliseconds offset) {
    offset_ms_.store(offset.count(), std::memory_order_relaxed);
  }
  std::chrono::milliseconds offset() const {
    return std::chrono::milliseconds(offset_ms_.load(std::memory_order_relaxed));
  }

  Env& env_;
  const std::chrono::nanoseconds begun_;  // CLOCK_BOOTTIME
  // This clock minus CLOCK_BOOTTIME. While there is no step it may lag behind adjustments of the
  // real time by up to kRefresh, so that threads do not write it with every append.
  std::atomic<int64_t> offset_ms_;
  static constexpr std::chrono::milliseconds kRefresh = std::chrono::seconds(1);
  // The real time, in ms, when the two clocks were last compared and no step was found. For kTrust
  // from then on it is taken as it is: a step that small matters to nobody.
  std::atomic<int64_t> compared_ms_ = kNever;
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  static constexpr std::chrono::milliseconds kTrust{10};

  // There is a step under observation. Written with mutex_ held.
  std::atomic<bool> stepped_ = false;
  Mutex mutex_;
  // That step: since when (CLOCK_BOOTTIME) the real time minus CLOCK_BOOTTIME
  // has been about `to_`.
  std::optional<std::chrono::milliseconds> since_ GUARDED_BY(mutex_);
  std::chrono::milliseconds to_ GUARDED_BY(mutex_){};
};

}  // namespace range
