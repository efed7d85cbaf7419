#include "journal/local/sync_queue.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/local/local_journal.h"

namespace range {

namespace {

// The first failure is kept; that of a removed journal concerns only who has it open.
void note(const LocalJournal& journal, const Status& synced, Status& result) {
  if (!synced && result && !journal.is_removed()) result = synced;
}

}  // namespace

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

void SyncQueue::let_go_of_removed() {
  Journals unused;  // let go of without the mutex
  MutexLock lock(mutex_);
  const auto is_unused = [](const auto& journal) {
    return journal->is_removed() && journal.use_count() == 1;
  };
  const auto first = std::partition(journals_.begin(), journals_.end(), std::not_fn(is_unused));
  std::move(first, journals_.end(), std::back_inserter(unused));
  journals_.erase(first, journals_.end());
  // One may have failed just when it was removed.
  const auto removed = std::partition(failed_.begin(), failed_.end(),
                                      [](const auto& journal) { return !journal->is_removed(); });
  std::move(removed, failed_.end(), std::back_inserter(unused));
  failed_.erase(removed, failed_.end());
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
  const auto failed =
      std::ranges::find_if(failed_, [](const auto& journal) { return !journal->is_removed(); });
  return failed == failed_.end() ? nullptr : *failed;
}

Status SyncQueue::sync_each(const Journals& journals, bool let_go) {
  Status result;
  for (const auto& journal : journals) {
    JournalSyncer& syncer = journal->syncer();
    auto ticket = syncer.begin();
    Status synced = ticket ? syncer.sync(*ticket) : Status(ticket.error());
    if (ticket) synced = syncer.finish(*std::move(ticket), synced, let_go);
    note(*journal, synced, result);
  }
  return result;
}

Status SyncQueue::sync_together(const Journals& journals, bool let_go) {
  Status result;
  std::vector<std::pair<LocalJournal*, JournalSyncer::Ticket>> begun;
  for (const auto& journal : journals) {
    auto ticket = journal->syncer().begin();
    if (ticket) {
      begun.emplace_back(journal.get(), *std::move(ticket));
    } else {
      note(*journal, ticket.error(), result);
    }
  }
  const Status synced = names_.sync_filesystem();
  for (auto& [journal, ticket] : begun) {
    JournalSyncer& syncer = journal->syncer();
    // What the file system could not sync need not be ours, and need not be all of ours.
    const Status checked = synced ? syncer.check(ticket) : syncer.sync(ticket);
    note(*journal, syncer.finish(std::move(ticket), checked, let_go), result);
  }
  return result;
}

}  // namespace range
