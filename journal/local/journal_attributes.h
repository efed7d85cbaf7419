// The attributes of an open journal.
#pragma once

#include <atomic>
#include <optional>

#include "journal/base/mutex.h"
#include "journal/journal.h"
#include "journal/status.h"

namespace range {

// Those that are stored or, where they are lost or cannot be read, what stands for them: only the
// owner may use the journal then, and nothing is dropped from it. Stores nothing itself.
// Thread-safe.
class JournalAttributes {
 public:
  // `found`: what the disk says, or why it does not. `framing`: that of the newest records, in
  // which a journal goes on that has lost its own.
  JournalAttributes(const Result<Attributes>& found, Framing framing);

  // They, or what stands for them.
  Attributes get() const;
  // Errors: why they are lost (without an errno), or cannot be read (with one).
  Result<Attributes> known() const;
  // Without a lock.
  Framing framing() const { return framing_.load(std::memory_order_acquire); }

  // Whether reading them once more may give what it did not the last time.
  bool may_be_readable() const;
  // Takes the result of that. Times that were set meanwhile are kept. Returns whether they are
  // known now.
  bool take_read(const Result<Attributes>& read);

  // What is to be stored for a caller who has changed get(): what could not be read then, and can
  // by now, is not written over with what stood for it. Errors: they cannot be read still.
  Result<Attributes> rebased(const Attributes& changed) const;
  // These were stored.
  void take_stored(const Attributes& stored);

  // Takes `changed` without its being stored if they are lost and it differs in times only: lost
  // attributes must not pass for set ones, and old records be dropped by what a directory says,
  // because of times that were set. Returns whether it has.
  bool take_times_if_lost(const Attributes& changed);

 private:
  void take(const Attributes& attributes) REQUIRES(mutex_);

  mutable Mutex mutex_;
  Attributes attributes_ GUARDED_BY(mutex_);
  std::optional<Error> lost_ GUARDED_BY(mutex_);
  // What stood for them at first: changes that callers have made in that may still come.
  std::optional<Attributes> stand_in_ GUARDED_BY(mutex_);
  std::atomic<Framing> framing_;  // of attributes_
};

}  // namespace range
