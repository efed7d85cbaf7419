// The part of Names that deletes what was discarded.

#include <algorithm>
#include <iterator>
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

// So many directories share the syncs of their deletion.
constexpr size_t kAtOnce = 1024;

}  // namespace

std::vector<Status> Names::reclaim(std::span<const JournalId> journals, const Stop& stop) {
  std::vector<Status> done;
  std::vector<Path> directories;
  for (const JournalId id : journals) {
    const auto deleted = delete_journal(id, stop);
    if (deleted && !*deleted) break;
    done.push_back(deleted ? Status() : Status(deleted.error()));
    directories.push_back(journal_directory(id));
  }
  // Before the links go: nothing else would lead to a directory that came back.
  const std::vector<Status> synced = sync_deletions(directories);
  for (size_t i = 0; i < done.size(); ++i) {
    if (done[i]) done[i] = synced[i];
    if (done[i]) done[i] = forget_in_trash(journals[i]);
  }
  return done;
}

// Returns false if it was stopped: what is left goes the next time.
Result<bool> Names::delete_journal(JournalId id, const Stop& stop) {
  const Path directory = journal_directory(id);
  const auto files = env_.list(directory);
  if (!files && files.error().code != Errc::kNotFound) return files.error();
  if (files) {
    std::optional<Path> foreign;
    for (const DirectoryEntry& file : *files) {
      if (stop()) return false;
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
  return true;
}

Status Names::forget_in_trash(JournalId id) {
  const Status removed = env_.remove_file(trash_path(id));
  return !removed && removed.error().code == Errc::kNotFound ? Status() : removed;
}

std::vector<JournalId> Names::examine_trash() {
  std::vector<JournalId> journals;
  auto found = env_.list(store_ / kTrash);
  if (!found) {
    log_.warn("{}: not emptied: {}", printable((store_ / kTrash).string()),
              to_string(found.error()));
    return journals;
  }
  MutexLock lock(leftovers_mutex_);
  for (DirectoryEntry& entry : *found) {
    const auto id = parse_journal_id(entry.name);
    if (id && entry.kind == FileKind::kSymlink) {
      journals.push_back(*id);
    } else {
      leftovers_.push_back({std::move(entry)});
    }
  }
  return journals;
}

void Names::delete_leftovers(size_t at_most, const Stop& stop) {
  MutexLock lock(leftovers_mutex_);
  if (leftovers_.empty() || stop()) return;
  // What is deleted now must not come back to the tree by a power loss.
  if (const Status synced = sync(); !synced) {
    if (!std::exchange(leftovers_.front().told, true)) {
      log_.warn("{}: not emptied: {}", printable((store_ / kTrash).string()),
                to_string(synced.error()));
    }
    return;
  }
  std::vector<Leftover> all;
  std::vector<Leftover> kept;
  all.swap(leftovers_);
  std::span<Leftover> left = all;
  while (!left.empty() && at_most > 0 && !stop()) {
    const auto some = left.first(std::min({left.size(), kAtOnce, at_most}));
    at_most -= some.size();
    const std::vector<Status> done = delete_from_trash(some);
    for (size_t i = 0; i < some.size(); ++i) {
      if (is_kept(some[i], done[i])) kept.push_back(std::move(some[i]));
    }
    left = left.subspan(some.size());
  }
  // What failed comes behind the others.
  std::ranges::move(left, std::back_inserter(leftovers_));
  std::ranges::move(kept, std::back_inserter(leftovers_));
}

// Whether it is to be tried again. What is foreign is left for good.
bool Names::is_kept(Leftover& leftover, const Status& deleted) {
  if (deleted) return false;
  if (!std::exchange(leftover.told, true)) {
    log_.warn("{}: left in the trash: {}",
              printable((store_ / kTrash / leftover.entry.name).string()),
              to_string(deleted.error()));
  }
  const Errc code = deleted.error().code;
  return code != Errc::kNotEmpty && code != Errc::kInvalid && code != Errc::kNotFound;
}

// The directories share the syncs of that.
std::vector<Status> Names::delete_from_trash(std::span<const Leftover> leftovers) {
  std::vector<Status> done(leftovers.size());
  std::vector<Path> directories;
  std::vector<size_t> places;
  for (size_t i = 0; i < leftovers.size(); ++i) {
    const DirectoryEntry& entry = leftovers[i].entry;
    const Path path = store_ / kTrash / entry.name;
    if (entry.kind == FileKind::kRegular) {
      done[i] = env_.remove_file(path);
    } else if (entry.kind != FileKind::kDirectory) {
      done[i] = Error{Errc::kInvalid, 0, "not something of rangefs"};
    } else if (done[i] = check_deletable(path); done[i]) {
      directories.push_back(path);
      places.push_back(i);
    }
  }
  const std::vector<Status> deleted = delete_directories(directories);
  for (size_t i = 0; i < places.size(); ++i) done[places[i]] = deleted[i];
  return done;
}

Status Names::reclaim_directories(size_t at_most, const Stop& stop) {
  delete_leftovers(at_most, stop);
  std::vector<Path> all;
  {
    MutexLock lock(unsynced_mutex_);
    all.swap(discarded_);
  }
  Status result;
  std::span<Path> left = all;
  while (!left.empty() && at_most > 0 && !stop()) {
    const auto some = left.first(std::min({left.size(), kAtOnce, at_most}));
    at_most -= some.size();
    const Status deleted = delete_discarded({some.begin(), some.end()});
    if (!deleted && result) result = deleted;
    left = left.subspan(some.size());
  }
  MutexLock lock(unsynced_mutex_);
  discarded_.insert(discarded_.begin(), left.begin(), left.end());
  return result;
}

// Errors: of a discarding that cannot be synced; what it concerns is tried again.
Status Names::delete_discarded(const std::vector<Path>& discarded) {
  Status result;
  std::vector<Path> ready;
  // Should power be lost, no directory may come back without its attributes.
  const std::vector<Status> synced = sync_subjects(discarded);
  for (size_t i = 0; i < discarded.size(); ++i) {
    if (!synced[i] && result) result = synced[i];
    if (synced[i]) {
      ready.push_back(discarded[i]);
    } else {
      MutexLock lock(unsynced_mutex_);
      discarded_.push_back(discarded[i]);
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
