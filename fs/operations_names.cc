// Operations on names: what is where, and how that changes.
#include <fcntl.h>  // RENAME_NOREPLACE
#include <spdlog/spdlog.h>
#include <stdio.h>

#include <cerrno>

#include "fs/errno_map.h"
#include "fs/names.h"
#include "fs/operations.h"
#include "journal/base/result_macros.h"
#include "journal/printable.h"

namespace rangefs {

using range::Entry;
using range::EntryKind;

Result<std::string> Operations::path_of(NodeId directory) const {
  auto path = tree_.nodes.path(directory);
  if (!path) return refused(ENOENT);
  return *std::move(path);
}

Result<std::string> Operations::path_of(NodeId directory, std::string_view name) const {
  ASSIGN_OR_RETURN(const std::string path, path_of(directory));
  return join_path(path, name);
}

Result<std::shared_ptr<Journal>> Operations::open_journal(JournalId id, const std::string& path,
                                                          Waiting waiting) {
  if (auto journal = tree_.nodes.journal(id)) return journal;
  if (waiting == Waiting::kMayWait) return tree_.store.open(id, path);
  ASSIGN_OR_RETURN(auto journal, tree_.store.find_open(id, path));
  if (!journal) return refused(EAGAIN);
  return journal;
}

Result<Found> Operations::found_journal(const std::shared_ptr<Journal>& journal,
                                        const Place& place) {
  const ByteOffset base = tree_.bases.of(*journal).offset;
  const NodeId id = tree_.nodes.enter_view(journal, base, place);
  return Found{id, attributes_of(ViewNode{journal, base}), true};
}

// A directory that was copied by hand within the store has brought its id along. Taken for the
// other one, it would get what is meant for that.
Status Operations::check_original(const Entry& entry, const std::string& path) const {
  const auto known = tree_.nodes.directory(entry.id);
  const auto other = known ? tree_.nodes.path(*known) : std::nullopt;
  if (!other || *other == path) return {};
  ASSIGN_OR_RETURN(const std::optional<Entry> there, tree_.store.look_up(*other));
  if (!there || there->id != entry.id) return {};
  spdlog::error("{}: has the id of {}; unmount, and remove the .info of the one that is a copy",
                range::printable(path), range::printable(*other));
  return refused(EIO);
}

Result<Found> Operations::found_directory(const Entry& entry, const Place& place,
                                          const std::string& path) {
  RETURN_IF_ERROR(check_original(entry, path));
  ASSIGN_OR_RETURN(const Attributes stored, tree_.store.directory_attributes(path));
  return enter_directory(entry, place, stored);
}

Found Operations::enter_directory(const Entry& entry, const Place& place,
                                  const Attributes& stored) {
  const NodeId id = tree_.nodes.enter_directory(entry.id, place);
  return Found{id, rangefs::directory_attributes(stored, entry), true};
}

Result<Found> Operations::look_up(NodeId parent, std::string_view name) {
  const auto opened = open_ahead(parent, name);  // is found open as long as this lives
  return look_up(parent, name, Waiting::kMayWait);
}

// Opens the journal that is about to be looked up under the lock of names, which moves need. Null
// if there is none, or none can be opened.
std::shared_ptr<Journal> Operations::open_ahead(NodeId parent, std::string_view name) {
  const auto control = parse_control_name(name);
  const std::string_view journal = control ? control->journal : name;
  if (journal.empty() || is_reserved(journal, parent == kRootNode)) return nullptr;
  std::optional<std::string> path;
  {
    const range::SharedLock lock(tree_.names);
    path = tree_.nodes.path(parent);
  }
  if (!path) return nullptr;
  auto opened = tree_.store.open(join_path(*path, journal));
  return opened ? *std::move(opened) : nullptr;
}

Result<std::optional<Found>> Operations::look_up_at_once(NodeId parent, std::string_view name) {
  const auto found = look_up(parent, name, Waiting::kAtOnce);
  if (found) return std::optional(*found);
  if (to_errno(found.error()) == EAGAIN) return std::optional<Found>();
  return found.error();
}

Result<Found> Operations::look_up(NodeId parent, std::string_view name, Waiting waiting) {
  const range::SharedLock lock(tree_.names);
  if (const auto control = parse_control_name(name)) {
    return look_up_control(parent, *control, waiting);
  }
  if (name.size() > kNameBytesMax) return refused(ENAMETOOLONG);
  if (is_reserved(name, parent == kRootNode)) return refused(ENOENT);
  ASSIGN_OR_RETURN(const std::string path, path_of(parent, name));
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, tree_.store.look_up(path));
  if (!entry) return refused(ENOENT);
  const Place place{parent, std::string(name)};
  if (entry->kind == EntryKind::kDirectory) return found_directory(*entry, place, path);
  ASSIGN_OR_RETURN(const auto journal, open_journal(JournalId(entry->id), path, waiting));
  return found_journal(journal, place);
}

