// The part of LocalStore that gives space back: by retention, and of what was removed.

#include <algorithm>
#include <limits>
#include <span>

#include "journal/base/result_macros.h"
#include "journal/local/local_store.h"

namespace range {

Status LocalStore::apply_retention() {
  RETURN_IF_ERROR(writable());
  Status result;
  const auto note = [&](const Status& done) {
    // One that was removed meanwhile, or the copied link of one.
    const bool gone =
        !done && (done.error().code == Errc::kNotFound || done.error().code == Errc::kNotPermitted);
    if (!done && !gone && result) result = done;
  };
  const auto apply = [&](const std::string& path, JournalId id) {
    note(apply_retention(path, id));
    // Those in use do not wait for the end, which may be far away.
    note(apply_retention_where_due());
    return !trimming_.stopping();
  };
  Status unreadable;
  note(visit("", apply, &unreadable));
  note(unreadable);
  return result;
}

Status LocalStore::apply_retention(const std::string& path, JournalId id) {
  if (files_.overfull()) (void)sync_queue_.sync_all(true);  // as before an append
  std::shared_ptr<LocalJournal> journal;
  {
    std::shared_lock lock(names_mutex_);
    const auto stored = LocalJournal::stored_attributes(context_, id);
    if (!stored) return stored.error();
    ASSIGN_OR_RETURN(const Retention retention,
                     names_.retention(path, *stored, options_.retention));
    if (retention == Retention()) return {};
    ASSIGN_OR_RETURN(journal, look_at_journal(id, path));
  }
  journal->read_attributes_again();
  return journal->apply_retention();
}

Status LocalStore::apply_retention_where_due() {
  Status result;
  for (const auto& journal : trim_queue_.take()) {
    if (trimming_.stopping()) break;
    const Status applied = journal->apply_retention();
    if (!applied && result) result = applied;
  }
  return result;
}

Status LocalStore::reclaim() {
  MutexLock reclaiming(reclaim_mutex_);
  return reclaim(std::numeric_limits<size_t>::max());
}

// Not while others do that.
Status LocalStore::reclaim_some() {
  constexpr size_t kJournalsMax = 64;
  if (!reclaim_mutex_.try_lock()) return {};
  Status reclaimed = reclaim(kJournalsMax);
  reclaim_mutex_.unlock();
  return reclaimed;
}

// Removed journals that nobody has open. What waits for a sync of one needs that no more.
std::vector<JournalId> LocalStore::unused_journals() {
  std::vector<std::shared_ptr<LocalJournal>> unsynced;
  {
    MutexLock lock(journals_mutex_);
    unsynced = sync_queue_.take([this](const auto& journal) REQUIRES(journals_mutex_) {
      return journal.use_count() == 1 && removed_.contains(journal->id());
    });
  }
  unsynced.clear();
  std::vector<JournalId> unused;
  MutexLock lock(journals_mutex_);
  for (const auto& [id, removed] : removed_) {
    if (removed.journal.expired() && !removed.left) unused.push_back(id);
  }
  std::erase_if(journals_, [](const auto& item) { return item.second.expired(); });
  return unused;
}

Status LocalStore::reclaim(size_t journals_max) {
  Status directories = names_.reclaim_directories();
  const std::vector<JournalId> unused = unused_journals();
  // So many share a few syncs. The store can be closed between them.
  constexpr size_t kAtOnce = 128;
  std::span<const JournalId> left(unused.data(), std::min(unused.size(), journals_max));
  // Should power be lost, no name may come back whose records are gone.
  if (!left.empty()) (void)names_.sync();
  while (!left.empty()) {
    const auto some = left.first(std::min(left.size(), kAtOnce));
    reclaim(some);
    left = left.subspan(some.size());
    if (reclaiming_.stopping()) break;
  }
  return directories;
}

// The records of removed journals. What keeps some from being deleted is no concern of others.
void LocalStore::reclaim(std::span<const JournalId> journals) {
  std::vector<JournalId> ready;
  for (const JournalId id : journals) {
    files_.erase(id);  // files that are open take up their space
    const Status kept = names_.failure(id, "");
    if (kept) {
      ready.push_back(id);
    } else {
      note_reclaimed(id, kept);
    }
  }
  const std::vector<Status> reclaimed = names_.reclaim(ready);
  for (size_t i = 0; i < ready.size(); ++i) note_reclaimed(ready[i], reclaimed[i]);
}

void LocalStore::note_reclaimed(JournalId id, const Status& reclaimed) {
  MutexLock lock(journals_mutex_);
  if (reclaimed) {
    removed_.erase(id);
    return;
  }
  Removed& removed = removed_[id];
  removed.left = reclaimed.error().code == Errc::kNotEmpty;
  log_failure(reclaimed, removed.logged);
}

}  // namespace range
