#include "fs/fuse/worker_pool.h"

#include <exception>
#include <utility>

namespace rangefs {

bool WorkerPool::submit(std::function<void()> task) {
  const range::MutexLock lock(mutex_);
  if (closed_) return false;
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < threads_max_) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::exception&) {  // no thread, or no memory: others may take the task
      if (threads_.empty()) {
        tasks_.pop_back();
        return false;
      }
    }
  }
  wake_.notify_one();
  return true;
}

void WorkerPool::work() {
  while (true) {
    std::function<void()> task;
    {
      const range::MutexLock lock(mutex_);
      ++idle_;
      while (tasks_.empty() && !closed_) wake_.wait(mutex_);
      --idle_;
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void WorkerPool::close() {
  std::vector<std::thread> threads;
  {
    const range::MutexLock lock(mutex_);
    closed_ = true;
    threads.swap(threads_);
    wake_.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace rangefs
