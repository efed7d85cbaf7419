// Threads for requests that wait, so that those that serve the kernel never do.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "journal/base/mutex.h"

namespace rangefs {

// Runs tasks in the order in which they came, up to `threads_max` at a time. Threads are started
// when they are first needed. Thread-safe. Tasks must not throw.
class WorkerPool {
 public:
  explicit WorkerPool(size_t threads_max) : threads_max_(threads_max) {}
  ~WorkerPool() { close(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False if the pool is closed or no thread can be started; `task` is not run then.
  bool submit(std::function<void()> task) EXCLUDES(mutex_);

  // Runs what was submitted and takes no more. Returns when all of it is done.
  void close() EXCLUDES(mutex_);

 private:
  void work() EXCLUDES(mutex_);

  const size_t threads_max_;
  range::Mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::function<void()>> tasks_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  size_t idle_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace rangefs
