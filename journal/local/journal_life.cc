#include "journal/local/journal_life.h"

#include <utility>

namespace range {

JournalLife::JournalLife(std::optional<Error> unreadable)
    : unreadable_(std::move(unreadable)),
      stage_(unreadable_ ? Stage::kEndUnreadable : Stage::kExamined) {}

void JournalLife::make_ready() {
  Stage examined = Stage::kExamined;
  stage_.compare_exchange_strong(examined, Stage::kReady, std::memory_order_acq_rel);
}

bool JournalLife::fail(const Error& error) {
  MutexLock lock(mutex_);
  if (failure_) return false;
  failure_ = error;
  stage_.store(Stage::kFailed, std::memory_order_release);
  return true;
}

Status JournalLife::failure() const {
  if (stage() != Stage::kFailed) return {};
  MutexLock lock(mutex_);
  return *failure_;
}

}  // namespace range
