#include "journal/local/sync_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/local/local_journal.h"

namespace range {

void SyncQueue::add(std::shared_ptr<LocalJournal> journal) {
  MutexLock lock(mutex_);
  journals_.push_back(std::move(journal));
}

void SyncQueue::keep(std::shared_ptr<LocalJournal> journal) {
  MutexLock lock(mutex_);
  failed_.push_back(std::move(journal));
}

void SyncQueue::drop(JournalId id) {
  MutexLock lock(mutex_);
  std::erase_if(failed_, [&](const auto& journal) { return journal->id() == id; });
}

std::vector<std::shared_ptr<LocalJournal>> SyncQueue::take(
    const std::function<bool(const std::shared_ptr<LocalJournal>&)>& unused) {
  MutexLock lock(mutex_);
  const auto kept = std::stable_partition(journals_.begin(), journals_.end(),
                                          [&](const auto& journal) { return !unused(journal); });
  Journals taken(std::make_move_iterator(kept), std::make_move_iterator(journals_.end()));
  journals_.erase(kept, journals_.end());
  return taken;
}

Status SyncQueue::sync_all(bool let_go) {
  constexpr size_t kSingleSyncsMax = 16;
  MutexLock running(running_);
  Journals journals;
  {
    MutexLock lock(mutex_);
    journals.swap(journals_);
  }
  const Status synced = journals.size() <= kSingleSyncsMax ? sync_each(journals, let_go)
                                                           : sync_together(journals, let_go);
  for (auto& journal : journals) {
    if (journal->syncer().needs_sync()) add(std::move(journal));
  }
  const Status names = names_.sync();
  RETURN_IF_ERROR(synced);
  RETURN_IF_ERROR(names);
  const auto failed = first_failed();
  return failed ? failed->failure() : Status();
}

std::shared_ptr<LocalJournal> SyncQueue::first_failed() {
  MutexLock lock(mutex_);
  return failed_.empty() ? nullptr : failed_.front();
}

Status SyncQueue::sync_each(const Journals& journals, bool let_go) {
  Status result;
  for (const auto& journal : journals) {
    JournalSyncer& syncer = journal->syncer();
    auto ticket = syncer.begin();
    Status synced = ticket ? syncer.sync(*ticket) : Status(ticket.error());
    if (ticket) synced = syncer.finish(*std::move(ticket), synced, let_go);
    if (!synced && result) result = synced;
  }
  return result;
}

Status SyncQueue::sync_together(const Journals& journals, bool let_go) {
  Status result;
  std::vector<std::pair<JournalSyncer*, JournalSyncer::Ticket>> begun;
  for (const auto& journal : journals) {
    auto ticket = journal->syncer().begin();
    if (ticket) {
      begun.emplace_back(&journal->syncer(), *std::move(ticket));
    } else if (result) {
      result = ticket.error();
    }
  }
  const Status synced = names_.sync_filesystem();
  for (auto& [syncer, ticket] : begun) {
    // What the file system could not sync need not be ours, and need not be all of ours.
    const Status checked = synced ? syncer->check(ticket) : syncer->sync(ticket);
    const Status finished = syncer->finish(std::move(ticket), checked, let_go);
    if (!finished && result) result = finished;
  }
  return result;
}

}  // namespace range
