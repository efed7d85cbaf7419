// The journals of a store that may hold more than they are to keep.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "journal/base/mutex.h"

namespace range {

class LocalJournal;

// Thread-safe.
class TrimQueue {
 public:
  using Journals = std::vector<std::shared_ptr<LocalJournal>>;

  void add(std::shared_ptr<LocalJournal> journal) {
    MutexLock lock(mutex_);
    journals_.push_back(std::move(journal));
  }

  // Those added since the last time.
  Journals take() {
    MutexLock lock(mutex_);
    return std::exchange(journals_, {});
  }

 private:
  Mutex mutex_;  // after every lock of a journal
  Journals journals_ GUARDED_BY(mutex_);
};

}  // namespace range