Result<Found> Operations::look_up_control(NodeId parent, const ControlName& name, Waiting waiting) {
  if (name.journal.size() > kNameBytesMax) return refused(ENAMETOOLONG);
  const auto snapshot = controls_.new_snapshot(name.kind, !name.journal.empty());
  ControlNode control{name.kind, nullptr, parent, snapshot};
  ASSIGN_OR_RETURN(const Node directory, node(parent));
  if (!name.journal.empty()) {
    if (is_reserved(name.journal, parent == kRootNode)) return refused(ENOENT);
    ASSIGN_OR_RETURN(const std::string path, path_of(parent, name.journal));
    ASSIGN_OR_RETURN(const std::optional<Entry> entry, tree_.store.look_up(path));
    if (!entry || entry->kind != EntryKind::kJournal) return refused(ENOENT);
    ASSIGN_OR_RETURN(control.journal, open_journal(JournalId(entry->id), path, waiting));
  }
  if (!std::holds_alternative<DirectoryNode>(directory)) return refused(ENOTDIR);
  ASSIGN_OR_RETURN(const struct stat st, attributes_of(NodeId{}, control));
  return Found{tree_.nodes.enter_control(std::move(control)), st, false};
}

Status Operations::check_new_name(const Place& place) const {
  if (is_reserved(place.name, place.parent == kRootNode)) return refused(EINVAL);
  if (place.name.size() > kNameBytesMax) return refused(ENAMETOOLONG);
  return {};
}

Result<Attributes> Operations::inherit(NodeId parent, uint32_t mode, const Caller& caller) const {
  ASSIGN_OR_RETURN(const std::string path, path_of(parent));
  ASSIGN_OR_RETURN(const Attributes above, tree_.store.directory_attributes(path));
  Attributes attributes;
  attributes.mode = mode & 07777;
  attributes.uid = caller.uid;
  // A set-group-ID directory hands its group on, as everywhere.
  attributes.gid = (above.mode & S_ISGID) != 0 ? above.gid : caller.gid;
  if (S_ISDIR(mode)) {
    attributes.mode |= above.mode & S_ISGID;
  } else {
    attributes.mode = mode_of_journal(attributes.mode);
  }
  attributes.created =
      std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return attributes;
}

Result<std::shared_ptr<Journal>> Operations::create_journal(const Place& place, uint32_t mode,
                                                            const Caller& caller) {
  RETURN_IF_ERROR(check_new_name(place));
  ASSIGN_OR_RETURN(const std::string path, path_of(place.parent, place.name));
  ASSIGN_OR_RETURN(const Attributes attributes,
                   inherit(place.parent, (mode & 07777) | S_IFREG, caller));
  ASSIGN_OR_RETURN(auto journal, tree_.store.create(path, attributes));
  return journal;
}

Result<Found> Operations::make_journal(NodeId parent, std::string_view name, uint32_t mode,
                                       const Caller& caller) {
  const Place place{parent, std::string(name)};
  const range::SharedLock lock(tree_.names);
  ASSIGN_OR_RETURN(const auto journal, create_journal(place, mode, caller));
  return found_journal(journal, place);
}

Result<Created> Operations::create(NodeId parent, std::string_view name, uint32_t mode,
                                   bool exclusive, const Caller& caller) {
  auto made = make_journal(parent, name, mode, caller);
  if (!made && made.error().code == Errc::kExists && !exclusive) made = look_up(parent, name);
  if (!made) return made.error();
  auto opened = open(made->node, Access{true}, caller);
  if (!opened) {
    forget(made->node, 1);
    return opened.error();
  }
  return Created{*made, *opened};
}

Result<Found> Operations::make_directory(NodeId parent, std::string_view name, uint32_t mode,
                                         const Caller& caller) {
  const Place place{parent, std::string(name)};
  const range::SharedLock lock(tree_.names);
  RETURN_IF_ERROR(check_new_name(place));
  ASSIGN_OR_RETURN(const std::string path, path_of(parent, name));
  ASSIGN_OR_RETURN(const Attributes attributes, inherit(parent, (mode & 07777) | S_IFDIR, caller));
  ASSIGN_OR_RETURN(const Entry entry, tree_.store.make_directory(path, attributes));
  // Who is told of an error takes it that there is nothing: so nothing is asked that may fail.
  return enter_directory(entry, place, attributes);
}

