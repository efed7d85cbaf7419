#include "fs/control_files.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

#include "fs/errno_map.h"
#include "fs/names.h"
#include "journal/base/result_macros.h"
#include "journal/position.h"
#include "journal/printable.h"

namespace rangefs {

namespace {

// A position and what follows it: a newline, or a space and a name.
constexpr uint64_t kPositionLineBytes = 25;

range::Time now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

// `what`: the bits of owner, group and others for it.
bool allows(const Attributes& attributes, uint32_t what, const Caller& caller) {
  const uint32_t granted = attributes.mode & what;
  if (caller.uid == 0) return true;
  if (caller.uid == attributes.uid) return (granted & 0700) != 0;
  const bool in_group =
      caller.gid == attributes.gid || (caller.in_group && caller.in_group(attributes.gid));
  return (granted & (in_group ? 0070 : 0007)) != 0;
}

}  // namespace

bool may_read(const Attributes& attributes, const Caller& caller) {
  return allows(attributes, 0444, caller);
}

bool may_write(const Attributes& attributes, const Caller& caller) {
  return allows(attributes, 0222, caller);
}

bool ControlFiles::open_waits(const ControlNode& control) {
  return control.kind == ControlKind::kSync || control.snapshot != nullptr;
}

std::shared_ptr<Snapshot> ControlFiles::new_snapshot(ControlKind kind, bool of_journal) {
  const bool varies = kind == ControlKind::kInfo || (kind == ControlKind::kPosition && !of_journal);
  return varies ? std::make_shared<Snapshot>() : nullptr;
}

uint64_t ControlFiles::usual_size(const ControlNode& control) {
  return control.journal != nullptr && control.kind != ControlKind::kInfo ? kPositionLineBytes : 0;
}

Result<uint64_t> ControlFiles::size(const ControlNode& control, const Caller& caller) {
  if (control.snapshot == nullptr) return usual_size(control);
  Snapshot& snapshot = *control.snapshot;
  const range::MutexLock lock(snapshot.mutex);
  if (const Text opened = snapshot.opened.lock()) return opened->size();
  belong_to(caller, snapshot);
  if (control.kind == ControlKind::kPosition) {
    RETURN_IF_ERROR(list(control.directory, caller, snapshot));
    uint64_t bytes = 0;
    for (const auto& journal : snapshot.listing->journals) {
      bytes += kPositionLineBytes + 1 + range::printable(journal.name).size();
    }
    return bytes;
  }
  if (snapshot.unread == nullptr) {
    ASSIGN_OR_RETURN(snapshot.unread, text(control, caller, snapshot));
  }
  return snapshot.unread->size();
}

Result<Text> ControlFiles::open(const ControlNode& control, const Caller& caller) {
  if (control.snapshot == nullptr) {
    ASSIGN_OR_RETURN(std::string printed, print(control));
    return std::make_shared<const std::string>(std::move(printed));
  }
  Snapshot& snapshot = *control.snapshot;
  const range::MutexLock lock(snapshot.mutex);
  belong_to(caller, snapshot);
  Text opened = snapshot.opened.lock();
  if (opened == nullptr) opened = std::exchange(snapshot.unread, nullptr);
  if (opened == nullptr) {
    ASSIGN_OR_RETURN(opened, text(control, caller, snapshot));
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

Result<Text> ControlFiles::text(const ControlNode& control, const Caller& caller,
                                Snapshot& snapshot) {
  if (control.kind != ControlKind::kPosition) {
    ASSIGN_OR_RETURN(std::string printed, print(control));
    return std::make_shared<const std::string>(std::move(printed));
  }
  RETURN_IF_ERROR(list(control.directory, caller, snapshot));
  auto lines = std::make_shared<const std::string>(positions(*snapshot.listing, caller));
  snapshot.listing.reset();
  return lines;
}

Result<std::string> ControlFiles::print(const ControlNode& control) {
  Journal* const journal = control.journal.get();
  switch (control.kind) {
    case ControlKind::kPosition:
      if (journal == nullptr) break;
      return to_string(tree_.bases.of(*journal).position) + '\n';
    case ControlKind::kSync: {
      if (journal == nullptr) {
        RETURN_IF_ERROR(tree_.store.sync());
        return std::string();
      }
      ASSIGN_OR_RETURN(const Location durable, journal->sync());
      return to_string(durable.position) + '\n';
    }
    case ControlKind::kInfo:
      if (journal == nullptr) return properties_.text(control.directory, DirectoryNode{});
      return properties_.text(NodeId{}, ViewNode{control.journal, {}});
  }
  return refused(EINVAL);
}

Result<std::optional<JournalId>> ControlFiles::run(const ControlNode& control,
                                                   std::string_view command, const Caller& caller) {
  if (command.size() > kCommandBytesMax) return refused(EINVAL);
  if (command.ends_with('\n')) command.remove_suffix(1);
  switch (control.kind) {
    case ControlKind::kPosition:
      if (control.journal == nullptr) return move_named(control.directory, command, caller);
      return move(control.journal, command);
    case ControlKind::kSync:
      if (control.journal == nullptr) {
        RETURN_IF_ERROR(tree_.store.sync());
      } else {
        ASSIGN_OR_RETURN(const Location durable, control.journal->sync());
        static_cast<void>(durable);
      }
      return std::optional<JournalId>();
    case ControlKind::kInfo:
      break;
  }
  return refused(EINVAL);
}

Result<std::optional<JournalId>> ControlFiles::move(const std::shared_ptr<Journal>& journal,
                                                    std::string_view position) {
  ASSIGN_OR_RETURN(const range::PositionSpec spec, range::parse_position(position, now()));
  ASSIGN_OR_RETURN(const bool moved, tree_.bases.move(*journal, [&](const Location& from) {
    return journal->seek(spec, from.record);
  }));
  return moved ? std::optional(journal->id()) : std::nullopt;
}

Result<std::optional<JournalId>> ControlFiles::move_named(NodeId directory,
                                                          std::string_view command,
                                                          const Caller& caller) {
  // Names may have spaces in them; positions have none but in one way of writing times, for which
  // there is another.
  const size_t space = command.rfind(' ');
  if (space == std::string_view::npos || space == 0) return refused(EINVAL);
  ASSIGN_OR_RETURN(const std::string name, range::parse_printable(command.substr(0, space)));
  ASSIGN_OR_RETURN(const auto journal, journal_in(directory, name));
  if (!may_write(journal->attributes(), caller)) return refused(EACCES);
  return move(journal, command.substr(space + 1));
}

Result<std::shared_ptr<Journal>> ControlFiles::journal_in(NodeId directory, std::string_view name) {
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos ||
      name == "." || name == ".." || is_reserved(name, directory == kRootNode)) {
    return refused(ENOENT);
  }
  if (name.size() > kNameBytesMax) return refused(ENAMETOOLONG);
  const range::SharedLock lock(tree_.names);
  const auto path = tree_.nodes.path(directory);
  if (!path) return refused(ENOENT);
  const std::string full = join_path(*path, name);
  ASSIGN_OR_RETURN(const auto entry, tree_.store.look_up(full));
  if (!entry || entry->kind != range::EntryKind::kJournal) return refused(ENOENT);
  return tree_.store.open(JournalId(entry->id), full);
}

// What has a line in .pos of a directory, unless that is known already.
Status ControlFiles::list(NodeId directory, const Caller& caller, Snapshot& snapshot) {
  if (snapshot.listing) return {};
  Snapshot::Listing listing;
  std::vector<range::NamedEntry> entries;
  {
    const range::SharedLock lock(tree_.names);
    const auto path = tree_.nodes.path(directory);
    if (!path) return refused(ENOENT);
    listing.directory = *path;
    ASSIGN_OR_RETURN(entries, tree_.store.list(*path));
  }
  for (auto& [name, entry, next] : entries) {
    if (entry.kind != range::EntryKind::kJournal) continue;
    if (is_reserved(name, directory == kRootNode)) continue;  // not to be reached by this name
    Snapshot::Journal journal{std::move(name), JournalId(entry.id)};
    // It is not worth opening each only to see that root may read it.
    const bool listed = caller.uid == 0 || readable(listing.directory, journal, caller) != nullptr;
    if (listed) listing.journals.push_back(std::move(journal));
  }
  std::ranges::sort(listing.journals, {}, &Snapshot::Journal::name);
  snapshot.listing = std::move(listing);
  return {};
}

// Null if `caller` may not read it, or nobody can.
std::shared_ptr<Journal> ControlFiles::readable(const std::string& directory,
                                                const Snapshot::Journal& listed,
                                                const Caller& caller) {
  auto journal = tree_.store.open(listed.id, join_path(directory, listed.name));
  if (!journal) {
    const bool removed = journal.error().code == Errc::kNotFound;  // since it was listed
    if (!removed) spdlog::warn("left out of .pos: {}", to_string(journal.error()));
    return nullptr;
  }
  return may_read((*journal)->attributes(), caller) ? *std::move(journal) : nullptr;
}

std::string ControlFiles::positions(const Snapshot::Listing& listing, const Caller& caller) {
  std::string lines;
  for (const auto& listed : listing.journals) {
    const auto journal = readable(listing.directory, listed, caller);
    if (journal == nullptr) continue;
    lines += to_string(tree_.bases.of(*journal).position) + ' ' + range::printable(listed.name);
    lines += '\n';
  }
  return lines;
}

}  // namespace rangefs
