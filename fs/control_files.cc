#include "fs/control_files.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "fs/errno_map.h"
#include "fs/names.h"
#include "journal/position.h"
#include "journal/printable.h"
#include "journal/result_macros.h"

namespace rangefs {

namespace {

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

bool ControlFiles::print_waits(const ControlNode& control) {
  // Listing the positions of a directory opens every journal in it.
  return control.kind == ControlKind::kSync ||
         (control.kind == ControlKind::kPosition && control.journal == nullptr);
}

Result<std::string> ControlFiles::print(const ControlNode& control, const Caller& caller) {
  Journal* const journal = control.journal.get();
  switch (control.kind) {
    case ControlKind::kPosition:
      if (journal == nullptr) return positions(control.directory, caller);
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
  const std::shared_lock lock(tree_.names);
  const auto path = tree_.nodes.path(directory);
  if (!path) return refused(ENOENT);
  const std::string full = join_path(*path, name);
  ASSIGN_OR_RETURN(const auto entry, tree_.store.look_up(full));
  if (!entry || entry->kind != range::EntryKind::kJournal) return refused(ENOENT);
  return tree_.store.open(JournalId(entry->id), full);
}

Result<std::string> ControlFiles::positions(NodeId directory, const Caller& caller) {
  std::string path;
  std::vector<range::NamedEntry> entries;
  {
    const std::shared_lock lock(tree_.names);
    const auto found = tree_.nodes.path(directory);
    if (!found) return refused(ENOENT);
    path = *found;
    ASSIGN_OR_RETURN(entries, tree_.store.list(path));
  }
  std::ranges::sort(entries, {}, &range::NamedEntry::name);
  std::string lines;
  for (const auto& [name, entry, next] : entries) {
    if (entry.kind != range::EntryKind::kJournal) continue;
    if (is_reserved(name, directory == kRootNode)) continue;  // not to be reached by this name
    const auto journal = tree_.store.open(JournalId(entry.id), join_path(path, name));
    if (!journal) {
      const bool removed = journal.error().code == Errc::kNotFound;  // since it was listed
      if (!removed) spdlog::warn("left out of .pos: {}", to_string(journal.error()));
      continue;
    }
    if (!may_read((*journal)->attributes(), caller)) continue;
    lines += to_string(tree_.bases.of(**journal).position) + ' ' + range::printable(name) + '\n';
  }
  return lines;
}

}  // namespace rangefs
