// Where journals begin in a tree.
#pragma once

#include <unordered_map>

#include "fs/types.h"
#include "journal/mutex.h"
#include "journal/result_macros.h"

namespace rangefs {

// Bases that were moved away from the oldest record. Thread-safe. Those of the root tree are kept
// for as long as the mount lasts, whatever the kernel forgets.
class Bases {
 public:
  Location of(const Journal& journal) const {
    {
      const range::MutexLock lock(mutex_);
      const auto it = moved_.find(journal.id().value());
      if (it != moved_.end()) return it->second;
    }
    return journal.extent().begin;
  }

  // Moves the base to what `find` returns for the present one; two moves at once happen one after
  // the other. Returns whether another byte is the first now. On an error nothing moves.
  template <typename Find>
  Result<bool> move(const Journal& journal, Find find) {
    const range::MutexLock one_at_a_time(moving_);
    const Location from = of(journal);
    ASSIGN_OR_RETURN(const Location to, find(from));
    const range::MutexLock lock(mutex_);
    moved_[journal.id().value()] = to;
    return to.offset != from.offset;
  }

  void erase(JournalId journal) {
    const range::MutexLock lock(mutex_);
    moved_.erase(journal.value());
  }

 private:
  range::Mutex moving_;  // before mutex_; held while records are looked for
  mutable range::Mutex mutex_;
  std::unordered_map<uint64_t, Location> moved_ GUARDED_BY(mutex_);
};

}  // namespace rangefs
