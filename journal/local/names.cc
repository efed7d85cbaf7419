#include "journal/local/names.h"

#include <fmt/core.h>

#include <cerrno>

#include "journal/base/result_macros.h"
#include "journal/chunk/format.h"
#include "journal/chunk/read_around.h"
#include "journal/local/attributes_file.h"
#include "journal/printable.h"

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

bool cannot_exchange(const Error& error) {
  return error.sys_errno == EINVAL || error.sys_errno == ENOSYS;
}

// Where the chunks of a journal are in the store.
Path place_of_chunks(JournalId id) {
  const std::string name = to_string(id);
  return Path(kChunks) / name.substr(0, 2) / name;
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

Path Names::journal_directory(JournalId id) const { return store_ / place_of_chunks(id); }

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
  RETURN_IF_ERROR(replace_attributes(env_, file, store_ / kTrash / "root", {root, kRootId}));
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
  return entry_at(path, stat->kind);
}

Result<bool> Names::leads_to(std::string_view path, JournalId id) {
  const auto entry = look_up(path);
  if (!entry && entry.error().code == Errc::kInvalid) return false;
  if (!entry) return entry.error();
  return *entry && (*entry)->kind == EntryKind::kJournal && (*entry)->id == id.value();
}

Result<std::optional<Entry>> Names::entry_at(std::string_view path, FileKind kind) {
  if (kind == FileKind::kDirectory) {
    ASSIGN_OR_RETURN(const FileStat stat, env_.stat(tree_path(path)));
    ASSIGN_OR_RETURN(const JournalId id, directory_id(path, stat));
    return std::optional(Entry{EntryKind::kDirectory, id.value(), stat.modified, stat.changed});
  }
  if (kind == FileKind::kSymlink) {
    ASSIGN_OR_RETURN(const std::string target, env_.read_symlink(tree_path(path)));
    if (const auto id = id_of_link(target)) {
      return std::optional(Entry{EntryKind::kJournal, id->value(), {}, {}});
    }
  }
  note_foreign(tree_path(path));
  return std::optional<Entry>();
}

// Something that is not of rangefs was met.
void Names::note_foreign(const Path& path) {
  constexpr size_t kToldMax = 1000;
  {
    MutexLock lock(foreign_mutex_);
    if (foreign_.size() == kToldMax || !foreign_.insert(path).second) return;
  }
  log_.warn("{}: neither a directory nor a journal, left alone", printable(path.string()));
}

// What to answer if `path` could not be made for `error`. Who looks a name up finds nothing where
// there is something foreign, and must not be told that it exists.
Error Names::name_taken(std::string_view path, Error error) {
  if (error.code != Errc::kExists) return error;
  const auto entry = look_up(path);
  if (!entry || *entry) return error;
  return {Errc::kNotPermitted, 0,
          tree_path(path).string() + " is not of rangefs, and has the name"};
}

Result<NamesPage> Names::list(std::string_view directory, uint64_t from, size_t entries_max) {
  RETURN_IF_ERROR(check_directory(directory));
  ASSIGN_OR_RETURN(const DirectoryPage found, env_.list(tree_path(directory), from, entries_max));
  const std::string above = directory.empty() ? std::string() : std::string(directory) + '/';
  NamesPage page{.entries = {}, .next = found.next};
  for (const DirectoryEntry& item : found.entries) {
    if (item.name == kDirectoryAttributes) continue;
    const auto entry = entry_at(above + item.name, item.kind);
    if (!entry && entry.error().code == Errc::kNotFound) continue;  // gone meanwhile
    if (!entry && !unreadable(entry.error())) return entry.error();
    if (!entry) {
      // It hides no others.
      const bool directory_there = item.kind == FileKind::kDirectory;
      const EntryKind kind = directory_there ? EntryKind::kDirectory : EntryKind::kJournal;
      page.entries.push_back({item.name, Entry{.kind = kind}, item.next});
    } else if (*entry) {
      page.entries.push_back({item.name, **entry, item.next});
    }
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
    (void)reclaim({&id, 1}, [] { return false; });
    return name_taken(path, std::move(created).error());
  }
  const Path directory = journal_directory(id);
  note_change({.subject = directory,
               .file = *file,
               .directories = {directory, directory.parent_path(), store_ / kTrash,
                               tree_path(parent_of(path))}});
  return id;
}

