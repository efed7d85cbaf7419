// Journals of which something could not be read.
#pragma once

#include <cerrno>
#include <map>
#include <string>

#include "fs/errno_map.h"
#include "fs/types.h"
#include "journal/base/mutex.h"

namespace rangefs {

// What failed last, for as long as the mount lasts: what is lost stays lost. Thread-safe.
class Damage {
 public:
  // Notes an error of a read, if it is one of the store.
  void note(JournalId journal, const Error& error) {
    if (to_errno(error) != EIO || range::out_of_descriptors(error)) return;
    const range::MutexLock lock(mutex_);
    reasons_[journal] = range::to_string(error);
  }

  // Empty if all that was read could be read.
  std::string of(JournalId journal) const {
    const range::MutexLock lock(mutex_);
    const auto it = reasons_.find(journal);
    return it == reasons_.end() ? std::string() : it->second;
  }

 private:
  mutable range::Mutex mutex_;
  std::map<JournalId, std::string> reasons_ GUARDED_BY(mutex_);
};

}  // namespace rangefs
