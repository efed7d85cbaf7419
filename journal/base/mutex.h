// Mutexes with the annotations that clang's -Wthread-safety checks: all of ours are these.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <utility>

#if defined(__clang__)
#define RANGE_ANNOTATION(x) __attribute__((x))
#else
#define RANGE_ANNOTATION(x)
#endif

#define GUARDED_BY(x) RANGE_ANNOTATION(guarded_by(x))
#define REQUIRES(...) RANGE_ANNOTATION(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) RANGE_ANNOTATION(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) RANGE_ANNOTATION(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS RANGE_ANNOTATION(no_thread_safety_analysis)
#define RETURN_CAPABILITY(x) RANGE_ANNOTATION(lock_returned(x))

namespace range {

class RANGE_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() RANGE_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  bool try_lock() RANGE_ANNOTATION(try_acquire_capability(true)) { return mutex_.try_lock(); }
  void unlock() RANGE_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class RANGE_ANNOTATION(capability("mutex")) SharedMutex {
 public:
  void lock() RANGE_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() RANGE_ANNOTATION(release_capability()) { mutex_.unlock(); }
  void lock_shared() RANGE_ANNOTATION(acquire_shared_capability()) { mutex_.lock_shared(); }
  void unlock_shared() RANGE_ANNOTATION(release_shared_capability()) { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

// A mutex that is held for long, over system calls, and of which one thread may hold hundreds at
// once if something else keeps others from doing that at the same time. ThreadSanitizer takes no
// more than 64 std::mutexes per thread, and an order that another lock makes unnecessary for a
// deadlock.
class RANGE_ANNOTATION(capability("mutex")) LongMutex {
 public:
  void lock() RANGE_ANNOTATION(acquire_capability()) {
    std::unique_lock lock(mutex_);
    unlocked_.wait(lock, [this] { return !held_; });
    held_ = true;
  }
  // Unlike that of a std::mutex, this may be called by the thread that holds it.
  bool try_lock() RANGE_ANNOTATION(try_acquire_capability(true)) {
    const std::lock_guard lock(mutex_);
    return !std::exchange(held_, true);
  }
  // Waits for it, but no longer than until `deadline`.
  bool try_lock_until(std::chrono::steady_clock::time_point deadline)
      RANGE_ANNOTATION(try_acquire_capability(true)) {
    std::unique_lock lock(mutex_);
    return unlocked_.wait_until(lock, deadline, [this] { return !held_; }) && (held_ = true);
  }
  void unlock() RANGE_ANNOTATION(release_capability()) {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    unlocked_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable unlocked_;
  bool held_ = false;  // guarded by mutex_
};

// Holds any of these.
template <typename M>
class RANGE_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(M& mutex) RANGE_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  MutexLock(M& mutex, std::adopt_lock_t /*held*/) REQUIRES(mutex) : mutex_(mutex) {}
  ~MutexLock() RANGE_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  M& mutex_;
};

// Holds one that is shared with others who look only.
class RANGE_ANNOTATION(scoped_lockable) SharedLock {
 public:
  explicit SharedLock(SharedMutex& mutex) RANGE_ANNOTATION(acquire_shared_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~SharedLock() RANGE_ANNOTATION(release_generic_capability()) { mutex_.unlock_shared(); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace range
