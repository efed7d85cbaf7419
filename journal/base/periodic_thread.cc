#include "journal/base/periodic_thread.h"

#include <system_error>
#include <utility>

namespace range {

Status PeriodicThread::start(std::chrono::milliseconds interval, std::function<void()> work) {
  try {
    thread_ = std::thread([this, interval, work = std::move(work)] {
      std::unique_lock lock(mutex_);
      while (!wakeup_.wait_for(lock, interval, [this] { return stopping(); })) {
        lock.unlock();
        work();
        lock.lock();
      }
    });
  } catch (const std::system_error& error) {
    return system_error(error.code().value(), "starting a thread");
  }
  return {};
}

void PeriodicThread::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakeup_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace range
