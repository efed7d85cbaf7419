// Where an open journal is in its life.
#pragma once

#include <atomic>
#include <optional>

#include "journal/base/mutex.h"
#include "journal/status.h"

namespace range {

// It begins as kExamined or kEndUnreadable, and goes from kExamined to kReady, from both of those
// to kFailed, and nowhere else: what follows is another opening. It can be read all the time.
// Thread-safe.
class JournalLife {
 public:
  enum class Stage {
    kExamined,       // the first change makes it ready, by repairing what a recovery found
    kReady,          // takes appends
    kEndUnreadable,  // what could tell where it ends could not be read: it takes no appends
    kFailed,         // after a failed write or sync nobody knows what is on the disk: likewise
  };

  // `unreadable`: why it begins as kEndUnreadable, if it does.
  explicit JournalLife(std::optional<Error> unreadable);

  Stage stage() const { return stage_.load(std::memory_order_acquire); }

  // Of a journal that is kExamined. One that has failed meanwhile stays so.
  void make_ready();

  // Returns whether it is the first failure, which is the one that is told.
  bool fail(const Error& error);

  // Why it is kFailed, if it is.
  Status failure() const;
  // Why it is kEndUnreadable, if it is.
  const std::optional<Error>& unreadable() const { return unreadable_; }

 private:
  const std::optional<Error> unreadable_;
  std::atomic<Stage> stage_;
  mutable Mutex mutex_;  // before no other
  std::optional<Error> failure_ GUARDED_BY(mutex_);
};

}  // namespace range
