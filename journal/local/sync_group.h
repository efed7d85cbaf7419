// Group commit: callers that want the same thing synced, of whom one does it for all.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "journal/base/mutex.h"

namespace range {

// Callers that come while a sync is under way wait for its end. Whom it covered leaves; of the
// others one leads the next. Threads that append and sync in turn would so form two groups, each
// waiting for the other's sync: so who leads waits a moment for those who have just left, who will
// be back at once if they come at all. Thread-safe.
class SyncGroup {
 public:
  // Waits until `done()`, asked again after each sync, or until it is this caller's turn to lead.
  // Returns whether it leads: it must then call begin(), sync, and call end().
  template <typename Done>
  bool lead_or_wait(const Done& done);

  // Returns when the sync should begin: what callers appended before they came is covered by it.
  void begin();
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kPatienceMax{5};

  Mutex mutex_;
  std::condition_variable_any arrival_;
  bool led_ GUARDED_BY(mutex_) = false;
  size_t arrived_ GUARDED_BY(mutex_) = 0;   // callers since the last sync began
  size_t expected_ GUARDED_BY(mutex_) = 0;  // so many may come before the next one begins
  size_t covered_ GUARDED_BY(mutex_) = 0;   // by the sync under way
  Clock::time_point began_ GUARDED_BY(mutex_);
  Clock::duration lasted_ GUARDED_BY(mutex_){};  // of the last sync

  std::atomic<uint32_t> syncs_ended_ = 0;  // what those who wait wait for
};

template <typename Done>
bool SyncGroup::lead_or_wait(const Done& done) {
  for (bool arrived = false;; arrived = true) {
    uint32_t ended = 0;
    {
      MutexLock lock(mutex_);
      if (done()) return false;
      if (!arrived && ++arrived_ == expected_) arrival_.notify_one();
      if (!led_) {
        led_ = true;
        return true;
      }
      ended = syncs_ended_.load(std::memory_order_relaxed);
    }
    syncs_ended_.wait(ended);
  }
}

inline void SyncGroup::begin() {
  MutexLock lock(mutex_);
  const auto patience = std::min<Clock::duration>(lasted_ / 2, kPatienceMax);
  arrival_.wait_for(mutex_, patience, [&]() REQUIRES(mutex_) { return arrived_ >= expected_; });
  covered_ = std::exchange(arrived_, 0);
  began_ = Clock::now();
}

inline void SyncGroup::end() {
  {
    MutexLock lock(mutex_);
    lasted_ = Clock::now() - began_;
    expected_ = arrived_ + covered_;
    led_ = false;
    syncs_ended_.fetch_add(1, std::memory_order_relaxed);
  }
  syncs_ended_.notify_all();
}

}  // namespace range
