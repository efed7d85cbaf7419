// The part of JournalReader that waits for more to be appended.

#include "journal/base/result_macros.h"
#include "journal/local/journal_reader.h"

namespace range {

template <typename Holds>
Result<bool> JournalReader::wait_until(const Holds& holds, Journal::Deadline deadline,
                                       const std::stop_token& stop) {
  MutexLock lock(state_.mutex);
  ++state_.waiting;
  const auto settled = [&]() REQUIRES(state_.mutex) { return holds() || !state_.life.failure(); };
  state_.grown.wait_until(state_.mutex, stop, deadline, settled);
  --state_.waiting;
  if (holds()) return true;
  RETURN_IF_ERROR(state_.life.failure());
  return false;
}

Result<bool> JournalReader::wait_for_byte(ByteOffset offset, Journal::Deadline deadline,
                                          const std::stop_token& stop) {
  const auto holds = [&]() REQUIRES(state_.mutex) { return offset < state_.table.end().offset; };
  return wait_until(holds, deadline, stop);
}

Result<bool> JournalReader::wait_for_record(RecordNumber record, Journal::Deadline deadline,
                                            const std::stop_token& stop) {
  const auto holds = [&]() REQUIRES(state_.mutex) {
    // The last one is not complete while it is open.
    return record + (state_.table.end_of_last().open_bytes > 0 ? 1 : 0) < state_.table.end().record;
  };
  return wait_until(holds, deadline, stop);
}

}  // namespace range
