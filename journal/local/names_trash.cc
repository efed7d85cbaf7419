// The part of Names that deletes what was discarded.

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/format.h"
#include "journal/local/names.h"
#include "journal/printable.h"

namespace range {

namespace {

// Whether something in the directory of a journal was put there by rangefs.
bool is_file_of_journal(const DirectoryEntry& entry) {
  const bool chunk =
      chunk_of_file_name(entry.name, ".idx") || chunk_of_file_name(entry.name, ".dat");
  const bool ours = chunk || entry.name.find(".torn") != std::string::npos ||
                    entry.name.starts_with(kAttributesFileName);
  return ours && entry.kind == FileKind::kRegular;
}

}  // namespace

std::vector<Status> Names::reclaim(const std::vector<JournalId>& journals) {
  std::vector<Status> done;
  std::vector<Path> directories;
  for (const JournalId id : journals) {
    done.push_back(delete_journal(id));
    directories.push_back(journal_directory(id));
  }
  // Before the links go: nothing else would lead to a directory that came back.
  const std::vector<Status> synced = sync_deletions(directories);
  for (size_t i = 0; i < journals.size(); ++i) {
    if (done[i]) done[i] = synced[i];
    if (done[i]) done[i] = forget_in_trash(journals[i]);
  }
  return done;
}

Status Names::delete_journal(JournalId id) {
  const Path directory = journal_directory(id);
  const auto files = env_.list(directory);
  if (!files && files.error().code != Errc::kNotFound) return files.error();
  if (files) {
    std::optional<Path> foreign;
    for (const DirectoryEntry& file : *files) {
      if (is_file_of_journal(file)) {
        RETURN_IF_ERROR(env_.remove_file(directory / file.name));
      } else {
        foreign = directory / file.name;
      }
    }
    if (foreign) return Error{Errc::kNotEmpty, 0, foreign->string() + " is not of rangefs"};
    RETURN_IF_ERROR(env_.remove_directory(directory));
  }
  note_change({.subject = directory, .directories = {directory.parent_path()}, .deleted = true});
  return {};
}

Status Names::forget_in_trash(JournalId id) {
  const Status removed = env_.remove_file(trash_path(id));
  return !removed && removed.error().code == Errc::kNotFound ? Status() : removed;
}

void Names::empty_trash() {
  auto found = env_.list(store_ / kTrash);
  if (!found) {
    log_.warn("{}: not emptied: {}", printable((store_ / kTrash).string()),
              to_string(found.error()));
    return;
  }
  {
    MutexLock lock(leftovers_mutex_);
    for (DirectoryEntry& entry : *found) leftovers_.push_back({std::move(entry)});
  }
  delete_leftovers();
}

// What is foreign is left for good.
void Names::delete_leftovers() {
  MutexLock lock(leftovers_mutex_);
  if (leftovers_.empty()) return;
  // What is deleted now must not come back to the tree by a power loss.
  if (const Status synced = sync(); !synced) {
    if (!std::exchange(leftovers_.front().told, true)) {
      log_.warn("{}: not emptied: {}", printable((store_ / kTrash).string()),
                to_string(synced.error()));
    }
    return;
  }
  const std::vector<Status> done = delete_from_trash(leftovers_);
  auto next = done.begin();
  std::erase_if(leftovers_, [&](Leftover& leftover) {
    const Status& deleted = *next++;
    if (deleted) return true;
    if (!std::exchange(leftover.told, true)) {
      log_.warn("{}: left in the trash: {}",
                printable((store_ / kTrash / leftover.entry.name).string()),
                to_string(deleted.error()));
    }
    const Errc code = deleted.error().code;
    return code == Errc::kNotEmpty || code == Errc::kInvalid || code == Errc::kNotFound;
  });
}

std::vector<Status> Names::delete_from_trash(const std::vector<Leftover>& leftovers) {
  std::vector<Status> done(leftovers.size());
  std::vector<JournalId> journals;
  std::vector<size_t> places;
  for (size_t i = 0; i < leftovers.size(); ++i) {
    const DirectoryEntry& entry = leftovers[i].entry;
    const auto id = parse_journal_id(entry.name);
    if (id && entry.kind == FileKind::kSymlink) {
      journals.push_back(*id);
      places.push_back(i);
    } else {
      done[i] = delete_from_trash(entry);
    }
  }
  const std::vector<Status> reclaimed = reclaim(journals);
  for (size_t i = 0; i < places.size(); ++i) done[places[i]] = reclaimed[i];
  return done;
}

Status Names::delete_from_trash(const DirectoryEntry& entry) {
  const Path path = store_ / kTrash / entry.name;
  if (entry.kind == FileKind::kRegular) return env_.remove_file(path);
  if (entry.kind == FileKind::kDirectory) {
    RETURN_IF_ERROR(check_deletable(path));
    return delete_directories({path}).front();
  }
  return Error{Errc::kInvalid, 0, "not something of rangefs"};
}

Status Names::reclaim_directories() {
  delete_leftovers();
  std::vector<Path> discarded;
  {
    MutexLock lock(unsynced_mutex_);
    discarded.swap(discarded_);
  }
  if (discarded.empty()) return {};
  Status result;
  std::vector<Path> ready;
  for (Path& path : discarded) {
    // Should power be lost, no directory may come back without its attributes.
    const Status synced = sync_subject(path);
    if (!synced && result) result = synced;
    if (synced) {
      ready.push_back(std::move(path));
    } else {
      MutexLock lock(unsynced_mutex_);
      discarded_.push_back(std::move(path));
    }
  }
  const std::vector<Status> deleted = delete_directories(ready);
  MutexLock lock(leftovers_mutex_);
  for (size_t i = 0; i < ready.size(); ++i) {
    if (deleted[i]) continue;
    leftovers_.push_back({{.name = ready[i].filename().string(), .kind = FileKind::kDirectory}});
  }
  return result;
}

// Their discarding is synced.
std::vector<Status> Names::delete_directories(const std::vector<Path>& discarded) {
  std::vector<Status> done;
  for (const Path& path : discarded) done.push_back(release_id(path));
  // Before the trash forgets them: nothing else would lead to a claim that came back.
  const std::vector<Status> synced = sync_deletions(discarded);
  for (size_t i = 0; i < discarded.size(); ++i) {
    if (done[i]) done[i] = synced[i];
    if (done[i]) done[i] = delete_directory(discarded[i]);
  }
  return done;
}

Status Names::delete_directory(const Path& discarded) {
  // One made by hand has none.
  Status removed = env_.remove_file(discarded / kDirectoryAttributes);
  if (!removed && removed.error().code != Errc::kNotFound) return removed;
  return env_.remove_directory(discarded);
}

// One made by hand has claimed none.
Status Names::release_id(const Path& discarded) {
  const auto id = parse_journal_id(discarded.filename().native());
  if (!id) return {};
  const Path claim = journal_directory(*id);
  const auto found = env_.stat(claim);
  if (!found && found.error().code != Errc::kNotFound) return found.error();
  if (found && found->kind == FileKind::kSymlink) RETURN_IF_ERROR(env_.remove_file(claim));
  note_change({.subject = discarded, .directories = {claim.parent_path()}, .deleted = true});
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

}  // namespace range
