// The part of Names that makes changes durable, and remembers what could not be.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/format.h"
#include "journal/local/names.h"
#include "journal/printable.h"

namespace range {

namespace {

// Whether `path` is `directory` or lies below it.
bool is_in(const Path& path, const Path& directory) {
  const std::string& inner = path.native();
  const std::string& outer = directory.native();
  return inner.starts_with(outer) && (inner.size() == outer.size() || inner[outer.size()] == '/');
}

// Of something in `from`, once that is at `to`.
Path moved_path(const Path& path, const Path& from, const Path& to) {
  return to.native() + path.native().substr(from.native().size());
}

Status unless_removed(const Status& synced) {
  if (synced) return synced;
  const Error& error = synced.error();
  const bool removed =
      error.code == Errc::kNotFound || error.sys_errno == ENOTDIR || error.sys_errno == ELOOP;
  return removed ? Status() : synced;
}

}  // namespace

// Called after the change: a sync that runs at the same time may have missed it.
void Names::note_change(Change change) {
  MutexLock lock(unsynced_mutex_);
  unsynced_.push_back(std::move(change));
}

Status Names::sync() {
  MutexLock lock(sync_mutex_);
  (void)sync_all(!synced_before_);
  return failure_of([](const Path&) { return true; });
}

Status Names::sync_journal(JournalId id, std::string_view path) {
  MutexLock lock(sync_mutex_);
  (void)sync_all(!synced_before_);
  return failure_locked(id, path);
}

std::vector<Status> Names::sync_subjects(const std::vector<Path>& subjects) {
  MutexLock lock(sync_mutex_);
  (void)sync_all(!synced_before_);
  std::vector<Status> done;
  for (const Path& subject : subjects) {
    done.push_back(failure_of([&](const Path& changed) { return changed == subject; }));
  }
  return done;
}

// Of what was deleted with each of these, which nobody needs any more: a failure is for those who
// have something else in the same directories, and the caller tries again.
std::vector<Status> Names::sync_deletions(const std::vector<Path>& subjects) {
  if (subjects.empty()) return {};
  MutexLock lock(sync_mutex_);
  (void)sync_all(!synced_before_);
  std::vector<Status> done;
  for (const Path& subject : subjects) {
    done.push_back(failure_of([&](const Path& changed) { return changed == subject; }));
    if (done.back()) continue;
    MutexLock unsynced(unsynced_mutex_);
    std::erase_if(lost_, [&](const Lost& lost) { return lost.subject == subject; });
    std::erase_if(unsynced_, [&](const Change& change) { return change.subject == subject; });
  }
  return done;
}

Status Names::sync_directory(std::string_view path) {
  const Path directory = tree_path(path);
  return sync_where([&](const Change& change) {
    return is_in(change.subject, directory) || (change.file && is_in(*change.file, directory)) ||
           std::any_of(change.directories.begin(), change.directories.end(),
                       [&](const Path& each) { return is_in(each, directory); });
  });
}

Status Names::failure(JournalId id, std::string_view path) {
  MutexLock lock(sync_mutex_);
  return failure_locked(id, path);
}

Status Names::failure_locked(JournalId id, std::string_view path) {
  const Path directory = journal_directory(id);
  const Path name = tree_path(path);
  return failure_of(
      [&](const Path& subject) { return subject == directory || is_in(name, subject); });
}

// Of the changes whose subject `concerns` the caller.
template <typename Concerns>
Status Names::failure_of(const Concerns& concerns) {
  if (failure_) return *failure_;
  MutexLock lock(unsynced_mutex_);
  for (const Lost& lost : lost_) {
    if (concerns(lost.subject)) return lost.error;
  }
  for (const Change& change : unsynced_) {
    if (change.failed && concerns(change.subject)) return *change.failed;
  }
  return {};
}

Status Names::sync_filesystem() {
  MutexLock lock(sync_mutex_);
  return sync_all(true);
}

// The answer is about the file system. Where it cannot be synced as a whole, which can be for
// something that has nothing to do with us, each directory tells how it is with itself.
Status Names::sync_all(bool filesystem) {
  Status synced = sync_unsynced(filesystem);
  MutexLock lock(unsynced_mutex_);
  syncing_.clear();
  return synced;
}

Status Names::sync_unsynced(bool filesystem) {
  constexpr size_t kSingleSyncsMax = 16;  // one syncfs(2) is cheaper than more of them
  const bool for_good = failure_ && !failure_->lost_nothing;
  Changes changes;
  {
    MutexLock lock(unsynced_mutex_);
    syncing_ = unsynced_;  // first: if there is no memory for it, nothing is forgotten
    changes.swap(unsynced_);
    gone_.clear();
  }
  if (for_good) return *failure_;
  std::set<Path> paths;
  for (auto each = changes.begin(); each != changes.end() && paths.size() <= kSingleSyncsMax;
       ++each) {
    if (each->file) paths.insert(*each->file);
    paths.insert(each->directories.begin(), each->directories.end());
  }
  if (!filesystem && paths.size() <= kSingleSyncsMax) {
    sync_each(std::move(changes));
    return {};
  }
  Status synced = env_.sync_filesystem(store_);
  if (synced) {
    synced_before_ = true;
    failure_.reset();
    return {};
  }
  // What an earlier process left is not known, and so not whether it is durable.
  if (!synced_before_) failure_ = synced.error();
  sync_each(std::move(changes));
  return synced;
}

void Names::sync_each(Changes changes) {
  std::map<Path, Status> synced;
  for (Change& change : changes) {
    const Status done = sync_change(change, synced);
    if (done) continue;
    if (done.error().lost_nothing) {
      change.failed = done.error();
      note_change(std::move(change));
    } else {
      if (!change.deleted) {
        log_.error("{}: may not survive power loss: {}", printable(change.subject.string()),
                   to_string(done.error()));
      }
      note_lost({std::move(change.subject), done.error()});
    }
  }
}

void Names::note_lost(Lost lost) {
  MutexLock lock(unsynced_mutex_);
  const bool gone = std::any_of(gone_.begin(), gone_.end(),
                                [&](const Path& path) { return is_in(lost.subject, path); });
  if (!gone) lost_.push_back(std::move(lost));
}

// What was synced for another change is in `synced`. A failure that lost something is the one to
// know of.
Status Names::sync_change(const Change& change, std::map<Path, Status>& synced) {
  Status result;
  const auto sync = [&](const Path& path, bool file) {
    auto known = synced.find(path);
    if (known == synced.end()) known = synced.emplace(path, sync_path(path, file)).first;
    if (!known->second && (result || result.error().lost_nothing)) result = known->second;
  };
  if (change.file) sync(*change.file, true);
  for (const Path& directory : change.directories) sync(directory, false);
  return result;
}

// What was removed meanwhile needs no sync, even if a journal has the name of a directory now.
Status Names::sync_path(const Path& path, bool file) {
  if (!file) return unless_removed(env_.sync_directory(path));
  const auto opened = env_.open(path, Env::OpenMode::kReadWrite);
  return unless_removed(opened ? (*opened)->sync_data() : Status(opened.error()));
}

Status Names::sync_inside(std::string_view path) {
  const Path directory = tree_path(path);
  return sync_where([&](const Change& change) {
    return std::find(change.directories.begin(), change.directories.end(), directory) !=
           change.directories.end();
  });
}

Status Names::sync_where(const std::function<bool(const Change&)>& concerned) {
  {
    // Else somebody who holds other locks would wait here for a sync of something else.
    MutexLock unsynced(unsynced_mutex_);
    const bool needed = !synced_before_ || std::ranges::any_of(unsynced_, concerned) ||
                        std::ranges::any_of(syncing_, concerned);
    if (!needed) return {};
  }
  MutexLock lock(sync_mutex_);
  {
    // The sync that was waited for may have been the one.
    MutexLock unsynced(unsynced_mutex_);
    if (synced_before_ && std::ranges::none_of(unsynced_, concerned)) return {};
  }
  (void)sync_all(!synced_before_);
  if (failure_) return *failure_;
  MutexLock unsynced(unsynced_mutex_);
  const auto failed = std::find_if(unsynced_.begin(), unsynced_.end(), [&](const Change& change) {
    return change.failed && concerned(change);
  });
  return failed != unsynced_.end() ? Status(*failed->failed) : Status();
}

// What is removed need not survive. Does not wait for a sync: names are held meanwhile.
void Names::forget_failures(const Path& subject) {
  MutexLock lock(unsynced_mutex_);
  std::erase_if(lost_, [&](const Lost& lost) { return is_in(lost.subject, subject); });
  gone_.push_back(subject);
}

void Names::move_failures(const Path& from, const Path& to) {
  MutexLock lock(unsynced_mutex_);
  for (Lost& lost : lost_) {
    if (is_in(lost.subject, from)) lost.subject = moved_path(lost.subject, from, to);
  }
}

void Names::exchange_failures(const Path& a, const Path& b) {
  MutexLock lock(unsynced_mutex_);
  for (Lost& lost : lost_) {
    if (is_in(lost.subject, a)) {
      lost.subject = moved_path(lost.subject, a, b);
    } else if (is_in(lost.subject, b)) {
      lost.subject = moved_path(lost.subject, b, a);
    }
  }
}

// The note is a link that leads to the journal's directory, and on to a name that is its end.
Status Names::note_failure(JournalId id, ByteOffset end) {
  const std::string name = to_string(id);
  const std::string target =
      "../chunks/" + name.substr(0, 2) + '/' + name + '/' + std::to_string(end.value());
  const Path note = store_ / kFailed / name;
  Status noted = env_.make_symlink(target, note);
  if (noted || noted.error().code != Errc::kExists) return noted;
  // An earlier one must not be gone if the process dies now.
  const Path next = store_ / kFailed / (name + ".new");
  static_cast<void>(env_.remove_file(next));
  RETURN_IF_ERROR(env_.make_symlink(target, next));
  return env_.rename(next, note, true);
}

Result<std::vector<JournalId>> Names::failed_journals() {
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> found, env_.list(store_ / kFailed));
  std::vector<JournalId> journals;
  for (const DirectoryEntry& entry : found) {
    if (const auto id = parse_journal_id(entry.name)) journals.push_back(*id);
  }
  return journals;
}

Result<std::optional<ByteOffset>> Names::failure_noted(JournalId id) {
  const auto target = env_.read_symlink(store_ / kFailed / to_string(id));
  if (!target && target.error().code == Errc::kNotFound) return std::optional<ByteOffset>();
  if (!target) return target.error();
  uint64_t end = 0;
  const char* digits = target->data() + target->rfind('/') + 1;
  const char* const last = target->data() + target->size();
  const auto parsed = std::from_chars(digits, last, end);
  return std::optional(ByteOffset(parsed.ec == std::errc() && parsed.ptr == last ? end : 0));
}

Status Names::forget_failure(JournalId id) {
  return env_.remove_file(store_ / kFailed / to_string(id));
}

}  // namespace range
