#include "fs/controls/position_file.h"

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

Result<std::string> PositionFile::show(const ControlNode& control, const Caller&) {
  if (control.journal == nullptr) return refused(EINVAL);
  return to_string(tree_.bases.of(*control.journal).position) + '\n';
}

Result<Text> PositionFile::text(const ControlNode& control, const Caller& caller,
                                Snapshot& snapshot) {
  RETURN_IF_ERROR(list(control.directory, caller, snapshot));
  std::string lines;
  for (const auto& listed : snapshot.listing->journals) {
    const auto journal = readable(snapshot.listing->directory, listed, caller);
    if (journal == nullptr) continue;
    lines += to_string(tree_.bases.of(*journal).position) + ' ' + range::printable(listed.name);
    lines += '\n';
  }
  snapshot.listing.reset();
  return std::make_shared<const std::string>(std::move(lines));
}

// By the names alone.
Result<uint64_t> PositionFile::measure(const ControlNode& control, const Caller& caller,
                                       Snapshot& snapshot) {
  RETURN_IF_ERROR(list(control.directory, caller, snapshot));
  uint64_t bytes = 0;
  for (const auto& journal : snapshot.listing->journals) {
    bytes += kLineBytes + 1 + range::printable(journal.name).size();
  }
  return bytes;
}

Result<std::optional<JournalId>> PositionFile::run(const ControlNode& control,
                                                   std::string_view command, const Caller& caller) {
  if (control.journal == nullptr) return move_named(control.directory, command, caller);
  return move(control.journal, command);
}

Result<std::optional<JournalId>> PositionFile::move(const std::shared_ptr<Journal>& journal,
                                                    std::string_view position) {
  ASSIGN_OR_RETURN(const range::PositionSpec spec, range::parse_position(position, now()));
  ASSIGN_OR_RETURN(const bool moved, tree_.bases.move(*journal, [&](const Location& from) {
    return journal->seek(spec, from.record);
  }));
  return moved ? std::optional(journal->id()) : std::nullopt;
}

Result<std::optional<JournalId>> PositionFile::move_named(NodeId directory,
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

Result<std::shared_ptr<Journal>> PositionFile::journal_in(NodeId directory, std::string_view name) {
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos ||
      name == "." || name == ".." || is_reserved(name, directory == kRootNode)) {
    return refused(ENOENT);
  }
  if (name.size() > kNameBytesMax) return refused(ENAMETOOLONG);
  std::string full;
  std::optional<range::Entry> entry;
  {
    const range::SharedLock lock(tree_.names);
    const auto path = tree_.nodes.path(directory);
    if (!path) return refused(ENOENT);
    full = join_path(*path, name);
    ASSIGN_OR_RETURN(entry, tree_.store.look_up(full));
  }
  if (!entry || entry->kind != range::EntryKind::kJournal) return refused(ENOENT);
  return tree_.store.open(JournalId(entry->id), full);
}

// What has a line in .pos of a directory, unless that is known already.
Status PositionFile::list(NodeId directory, const Caller& caller, Snapshot& snapshot) {
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
std::shared_ptr<Journal> PositionFile::readable(const std::string& directory,
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

}  // namespace rangefs
