// Giving back the space of what was removed.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "journal/base/logger.h"
#include "journal/base/mutex.h"
#include "journal/local/chunk_files.h"
#include "journal/local/names.h"
#include "journal/local/sync_queue.h"

namespace range {

class LocalJournal;

// Deletes the records of removed journals that nobody has open, removed directories, and what an
// earlier process has left in the trash. It can be stopped before each file; what is left goes with
// the next call, or when the store is opened next. What cannot be deleted is told in the log once,
// and tried again. Thread-safe.
class Reclaimer {
 public:
  // All of it must outlive this. `store` is for the log.
  Reclaimer(Names& names, SyncQueue& sync_queue, ChunkFileCache& files, const Logger& log,
            std::string store)
      : names_(names),
        sync_queue_(sync_queue),
        files_(files),
        log_(log),
        store_(std::move(store)) {}

  // A journal that was discarded; `journal` tells whether somebody has it open.
  void add(JournalId id, std::weak_ptr<LocalJournal> journal);
  // Whether it was, and something of it is there still.
  bool has(JournalId id) const;

  // Deletes until `stop` answers true. Removals are made durable before; deletions of thousands
  // share a sync. Errors: a removal of a directory that cannot be synced.
  Status run(const Names::Stop& stop);

  // The same for who has just removed something and wants its space now: a few journals, those that
  // were removed last, and a few directories. Another call that is at work stops for it; if the
  // disk holds that up, nothing is done.
  Status run_briefly();

 private:
  struct Removed {
    std::weak_ptr<LocalJournal> journal;
    uint64_t number = 0;   // later ones have higher numbers
    std::string logged{};  // why its records could not be deleted
    bool left = false;     // nor ever can
  };

  Status run_locked(size_t at_most, const Names::Stop& stop) REQUIRES(running_);
  std::vector<JournalId> unused(size_t at_most);
  void reclaim(const std::vector<JournalId>& journals, const Names::Stop& stop);
  void note(JournalId id, const Status& reclaimed);

  Names& names_;
  SyncQueue& sync_queue_;
  ChunkFileCache& files_;
  const Logger& log_;
  const std::string store_;
  std::atomic<int> wanted_ = 0;  // callers that wait for running_
  LongMutex running_;            // before the locks of the others
  mutable Mutex mutex_;          // held for moments
  uint64_t last_number_ GUARDED_BY(mutex_) = 0;
  std::map<JournalId, Removed> removed_ GUARDED_BY(mutex_);
};

}  // namespace range