bool Operations::is_control_file(const Place& place) {
  const auto control = parse_control_name(place.name);
  if (!control) return false;
  if (control->journal.empty()) return true;
  const auto path = path_of(place.parent, control->journal);
  if (!path) return false;
  const auto entry = tree_.store.look_up(*path);
  return entry && *entry && (*entry)->kind == EntryKind::kJournal;
}

// What a directory is about to take along that has nothing in it.
std::optional<struct stat> Operations::last_attributes(const std::optional<Entry>& entry,
                                                       const std::string& path) {
  if (!entry || entry->kind != EntryKind::kDirectory) return std::nullopt;
  const auto stored = tree_.store.directory_attributes(path);
  if (!stored) return std::nullopt;
  return directory_attributes(*stored, *entry);
}

void Operations::gone(const std::optional<Entry>& entry, const std::optional<struct stat>& last) {
  if (!entry) return;
  if (entry->kind == EntryKind::kJournal) {
    tree_.nodes.journal_removed(JournalId(entry->id));
    tree_.bases.erase(JournalId(entry->id));
    tree_.usage.erase(JournalId(entry->id));
  } else {
    tree_.nodes.directory_removed(entry->id, last);
  }
}

void Operations::moved(const Entry& entry, const Place& to) {
  if (entry.kind == EntryKind::kJournal) {
    tree_.nodes.journal_moved(JournalId(entry.id), to);
  } else {
    tree_.nodes.directory_moved(entry.id, to);
  }
}

Status Operations::remove(NodeId parent, std::string_view name) {
  const range::SharedLock lock(tree_.names);
  if (is_control_file(Place{parent, std::string(name)})) return refused(EPERM);
  ASSIGN_OR_RETURN(const std::string path, path_of(parent, name));
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, tree_.store.look_up(path));
  RETURN_IF_ERROR(tree_.store.remove(path));
  gone(entry, std::nullopt);
  return {};
}

Status Operations::remove_directory(NodeId parent, std::string_view name) {
  const range::SharedLock lock(tree_.names);
  ASSIGN_OR_RETURN(const std::string path, path_of(parent, name));
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, tree_.store.look_up(path));
  const auto last = last_attributes(entry, path);
  RETURN_IF_ERROR(tree_.store.remove_directory(path));
  gone(entry, last);
  return {};
}

Status Operations::rename(const Place& from, const Place& to, unsigned flags) {
  // What waits for the disk is done before the lock of names is taken.
  sync_names(from);
  sync_names(to);
  std::optional<JournalId> journal;
  RETURN_IF_ERROR(move(from, to, flags, journal));
  if (journal) note_renamed(*journal, to);
  return {};
}

void Operations::sync_names(const Place& place) {
  std::optional<std::string> path;
  {
    const range::SharedLock lock(tree_.names);
    path = tree_.nodes.path(place.parent);
  }
  if (path) static_cast<void>(tree_.store.sync_names(join_path(*path, place.name)));
}

Status Operations::move(const Place& from, const Place& to, unsigned flags,
                        std::optional<JournalId>& moved_id) {
  if ((flags & ~unsigned{RENAME_NOREPLACE}) != 0) return refused(EINVAL);
  const range::MutexLock lock(tree_.names);
  if (is_control_file(from)) return refused(EPERM);
  RETURN_IF_ERROR(check_new_name(to));
  ASSIGN_OR_RETURN(const std::string old_path, path_of(from.parent, from.name));
  ASSIGN_OR_RETURN(const std::string new_path, path_of(to.parent, to.name));
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, tree_.store.look_up(old_path));
  ASSIGN_OR_RETURN(const std::optional<Entry> replaced, tree_.store.look_up(new_path));
  if (!entry) return refused(ENOENT);
  const bool replace = (flags & RENAME_NOREPLACE) == 0;
  const auto last = last_attributes(replaced, new_path);
  RETURN_IF_ERROR(tree_.store.rename(old_path, new_path, replace));
  if (old_path == new_path) return {};
  gone(replaced, last);
  moved(*entry, to);
  if (entry->kind == EntryKind::kJournal) moved_id = JournalId(entry->id);
  return {};
}

// Moves st_ctime. The name is moved already, so what fails here must not make that fail.
void Operations::note_renamed(JournalId id, const Place& to) {
  const range::SharedLock lock(tree_.names);
  const auto path = path_of(to.parent, to.name);
  if (!path) return;
  const auto journal = open_journal(id, *path);
  if (!journal) return;
  {
    const range::MutexLock settings(tree_.settings);
    static_cast<void>(store_attributes(**journal, AttributeChange()));
  }
  announce_change(**journal, NodeId{});
}

}  // namespace rangefs
