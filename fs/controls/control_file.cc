#include "fs/controls/control_file.h"

#include <memory>
#include <utility>

#include "journal/base/result_macros.h"

namespace rangefs {

Result<Text> ControlFile::text(const ControlNode& control, const Caller& caller, Snapshot&) {
  ASSIGN_OR_RETURN(std::string shown, show(control, caller));
  return std::make_shared<const std::string>(std::move(shown));
}

Result<uint64_t> ControlFile::measure(const ControlNode& control, const Caller& caller,
                                      Snapshot& snapshot) {
  if (snapshot.unread == nullptr) {
    ASSIGN_OR_RETURN(snapshot.unread, text(control, caller, snapshot));
  }
  return snapshot.unread->size();
}

}  // namespace rangefs
