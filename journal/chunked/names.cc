#include "journal/chunked/names.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <cerrno>

#include "journal/chunked/attributes.h"
#include "journal/chunked/format.h"
#include "journal/result_macros.h"

namespace range {

namespace {

constexpr const char* kTree = "tree";
constexpr const char* kChunks = "chunks";
constexpr size_t kNameBytesMax = 255;

// The last component of a link's text, if it is an id.
std::optional<JournalId> id_of_link(const std::string& target) {
  const size_t slash = target.rfind('/');
  return parse_journal_id(std::string_view(target).substr(slash + 1));
}

// What the link of a journal says: where its chunks are, seen from `path` in the tree.
std::string link_text(JournalId id, std::string_view path) {
  std::string up = "../";
  for (const char c : path) {
    if (c == '/') up += "../";
  }
  const std::string name = to_string(id);
  return fmt::format("{}{}/{}/{}", up, kChunks, name.substr(0, 2), name);
}

}  // namespace

Error name_error(Errc code, std::string_view path) {
  return {.code = code, .sys_errno = 0, .context = std::string(path)};
}

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

Status check_path(std::string_view path, bool root_allowed) {
  if (path.empty()) return root_allowed ? Status() : name_error(Errc::kInvalid, "empty path");
  for (std::string_view rest = path;;) {
    const size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    if (name.empty() || name == "." || name == ".." || name.size() > kNameBytesMax ||
        name == Names::kDirectoryAttributes || name.find('\0') != std::string_view::npos) {
      return name_error(Errc::kInvalid, path);
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Path Names::tree_path(std::string_view path) const {
  return path.empty() ? store_ / kTree : store_ / kTree / std::string(path);
}

Path Names::trash_path(JournalId id) const { return store_ / kTrash / to_string(id); }

Path Names::journal_directory(JournalId id) const {
  const std::string name = to_string(id);
  return store_ / kChunks / name.substr(0, 2) / name;
}

Status Names::create_layout(const Attributes& root) {
  const auto make = [&](const Path& path) -> Status {
    const Status made = env_.make_directory(path);
    return !made && made.error().code == Errc::kExists ? Status() : made;
  };
  RETURN_IF_ERROR(make(store_ / kTree));
  RETURN_IF_ERROR(make(store_ / kTrash));
  RETURN_IF_ERROR(make(store_ / kFailed));
  RETURN_IF_ERROR(make(store_ / kChunks));
  for (int i = 0; i < 256; ++i) {
    RETURN_IF_ERROR(make(store_ / kChunks / fmt::format("{:02x}", i)));
  }
  const Path file = store_ / kTree / kDirectoryAttributes;
  RETURN_IF_ERROR(replace_attributes(env_, file, store_ / kTrash / "root", root));
  for (const Path& path :
       {store_ / kTree, store_ / kTrash, store_ / kFailed, store_ / kChunks, store_}) {
    RETURN_IF_ERROR(env_.sync_directory(path));
  }
  return {};
}

// A journal in the path of another entry would be followed as the symbolic link that it is.
Status Names::check_parents(std::string_view path) {
  for (size_t slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    ASSIGN_OR_RETURN(const FileStat stat, env_.stat(tree_path(path.substr(0, slash))));
    if (stat.kind != FileKind::kDirectory) return name_error(Errc::kInvalid, path);
  }
  return {};
}

// The same for a path that is to lead to a directory.
Status Names::check_directory(std::string_view path) {
  RETURN_IF_ERROR(check_path(path, true));
  RETURN_IF_ERROR(check_parents(path));
  ASSIGN_OR_RETURN(const FileStat stat, env_.stat(tree_path(path)));
  return stat.kind == FileKind::kDirectory ? Status() : name_error(Errc::kInvalid, path);
}

Result<std::optional<Entry>> Names::look_up(std::string_view path) {
  RETURN_IF_ERROR(check_path(path, true));
  if (const Status parents = check_parents(path); !parents) {
    if (parents.error().code == Errc::kNotFound) return std::optional<Entry>();
    return parents.error();
  }
  const auto stat = env_.stat(tree_path(path));
  if (!stat && stat.error().code == Errc::kNotFound) return std::optional<Entry>();
  if (!stat) return stat.error();
  return entry_at(tree_path(path), stat->kind);
}

Result<bool> Names::leads_to(std::string_view path, JournalId id) {
  const auto entry = look_up(path);
  if (!entry && entry.error().code == Errc::kInvalid) return false;
  if (!entry) return entry.error();
  return *entry && (*entry)->kind == EntryKind::kJournal && (*entry)->id == id.value();
}

Result<std::optional<Entry>> Names::entry_at(const Path& path, FileKind kind) {
  if (kind == FileKind::kDirectory) {
    ASSIGN_OR_RETURN(const FileStat stat, env_.stat(path));
    return std::optional(Entry{EntryKind::kDirectory, stat.inode, stat.modified});
  }
  if (kind == FileKind::kSymlink) {
    ASSIGN_OR_RETURN(const std::string target, env_.read_symlink(path));
    if (const auto id = id_of_link(target)) {
      return std::optional(Entry{EntryKind::kJournal, id->value(), {}});
    }
  }
  spdlog::warn("{}: neither a directory nor a journal, left alone", path.string());
  return std::optional<Entry>();
}

Result<NamesPage> Names::list(std::string_view directory, uint64_t from, size_t entries_max) {
  RETURN_IF_ERROR(check_directory(directory));
  const Path path = tree_path(directory);
  ASSIGN_OR_RETURN(const DirectoryPage found, env_.list(path, from, entries_max));
  NamesPage page{.entries = {}, .next = found.next};
  for (const DirectoryEntry& item : found.entries) {
    if (item.name == kDirectoryAttributes) continue;
    const auto entry = entry_at(path / item.name, item.kind);
    if (!entry && entry.error().code == Errc::kNotFound) continue;  // gone meanwhile
    if (!entry) return entry.error();
    if (*entry) page.entries.push_back({item.name, **entry});
  }
  return page;
}

Result<JournalId> Names::create_journal(std::string_view path,
                                        const std::function<Result<Path>(JournalId)>& fill) {
  RETURN_IF_ERROR(check_path(path, false));
  RETURN_IF_ERROR(check_parents(path));
  ASSIGN_OR_RETURN(const JournalId id, create_in_trash(path));
  const Result<Path> file = fill(id);
  Status created = file ? Status() : Status(file.error());
  if (created) created = env_.rename(trash_path(id), tree_path(path), false);
  if (!created) {
    // What this leaves behind goes when the store is opened next.
    (void)reclaim(id);
    return std::move(created).error();
  }
  mark_journal_unsynced(id, *file);
  mark_unsynced(store_ / kTrash);
  mark_unsynced(tree_path(parent_of(path)));
  return id;
}

// The link comes first, so that the directory is known of from the beginning. (In the one case of
// 2^64 that the id is in use, and dying right then, that would be the end of the other journal.)
Result<JournalId> Names::create_in_trash(std::string_view path) {
  for (;;) {
    const JournalId id(env_.random());
    if (id == JournalId()) continue;
    Status made = env_.make_symlink(link_text(id, path), trash_path(id));
    if (!made && made.error().code == Errc::kExists) continue;
    RETURN_IF_ERROR(std::move(made));
    made = env_.make_directory(journal_directory(id));
    if (made) return id;
    (void)env_.remove_file(trash_path(id));
    if (made.error().code != Errc::kExists) return std::move(made).error();
  }
}

Status Names::create_directory(std::string_view path, const Attributes& attributes) {
  RETURN_IF_ERROR(check_path(path, false));
  RETURN_IF_ERROR(check_parents(path));
  const Path made = store_ / kTrash / fmt::format("new-{:016x}", env_.random());
  RETURN_IF_ERROR(env_.make_directory(made));
  Status created = create_attributes(env_, made / kDirectoryAttributes, attributes);
  if (created) created = env_.rename(made, tree_path(path), false);
  if (!created) {
    (void)env_.remove_file(made / kDirectoryAttributes);
    (void)env_.remove_directory(made);
    return created;
  }
  mark_unsynced_file(tree_path(path) / kDirectoryAttributes);
  mark_unsynced(tree_path(path));
  mark_unsynced(store_ / kTrash);
  mark_unsynced(tree_path(parent_of(path)));
  return {};
}

Status Names::discard(std::string_view path) {
  const Path from = tree_path(path);
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, look_up(path));
  if (!entry) return name_error(Errc::kNotFound, path);
  const bool is_journal = entry->kind == EntryKind::kJournal;
  const Path gone = is_journal ? trash_path(JournalId(entry->id))
                               : store_ / kTrash / fmt::format("gone-{:016x}", env_.random());
  if (!is_journal) {
    RETURN_IF_ERROR(check_deletable(from));
    // Power loss must not find in the trash what had been moved out of the directory before.
    RETURN_IF_ERROR(sync_inside(from));
  }
  RETURN_IF_ERROR(env_.rename(from, gone, false));
  mark_unsynced(from.parent_path());
  mark_unsynced(store_ / kTrash);
  if (is_journal) return {};
  forget_directories();
  MutexLock lock(unsynced_mutex_);
  discarded_.push_back(gone);
  return {};
}

Status Names::rename(std::string_view from, std::string_view to) {
  RETURN_IF_ERROR(check_path(from, false));
  RETURN_IF_ERROR(check_path(to, false));
  RETURN_IF_ERROR(check_parents(from));
  RETURN_IF_ERROR(check_parents(to));
  ASSIGN_OR_RETURN(const FileStat stat, env_.stat(tree_path(from)));
  // The set of unsynced directories goes by path, and the paths below `from` change.
  if (stat.kind == FileKind::kDirectory) RETURN_IF_ERROR(sync());
  RETURN_IF_ERROR(env_.rename(tree_path(from), tree_path(to), false));
  if (stat.kind == FileKind::kDirectory) forget_directories();
  mark_unsynced(tree_path(parent_of(from)));
  mark_unsynced(tree_path(parent_of(to)));
  return {};
}

void Names::mark_journal_unsynced(JournalId id, const Path& file) {
  mark_unsynced_file(file);
  mark_unsynced(journal_directory(id));
  mark_unsynced(journal_directory(id).parent_path());
}

Result<Attributes> Names::journal_attributes(JournalId id) {
  return read_attributes(env_, journal_directory(id) / kAttributesFileName);
}

Status Names::set_journal_attributes(JournalId id, const Attributes& attributes) {
  const Path directory = journal_directory(id);
  RETURN_IF_ERROR(replace_attributes(env_, directory / kAttributesFileName,
                                     directory / "attributes.new", attributes));
  mark_unsynced(directory);
  return {};
}

Status Names::restore_journal(JournalId id, const Attributes& attributes) {
  const Status made = env_.make_directory(journal_directory(id));
  if (!made) return made.error().code == Errc::kExists ? Status() : made;
  const Path file = journal_directory(id) / kAttributesFileName;
  RETURN_IF_ERROR(create_attributes(env_, file, attributes));
  mark_journal_unsynced(id, file);
  return {};
}

Result<Attributes> Names::directory_attributes(std::string_view path) {
  ASSIGN_OR_RETURN(const Known known, known_directory(path));
  return known.attributes;
}

Result<Names::Known> Names::known_directory(std::string_view path) {
  constexpr size_t kKnownMax = 4096;
  uint64_t forgotten = 0;
  {
    MutexLock lock(known_mutex_);
    const auto known = known_.find(std::string(path));
    if (known != known_.end()) return known->second;
    forgotten = forgotten_;
  }
  ASSIGN_OR_RETURN(const Known read, read_directory(path));
  MutexLock lock(known_mutex_);
  if (known_.size() == kKnownMax) known_.clear();
  // What was read before a change is not worth remembering.
  if (forgotten == forgotten_) known_[std::string(path)] = read;
  return read;
}

// Called after the change.
void Names::forget_directories() {
  MutexLock lock(known_mutex_);
  known_.clear();
  ++forgotten_;
}

Result<Names::Known> Names::read_directory(std::string_view path) {
  RETURN_IF_ERROR(check_directory(path));
  const auto stored = read_attributes(env_, tree_path(path) / kDirectoryAttributes);
  if (stored) return Known{*stored};
  const Errc code = stored.error().code;
  if (code != Errc::kNotFound && code != Errc::kCorrupt) return stored.error();
  // Power was lost before a new directory was synced, or somebody made it by hand.
  spdlog::warn(
      "{}: its attributes are missing; only its owner may use it, and nothing below that "
      "depends on them is dropped",
      tree_path(path).string());
  Known known{.attributes = {}, .lost = true};
  known.attributes.mode = 0700;
  return known;
}

Result<Retention> Names::retention(std::string_view path, const Attributes& own,
                                   const Retention& otherwise) {
  Attributes merged = own;
  while (!path.empty() && !(merged.max_bytes && merged.max_records && merged.max_age)) {
    path = parent_of(path);
    ASSIGN_OR_RETURN(const Known known, known_directory(path));
    if (known.lost) return Retention();
    const Attributes& above = known.attributes;
    if (!merged.max_bytes) merged.max_bytes = above.max_bytes;
    if (!merged.max_records) merged.max_records = above.max_records;
    if (!merged.max_age) merged.max_age = above.max_age;
  }
  return Retention{.max_bytes = merged.max_bytes.value_or(otherwise.max_bytes),
                   .max_records = merged.max_records.value_or(otherwise.max_records),
                   .max_age = merged.max_age.value_or(otherwise.max_age)};
}

Status Names::set_directory_attributes(std::string_view path, const Attributes& attributes) {
  RETURN_IF_ERROR(check_directory(path));
  const Path directory = tree_path(path);
  const Path temporary = store_ / kTrash / fmt::format("set-{:016x}", env_.random());
  RETURN_IF_ERROR(
      replace_attributes(env_, directory / kDirectoryAttributes, temporary, attributes));
  forget_directories();
  mark_unsynced(directory);
  mark_unsynced(store_ / kTrash);
  return {};
}

}  // namespace range