// The link comes first, so that the directory is known of from the beginning. It must not be the
// link of something else: dying right then would be the end of that, when the trash is emptied.
Result<JournalId> Names::create_in_trash(std::string_view path) {
  ASSIGN_OR_RETURN(const JournalId id, draw_id());
  RETURN_IF_ERROR(make_link(id, path));
  const Status made = env_.make_directory(journal_directory(id));
  if (made) return id;
  (void)env_.remove_file(trash_path(id));
  return made.error();
}

// It says where the chunks are, seen from `path` in the tree. No link can say that of a place that
// is too deep (more than 4,095 bytes; 1,023 on XFS): there it says where they are in the store.
Status Names::make_link(JournalId id, std::string_view path) {
  std::string up = "../";
  for (const char c : path) {
    if (c == '/') up += "../";
  }
  const std::string place = place_of_chunks(id).string();
  Status made = env_.make_symlink(up + place, trash_path(id));
  if (!made && made.error().sys_errno == ENAMETOOLONG) {
    made = env_.make_symlink(place, trash_path(id));
  }
  return made;
}

// An id that nothing has, be it in use or on its way from the trash. As callers make one name after
// the other, nobody else draws it meanwhile.
Result<JournalId> Names::draw_id() {
  for (;;) {
    const JournalId id = drawn_id(env_.random());
    if (id == kNoId || id == kRootId) continue;
    bool taken = false;
    for (const Path& path : {journal_directory(id), trash_path(id)}) {
      const auto found = env_.stat(path);
      if (!found && found.error().code != Errc::kNotFound) return found.error();
      taken = taken || found;
    }
    if (!taken) return id;
  }
}

Result<Names::Discarded> Names::move_to_trash(std::string_view path) {
  const Path from = tree_path(path);
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, look_up(path));
  if (!entry) return name_error(Errc::kNotFound, path);
  const JournalId id(entry->id);
  const bool is_journal = entry->kind == EntryKind::kJournal;
  const Path gone = trash_path(id);
  if (!is_journal) {
    RETURN_IF_ERROR(check_deletable(from));
    // Power loss must not find in the trash what had been moved out of the directory before.
    RETURN_IF_ERROR(sync_inside(path));
  }
  RETURN_IF_ERROR(env_.rename(from, gone, false));
  const Path subject = is_journal ? journal_directory(id) : gone;
  return Discarded{from, gone, subject, is_journal ? subject : from, is_journal};
}

void Names::note_discarded(const Discarded& discarded) {
  forget_failures(discarded.known_as);
  note_change({.subject = discarded.subject,
               .directories = {discarded.from.parent_path(), store_ / kTrash}});
  if (discarded.is_journal) return;
  forget_directories();
  MutexLock lock(unsynced_mutex_);
  discarded_.push_back(discarded.in_trash);
}

Status Names::discard(std::string_view path) {
  ASSIGN_OR_RETURN(const Discarded discarded, move_to_trash(path));
  note_discarded(discarded);
  return {};
}

Result<Entry> Names::entry_to_rename(std::string_view from, std::string_view to) {
  RETURN_IF_ERROR(check_path(from, false));
  RETURN_IF_ERROR(check_path(to, false));
  RETURN_IF_ERROR(check_parents(from));
  RETURN_IF_ERROR(check_parents(to));
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, look_up(from));
  if (!entry) return name_error(Errc::kNotFound, from);
  return *entry;
}

Status Names::rename(std::string_view from, std::string_view to) {
  ASSIGN_OR_RETURN(const Entry entry, entry_to_rename(from, to));
  // What is unsynced is known by path, and the paths below `from` change.
  if (entry.kind == EntryKind::kDirectory) RETURN_IF_ERROR(sync_directory(from));
  Status renamed = env_.rename(tree_path(from), tree_path(to), false);
  if (!renamed) return name_taken(to, std::move(renamed).error());
  note_renamed(from, to, entry);
  return {};
}

