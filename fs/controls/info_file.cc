#include "fs/controls/info_file.h"

#include <cerrno>

#include "fs/errno_map.h"

namespace rangefs {

Result<std::string> InfoFile::show(const ControlNode& control, const Caller&) {
  if (control.journal == nullptr) return properties_.text(control.directory, DirectoryNode{});
  return properties_.text(NodeId{}, ViewNode{control.journal, {}});
}

Result<std::optional<JournalId>> InfoFile::run(const ControlNode&, std::string_view,
                                               const Caller&) {
  return refused(EINVAL);
}

}  // namespace rangefs
