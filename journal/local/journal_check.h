// Looking at every record of a journal.
#pragma once

#include <memory>

#include "journal/base/mutex.h"
#include "journal/local/journal_state.h"

namespace range {

// Thread-safe.
class JournalCheck {
 public:
  explicit JournalCheck(const JournalState& state) : state_(state) {}

  // Verifies every record of `journal`, which this is of, unless that was done. Who comes while it
  // is being done waits. Damage is logged. What could not be read may be readable later: it is told
  // in the log, and all is looked at again by the next call. Errors: kIo if it could not go on
  // behind that.
  Status run_once(std::shared_ptr<Journal> journal);

 private:
  const JournalState& state_;
  LongMutex checking_;
  bool checked_ GUARDED_BY(checking_) = false;
};

}  // namespace range
