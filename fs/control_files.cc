#include "fs/control_files.h"

#include <cerrno>
#include <utility>

#include "fs/controls/info_file.h"
#include "fs/controls/position_file.h"
#include "fs/controls/sync_file.h"
#include "fs/errno_map.h"
#include "journal/base/result_macros.h"

namespace rangefs {

ControlFiles::ControlFiles(Tree& tree, Properties& properties)
    : files_{std::make_unique<PositionFile>(tree), std::make_unique<SyncFile>(tree.store),
             std::make_unique<InfoFile>(properties)} {}

bool ControlFiles::open_waits(const ControlNode& control) const {
  return control.snapshot != nullptr || file(control.kind).waits();
}

std::shared_ptr<Snapshot> ControlFiles::new_snapshot(ControlKind kind, bool of_journal) const {
  return file(kind).varies(of_journal) ? std::make_shared<Snapshot>() : nullptr;
}

uint64_t ControlFiles::usual_size(const ControlNode& control) const {
  return file(control.kind).usual_size(control.journal != nullptr);
}

Result<uint64_t> ControlFiles::size(const ControlNode& control, const Caller& caller) {
  if (control.snapshot == nullptr) return usual_size(control);
  Snapshot& snapshot = *control.snapshot;
  const range::MutexLock lock(snapshot.mutex);
  if (const Text opened = snapshot.opened.lock()) return opened->size();
  belong_to(caller, snapshot);
  return file(control.kind).measure(control, caller, snapshot);
}

Result<Text> ControlFiles::open(const ControlNode& control, const Caller& caller) {
  if (control.snapshot == nullptr) {
    ASSIGN_OR_RETURN(std::string shown, file(control.kind).show(control, caller));
    return std::make_shared<const std::string>(std::move(shown));
  }
  Snapshot& snapshot = *control.snapshot;
  const range::MutexLock lock(snapshot.mutex);
  belong_to(caller, snapshot);
  Text opened = snapshot.opened.lock();
  if (opened == nullptr) opened = std::exchange(snapshot.unread, nullptr);
  if (opened == nullptr) {
    ASSIGN_OR_RETURN(opened, file(control.kind).text(control, caller, snapshot));
  }
  snapshot.opened = opened;
  return opened;
}

// Forgets what was made for somebody else.
void ControlFiles::belong_to(const Caller& caller, Snapshot& snapshot) {
  const Snapshot::Reader reader{caller.uid, caller.gid};
  if (snapshot.reader == reader) return;
  snapshot.reader = reader;
  snapshot.listing.reset();
  snapshot.unread.reset();
  snapshot.opened.reset();
}

Result<std::optional<JournalId>> ControlFiles::run(const ControlNode& control,
                                                   std::string_view command, const Caller& caller) {
  if (command.size() > kCommandBytesMax) return refused(EINVAL);
  if (command.ends_with('\n')) command.remove_suffix(1);
  return file(control.kind).run(control, command, caller);
}

}  // namespace rangefs
