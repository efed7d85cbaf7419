#include "journal/local/journal_check.h"

#include <utility>

#include "journal/cursor.h"
#include "journal/printable.h"

namespace range {

Status JournalCheck::run_once(std::shared_ptr<Journal> journal) {
  MutexLock checking(checking_);
  if (checked_) return {};
  Cursor cursor(std::move(journal));
  uint64_t damaged = 0;
  uint64_t unreadable = 0;
  for (;;) {
    const RecordNumber at = cursor.record();
    const auto record = cursor.next();
    if (record && !*record) break;
    if (record) continue;
    // Behind what cannot be passed over nothing is known.
    if (cursor.record() == at) return record.error();
    const bool read = record.error().code == Errc::kCorrupt && record.error().sys_errno == 0;
    ++(read ? damaged : unreadable);
  }
  checked_ = unreadable == 0;
  const std::string name = printable(state_.current_path());
  if (checked_) {
    state_.context.log.info("journal {}: checked, {} damaged records", name, damaged);
  } else {
    state_.context.log.error(
        "journal {}: {} damaged records, and {} that cannot be read: to be checked again", name,
        damaged, unreadable);
  }
  return {};
}

}  // namespace range