void Names::note_renamed(std::string_view from, std::string_view to, const Entry& entry) {
  const bool directory = entry.kind == EntryKind::kDirectory;
  if (directory) {
    forget_directories();
    move_failures(tree_path(from), tree_path(to));
  }
  note_change({.subject = directory ? tree_path(to) : journal_directory(JournalId(entry.id)),
               .directories = {tree_path(parent_of(from)), tree_path(parent_of(to))}});
}

// There is never nothing at `to`: first each takes the place of the other.
Status Names::rename_over(std::string_view from, std::string_view to) {
  ASSIGN_OR_RETURN(const Entry entry, entry_to_rename(from, to));
  const bool is_directory = entry.kind == EntryKind::kDirectory;
  if (is_directory) {
    RETURN_IF_ERROR(check_deletable(tree_path(to)));
    for (const std::string_view path : {from, to}) {
      RETURN_IF_ERROR(sync_directory(path));  // as for rename()
    }
  }
  const auto exchange = [&](std::string_view arrives_at) -> Status {
    RETURN_IF_ERROR(env_.exchange(tree_path(from), tree_path(to)));
    if (is_directory) {
      forget_directories();
      exchange_failures(tree_path(from), tree_path(to));
    }
    const Path subject =
        is_directory ? tree_path(arrives_at) : journal_directory(JournalId(entry.id));
    note_change({.subject = subject,
                 .directories = {tree_path(parent_of(from)), tree_path(parent_of(to))}});
    return {};
  };
  const Status exchanged = exchange(to);
  if (!exchanged && cannot_exchange(exchanged.error())) {
    return replace_in_steps(from, to, entry);
  }
  RETURN_IF_ERROR(exchanged);
  Status discarded = discard(from);
  if (discarded) return discarded;
  if (const Status undone = exchange(from); !undone) {
    log_.error("{} and {} are exchanged: {}", printable(from), printable(to),
               to_string(undone.error()));
  }
  return discarded;
}

Status Names::replace_in_steps(std::string_view from, std::string_view to, const Entry& entry) {
  ASSIGN_OR_RETURN(const Discarded replaced, move_to_trash(to));
  Status renamed = env_.rename(tree_path(from), replaced.from, false);
  if (renamed) {
    note_discarded(replaced);
    note_renamed(from, to, entry);
    return renamed;
  }
  const Status undone = env_.rename(replaced.in_trash, replaced.from, false);
  if (!undone) {
    note_discarded(replaced);
    log_.error("{} is gone: {}", printable(to), to_string(undone.error()));
    return renamed;
  }
  if (!replaced.is_journal) forget_directories();
  // A sync may have found it in the trash.
  note_change({.subject = replaced.known_as,
               .directories = {replaced.from.parent_path(), store_ / kTrash}});
  return renamed;
}

Result<Attributes> Names::journal_attributes(JournalId id) {
  ASSIGN_OR_RETURN(const StoredAttributes stored,
                   read_attributes(env_, journal_directory(id) / kAttributesFileName));
  return stored.attributes;
}

Status Names::set_journal_attributes(JournalId id, const Attributes& attributes) {
  const Path directory = journal_directory(id);
  RETURN_IF_ERROR(replace_attributes(env_, directory / kAttributesFileName,
                                     directory / "attributes.new", {attributes}));
  note_change({.subject = directory, .directories = {directory}});
  return {};
}

Status Names::restore_journal(JournalId id, const Attributes& attributes) {
  const auto stat = env_.stat(journal_directory(id));
  if (stat) return {};
  if (stat.error().code != Errc::kNotFound) return stat.error();
  RETURN_IF_ERROR(env_.make_directory(journal_directory(id)));
  const Path file = journal_directory(id) / kAttributesFileName;
  RETURN_IF_ERROR(create_attributes(env_, file, {attributes}));
  const Path directory = journal_directory(id);
  note_change(
      {.subject = directory, .file = file, .directories = {directory, directory.parent_path()}});
  return {};
}

}  // namespace range
