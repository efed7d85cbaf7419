// The part of a journal that makes it survive power loss.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "journal/base/mutex.h"
#include "journal/local/journal_state.h"
#include "journal/local/sync_group.h"

namespace range {

// Thread-safe.
class JournalSyncer {
 public:
  explicit JournalSyncer(JournalState& state) : state_(state) {}

  // As Journal::sync(), of a journal that is ready.
  Result<Location> sync();

  // Syncs on behalf of who holds JournalState::appending.
  Status sync_for_appender();

  // How many chunks have something to sync, or their files open until one is done.
  size_t unsynced() const;

  // True while a sync has something to do, if only to make the newest mark durable. If it returns
  // false, the journal adds itself to the sync queue again when that changes.
  bool needs_sync();

  // --- syncing several journals at once: begin each, sync the file system, finish each ---

  // What one sync covers. Keeps others from syncing the journal.
  struct Ticket {
    struct Chunk {
      std::shared_ptr<ChunkWriter> writer;
      ChunkEnd end;
      bool sealed = false;
    };
    std::unique_lock<LongMutex> syncing;
    std::vector<Chunk> chunks;
    bool directory = false;    // new chunks' names are to be synced
    bool by_appender = false;  // JournalState::appending is held
    Location end;
  };
  // Waits for a sync under way. Errors: why the journal cannot be synced any more.
  Result<Ticket> begin();
  // Syncs what the ticket covers, of this journal only.
  Status sync(const Ticket& ticket);
  // The same if the whole file system was just synced.
  Status check(const Ticket& ticket);
  // Takes note that what the ticket covers was synced, or failed to be. With `let_go`, files are
  // closed although the newest mark is not durable yet (it may lag).
  Status finish(Ticket ticket, const Status& synced, bool let_go);

 private:
  Result<Location> lead();
  bool is_synced(const Location& end) const;
  Ticket make_ticket(std::unique_lock<LongMutex> syncing);
  Status store_marks(const Ticket& ticket);
  void settle(const Ticket& ticket, bool let_go);

  JournalState& state_;
  SyncGroup group_;  // callers of sync()
  LongMutex syncing_;
};

}  // namespace range
