#include "journal/base/periodic_thread.h"

#include <system_error>
#include <utility>

namespace range {

Status PeriodicThread::start(std::chrono::milliseconds interval, std::function<void()> work) {
  try {
    thread_ = std::thread([this, interval, work = std::move(work)] {
      while (!stops_within(interval)) work();
    });
  } catch (const std::system_error& error) {
    return system_error(error.code().value(), "starting a thread");
  }
  return {};
}

bool PeriodicThread::stops_within(std::chrono::milliseconds interval) {
  MutexLock lock(mutex_);
  return wakeup_.wait_for(mutex_, interval, [this] { return stopping(); });
}

void PeriodicThread::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wakeup_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace range
