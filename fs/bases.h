// Where journals begin in a tree.
#pragma once

#include <optional>
#include <unordered_map>

#include "fs/types.h"
#include "journal/base/mutex.h"
#include "journal/base/result_macros.h"

namespace rangefs {

// Bases that were moved away from the oldest record. Thread-safe. Those of the root tree are kept
// for as long as the mount lasts, whatever the kernel forgets.
class Bases {
 public:
  // The oldest record, also where the one that the base was moved to has been dropped.
  Location of(const Journal& journal) const {
    return later(moved(journal.id()), journal.extent().begin);
  }

  // Moves the base to what `find` returns for the present one. Two moves at once happen one after
  // the other: `find`, which may take long and is called without a lock, is called again for a base
  // that was moved meanwhile. Returns whether another byte is the first now than when the base was
  // moved before, which the name may still lead to. On an error nothing moves.
  template <typename Find>
  Result<bool> move(const Journal& journal, Find find) {
    while (true) {
      const auto before = moved(journal.id());
      const Location from = later(before, journal.extent().begin);
      ASSIGN_OR_RETURN(const Location to, find(from));
      if (replace(journal.id(), before, to)) return to.offset != before.value_or(from).offset;
    }
  }

  void erase(JournalId journal) {
    const range::MutexLock lock(mutex_);
    moved_.erase(journal.value());
  }

 private:
  static Location later(const std::optional<Location>& base, const Location& oldest) {
    return base && base->record > oldest.record ? *base : oldest;
  }

  std::optional<Location> moved(JournalId journal) const {
    const range::MutexLock lock(mutex_);
    const auto it = moved_.find(journal.value());
    return it == moved_.end() ? std::nullopt : std::optional(it->second);
  }

  // False, and nothing is done, if it is not `before` any more.
  bool replace(JournalId journal, const std::optional<Location>& before, const Location& to) {
    const range::MutexLock lock(mutex_);
    const auto it = moved_.find(journal.value());
    const bool as_before =
        it == moved_.end() ? !before.has_value() : before.has_value() && *before == it->second;
    if (as_before) moved_[journal.value()] = to;
    return as_before;
  }

  mutable range::Mutex mutex_;
  std::unordered_map<uint64_t, Location> moved_ GUARDED_BY(mutex_);
};

}  // namespace rangefs
