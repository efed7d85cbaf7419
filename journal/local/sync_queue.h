// The journals of a store that have something to sync.
#pragma once

#include <memory>
#include <vector>

#include "journal/base/mutex.h"
#include "journal/env/env.h"
#include "journal/local/names.h"

namespace range {

class LocalJournal;

// Keeps a journal alive from its first unsynced append to the sync that covers it, so that its
// files stay open and a failed writeback cannot go unseen. Thread-safe.
class SyncQueue {
 public:
  explicit SyncQueue(Names& names) : names_(names) {}

  void add(std::shared_ptr<LocalJournal> journal);

  // Keeps a journal that failed until the queue goes: if it were opened anew, nobody would know.
  void keep(std::shared_ptr<LocalJournal> journal);

  // Lets go of such a journal when it is removed: what failed in it matters to nobody any more.
  void drop(JournalId id);

  // Lets go of removed journals that nobody else holds: nothing of them needs to be synced.
  void let_go_of_removed();

  // Syncs every journal in the queue and all changed names: few of them one by one, many by one
  // sync of the file system. Journals whose newest mark is not durable yet stay in the queue for
  // the next time, unless `let_go` is set. The first error, after trying all; fails as long as the
  // store has a journal that failed.
  Status sync_all(bool let_go);

 private:
  using Journals = std::vector<std::shared_ptr<LocalJournal>>;

  std::shared_ptr<LocalJournal> first_failed();
  Status sync_each(const Journals& journals, bool let_go);
  Status sync_together(const Journals& journals, bool let_go);

  Names& names_;
  // One sync_all() at a time; before every lock of a journal but JournalState::appending.
  Mutex running_;
  Mutex mutex_;  // after every lock of a journal
  Journals journals_ GUARDED_BY(mutex_);
  Journals failed_ GUARDED_BY(mutex_);
};

}  // namespace range
