// The part of Names that deals with the directories of the tree: their attributes and ids.

#include <fmt/core.h>

#include <cerrno>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/format.h"
#include "journal/chunk/read_around.h"
#include "journal/local/attributes_file.h"
#include "journal/local/names.h"
#include "journal/printable.h"

namespace range {

// The id is claimed in the trash, from where dying leads to its release.
Result<Entry> Names::create_directory(std::string_view path, const Attributes& attributes) {
  RETURN_IF_ERROR(check_path(path, false));
  RETURN_IF_ERROR(check_parents(path));
  ASSIGN_OR_RETURN(const JournalId id, draw_id());
  const Path made = trash_path(id);
  const Path claim = journal_directory(id);
  RETURN_IF_ERROR(env_.make_directory(made));
  Status created = env_.make_symlink(kClaim, claim);
  if (created) {
    created = create_attributes(env_, made / kDirectoryAttributes, {attributes, id});
  }
  if (created) created = env_.rename(made, tree_path(path), false);
  if (!created) {
    (void)env_.remove_file(made / kDirectoryAttributes);
    (void)env_.remove_file(claim);
    (void)env_.remove_directory(made);
    return name_taken(path, std::move(created).error());
  }
  // Itself last: a directory that a power loss leaves in the trash must not hold names yet.
  note_change({.subject = tree_path(path),
               .file = tree_path(path) / kDirectoryAttributes,
               .directories = {claim.parent_path(), store_ / kTrash, tree_path(parent_of(path)),
                               tree_path(path)}});
  // It is there, whether or not its times can be read.
  const auto stat = env_.stat(tree_path(path));
  const Timestamp modified = stat ? stat->modified : attributes.created;
  const Timestamp changed = stat ? stat->changed : attributes.created;
  return Entry{EntryKind::kDirectory, id.value(), modified, changed};
}

// Attributes that the disk does not give are no reason to go without a number, and to keep those of
// the same directory from being listed.
Result<JournalId> Names::directory_id(std::string_view path, const FileStat& stat) {
  const auto known = known_directory(path);
  if (!known && !unreadable(known.error())) return known.error();
  return known && known->id != kNoId ? known->id : id_of_inode(stat.inode);
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
  // What was read before a change is not worth remembering, nor what may be readable next time.
  if (forgotten == forgotten_ && !read.unreadable()) known_[std::string(path)] = read;
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
  if (stored) {
    keep_claim(path, stored->id);
    return Known{.attributes = stored->attributes, .id = stored->id};
  }
  const Errc code = stored.error().code;
  const auto file = env_.stat(tree_path(path) / kDirectoryAttributes);
  const bool foreign = file && file->kind != FileKind::kRegular;
  if (code != Errc::kNotFound && code != Errc::kCorrupt && !foreign) return stored.error();
  // Power was lost before a new directory was synced, somebody made it by hand, or a disk fails.
  log_.warn(
      "{}: its attributes are missing; only its owner may use it, and nothing below that "
      "depends on them is dropped",
      printable(tree_path(path).string()));
  Known known{.attributes = {}, .id = kNoId, .lost = true};
  if (code == Errc::kCorrupt) known.damage = stored.error();
  known.attributes.mode = 0700;
  return known;
}

// A power loss may have taken the claim of a new directory and left the directory. Without it
// another could draw the id; that is no reason to go without what is stored.
void Names::keep_claim(std::string_view path, JournalId id) {
  if (read_only_ || id == kNoId || id == kRootId) return;
  const Path claim = journal_directory(id);
  const auto found = env_.stat(claim);
  if (found || found.error().code != Errc::kNotFound) return;
  if (!env_.make_symlink(kClaim, claim)) return;
  note_change({.subject = tree_path(path), .directories = {claim.parent_path()}});
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
  ASSIGN_OR_RETURN(const Known known, known_directory(path));
  if (known.unreadable()) return *known.damage;  // its id would be lost, too
  ASSIGN_OR_RETURN(const FileStat before, env_.stat(directory));
  RETURN_IF_ERROR(replace_attributes(env_, directory / kDirectoryAttributes, temporary,
                                     {attributes, known.id}));
  forget_directories();
  // Nothing depends on it.
  note_change(
      {.subject = directory / kDirectoryAttributes, .directories = {directory, store_ / kTrash}});
  // Nobody made or removed a name that can be seen. The attributes are set, whether or not that can
  // be said.
  const Status kept = env_.set_modified(directory, before.modified);
  if (!kept) log_.warn("directory {}: {}", printable(path), to_string(kept.error()));
  return {};
}

Status Names::set_directory_modified(std::string_view path, Timestamp modified) {
  RETURN_IF_ERROR(check_directory(path));
  RETURN_IF_ERROR(env_.set_modified(tree_path(path), modified));
  note_change(
      {.subject = tree_path(path) / kDirectoryAttributes, .directories = {tree_path(path)}});
  return {};
}

}  // namespace range
