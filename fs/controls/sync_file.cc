#include "fs/controls/sync_file.h"

#include "fs/controls/position_file.h"
#include "journal/base/result_macros.h"

namespace rangefs {

uint64_t SyncFile::usual_size(bool of_journal) const {
  return of_journal ? PositionFile::kLineBytes : 0;
}

Result<std::string> SyncFile::show(const ControlNode& control, const Caller&) {
  if (control.journal == nullptr) {
    RETURN_IF_ERROR(store_.sync());
    return std::string();
  }
  ASSIGN_OR_RETURN(const Location durable, control.journal->sync());
  return to_string(durable.position) + '\n';
}

Result<std::optional<JournalId>> SyncFile::run(const ControlNode& control, std::string_view,
                                               const Caller& caller) {
  ASSIGN_OR_RETURN(const std::string synced, show(control, caller));
  return std::optional<JournalId>();
}

}  // namespace rangefs
