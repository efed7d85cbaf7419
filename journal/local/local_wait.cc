// The part of LocalJournal that waits for more to be appended.

#include "journal/local/local_journal.h"

namespace range {

template <typename Holds>
Result<bool> LocalJournal::wait_until(const Holds& holds, Deadline deadline,
                                      const std::stop_token& stop) {
  if (!here_) return forked();
  MutexLock lock(mutex_);
  ++waiting_;
  const auto settled = [&]() REQUIRES(mutex_) { return holds() || failure_.has_value(); };
  grown_.wait_until(mutex_, stop, deadline, settled);
  --waiting_;
  if (!holds() && failure_) return *failure_;
  return holds();
}

Result<bool> LocalJournal::wait_for_byte(ByteOffset offset, Deadline deadline,
                                         const std::stop_token& stop) {
  const auto holds = [&]() REQUIRES(mutex_) { return offset < table_.end().offset; };
  return wait_until(holds, deadline, stop);
}

Result<bool> LocalJournal::wait_for_record(RecordNumber record, Deadline deadline,
                                           const std::stop_token& stop) {
  const auto holds = [&]() REQUIRES(mutex_) {
    // The last one is not complete while it is open.
    return record + (table_.end_of_last().open_bytes > 0 ? 1 : 0) < table_.end().record;
  };
  return wait_until(holds, deadline, stop);
}

}  // namespace range
