// A thread that does something again and again.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <thread>

#include "journal/base/mutex.h"
#include "journal/status.h"

namespace range {

class PeriodicThread {
 public:
  PeriodicThread() = default;
  ~PeriodicThread() { stop(); }
  PeriodicThread(const PeriodicThread&) = delete;
  PeriodicThread& operator=(const PeriodicThread&) = delete;

  // Calls `work` every `interval`, counted from the end of the last time, until stop(). Errors: the
  // system has no more threads.
  Status start(std::chrono::milliseconds interval, std::function<void()> work);

  // Waits for what is being done, which may look at stopping() to end sooner.
  void stop();
  bool stopping() const { return stopping_; }

 private:
  bool stops_within(std::chrono::milliseconds interval);

  Mutex mutex_;
  std::condition_variable_any wakeup_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace range
