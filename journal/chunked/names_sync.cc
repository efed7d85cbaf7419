// The part of Names that makes changes durable, and deletes what was discarded.

#include <spdlog/spdlog.h>

#include <cerrno>

#include "journal/chunked/format.h"
#include "journal/chunked/names.h"
#include "journal/result_macros.h"

namespace range {

// Called after the change: a sync that runs at the same time may have missed it.
void Names::mark_unsynced(const Path& directory) {
  MutexLock lock(unsynced_mutex_);
  unsynced_.directories.insert(directory);
}

void Names::mark_unsynced_file(const Path& file) {
  MutexLock lock(unsynced_mutex_);
  unsynced_.files.insert(file);
}

Status Names::sync() {
  MutexLock lock(sync_mutex_);
  return sync_locked(!synced_before_);
}

Status Names::sync_filesystem() {
  MutexLock lock(sync_mutex_);
  return sync_locked(true);
}

Status Names::sync_locked(bool filesystem) {
  constexpr size_t kSingleSyncsMax = 16;  // one syncfs(2) is cheaper than more of them
  if (failure_) return *failure_;
  Unsynced unsynced;
  {
    MutexLock lock(unsynced_mutex_);
    std::swap(unsynced, unsynced_);
  }
  filesystem |= unsynced.files.size() + unsynced.directories.size() > kSingleSyncsMax;
  Status synced = filesystem ? env_.sync_filesystem(store_) : sync_each(unsynced);
  if (synced) {
    synced_before_ = true;
  } else if (out_of_descriptors(synced.error())) {
    MutexLock lock(unsynced_mutex_);
    unsynced_.files.merge(unsynced.files);
    unsynced_.directories.merge(unsynced.directories);
  } else {
    failure_ = synced.error();
  }
  return synced;
}

Status Names::sync_inside(const Path& directory) {
  bool needed = false;
  {
    MutexLock lock(sync_mutex_);
    needed = !synced_before_;
  }
  if (!needed) {
    MutexLock lock(unsynced_mutex_);
    needed = unsynced_.directories.contains(directory);
  }
  return needed ? sync() : Status();
}

Status Names::sync_each(const Unsynced& unsynced) {
  // What was removed meanwhile needs no sync, even if a journal has the name of a directory now.
  const auto unless_removed = [](Status synced) {
    if (synced) return synced;
    const Error& error = synced.error();
    const bool removed =
        error.code == Errc::kNotFound || error.sys_errno == ENOTDIR || error.sys_errno == ELOOP;
    return removed ? Status() : synced;
  };
  for (const Path& path : unsynced.files) {
    const auto file = env_.open(path, Env::OpenMode::kReadWrite);
    RETURN_IF_ERROR(unless_removed(file ? (*file)->sync_data() : Status(file.error())));
  }
  for (const Path& path : unsynced.directories) {
    RETURN_IF_ERROR(unless_removed(env_.sync_directory(path)));
  }
  return {};
}

Status Names::reclaim(JournalId id) {
  const Path directory = journal_directory(id);
  const auto files = env_.list(directory);
  if (!files && files.error().code != Errc::kNotFound) return files.error();
  if (files) {
    for (const DirectoryEntry& file : *files) {
      RETURN_IF_ERROR(env_.remove_file(directory / file.name));
    }
    RETURN_IF_ERROR(env_.remove_directory(directory));
    // Before the link goes: nothing else would lead to the directory if it came back.
    RETURN_IF_ERROR(env_.sync_directory(directory.parent_path()));
  }
  const Status removed = env_.remove_file(trash_path(id));
  return !removed && removed.error().code == Errc::kNotFound ? Status() : removed;
}

Status Names::empty_trash() {
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> found, env_.list(store_ / kTrash));
  // What is deleted now must not come back to the tree by a power loss.
  if (!found.empty()) RETURN_IF_ERROR(sync());
  for (const DirectoryEntry& entry : found) {
    const Status deleted = delete_from_trash(entry);
    // What cannot be deleted must not keep the store from being opened.
    if (!deleted) {
      spdlog::warn("{}: left in the trash: {}", (store_ / kTrash / entry.name).string(),
                   to_string(deleted.error()));
    }
  }
  return {};
}

Status Names::delete_from_trash(const DirectoryEntry& entry) {
  const Path path = store_ / kTrash / entry.name;
  if (entry.kind == FileKind::kRegular) return env_.remove_file(path);
  if (entry.kind == FileKind::kDirectory) {
    RETURN_IF_ERROR(check_deletable(path));
    return delete_directories({path});
  }
  const auto id = parse_journal_id(entry.name);
  if (id && entry.kind == FileKind::kSymlink) return reclaim(*id);
  return Error{Errc::kInvalid, 0, "not something of rangefs"};
}

Status Names::reclaim_directories() {
  std::vector<Path> discarded;
  {
    MutexLock lock(unsynced_mutex_);
    discarded.swap(discarded_);
  }
  if (discarded.empty()) return {};
  // Should power be lost, no directory may come back without its attributes.
  RETURN_IF_ERROR(sync());
  return delete_directories(discarded);
}

// Their discarding is synced.
Status Names::delete_directories(const std::vector<Path>& discarded) {
  for (const Path& path : discarded) RETURN_IF_ERROR(release_id(path));
  // Before the trash forgets them: nothing else would lead to a claim that came back.
  RETURN_IF_ERROR(sync());
  for (const Path& path : discarded) {
    // One made by hand has none.
    Status removed = env_.remove_file(path / kDirectoryAttributes);
    if (!removed && removed.error().code != Errc::kNotFound) return removed;
    RETURN_IF_ERROR(env_.remove_directory(path));
  }
  return {};
}

// One made by hand has claimed none.
Status Names::release_id(const Path& discarded) {
  const auto id = parse_journal_id(discarded.filename().native());
  if (!id) return {};
  const Path claim = journal_directory(*id);
  const auto found = env_.stat(claim);
  if (!found) return found.error().code == Errc::kNotFound ? Status() : Status(found.error());
  if (found->kind != FileKind::kSymlink) return {};
  RETURN_IF_ERROR(env_.remove_file(claim));
  mark_unsynced(claim.parent_path());
  return {};
}

// A directory with files in it that are none of ours has to stay.
Status Names::check_deletable(const Path& directory) {
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> found, env_.list(directory));
  for (const DirectoryEntry& item : found) {
    if (item.name != kDirectoryAttributes) {
      return Error{Errc::kNotEmpty, 0, (directory / item.name).string()};
    }
  }
  return {};
}

Status Names::note_failure(JournalId id) {
  const std::string name = to_string(id);
  const Status noted =
      env_.make_symlink("../chunks/" + name.substr(0, 2) + '/' + name, store_ / kFailed / name);
  return !noted && noted.error().code == Errc::kExists ? Status() : noted;
}

Result<std::vector<JournalId>> Names::failed_journals() {
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> found, env_.list(store_ / kFailed));
  std::vector<JournalId> journals;
  for (const DirectoryEntry& entry : found) {
    if (const auto id = parse_journal_id(entry.name)) journals.push_back(*id);
  }
  return journals;
}

Result<bool> Names::has_failed(JournalId id) {
  const auto noted = env_.stat(store_ / kFailed / to_string(id));
  if (!noted && noted.error().code == Errc::kNotFound) return false;
  return noted ? Result<bool>(true) : noted.error();
}

Status Names::forget_failure(JournalId id) {
  return env_.remove_file(store_ / kFailed / to_string(id));
}

}  // namespace range
