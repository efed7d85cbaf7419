// What the parts of an open journal share.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <string>
#include <vector>

#include "journal/base/logger.h"
#include "journal/base/mutex.h"
#include "journal/chunk/chunk_table.h"
#include "journal/env/env.h"
#include "journal/local/chunk_files.h"
#include "journal/local/chunk_writer.h"
#include "journal/local/journal_life.h"
#include "journal/local/names.h"
#include "journal/local/recovery.h"
#include "journal/local/store_clock.h"
#include "journal/store.h"

namespace range {

class LocalJournal;
class SyncQueue;
class TrimQueue;

// What the journals of a store share; all of it outlives them.
struct JournalContext {
  Env& env;
  const StoreOptions& options;
  const Logger& log;
  StoreClock& clock;
  ChunkFileCache& files;
  Names& names;
  SyncQueue& sync_queue;
  TrimQueue& trim_queue;
  MappingSizes mapping;
  BootId boot_id{};
};

// A chunk whose files are kept open until it is synced.
struct UnsyncedChunk {
  std::shared_ptr<ChunkWriter> writer;
  bool sealed = false;
};

// Locks of a journal, in the order in which they are taken:
//   JournalTrimmer::trimming_   one trim at a time, also while a visitor works
//   JournalState::appending     one append, or change of attributes, at a time
//   JournalSyncer::syncing_     one sync at a time
//   JournalAttributes'          what they are
//   JournalState::mutex         what readers see
//   JournalLife's
// JournalCheck's comes before the last three, and none of the others. A sync only tries to take
// `appending`. Only SyncQueue::sync_all(), which runs once at a time, waits for a `syncing_` while
// holding others.
struct JournalState {
  JournalState(const JournalContext& of_store, JournalId journal_id, std::string name,
               const RecoveredJournal& recovered);

  const JournalContext& context;
  const JournalId id;
  const Path directory;
  JournalLife life;
  // Of which all this is a part: for the queues, which keep it. Set once, before it is used.
  std::weak_ptr<LocalJournal> journal;

  Mutex appending;

  // Held for moments, never over a system call.
  mutable Mutex mutex;
  std::string path GUARDED_BY(mutex);
  ChunkTable table GUARDED_BY(mutex);
  // Invariant: synced.offset <= table.end().offset. Its record counts, too: records may be empty.
  Location synced GUARDED_BY(mutex);
  // Those whose files are attached, ascending; the chunk that takes appends last.
  std::vector<UnsyncedChunk> unsynced GUARDED_BY(mutex);
  bool directory_unsynced GUARDED_BY(mutex) = false;
  bool directory_syncing GUARDED_BY(mutex) = false;  // a sync of it is under way
  bool queued GUARDED_BY(mutex) = false;             // in the sync queue
  size_t waiting GUARDED_BY(mutex) = 0;              // for `grown`
  std::condition_variable_any grown;                 // or failed
  // See JournalInfo.
  uint64_t torn_tails GUARDED_BY(mutex) = 0;
  std::vector<ChunkId> left_out GUARDED_BY(mutex);  // ascending
  uint64_t missing_in_front GUARDED_BY(mutex) = 0;

  // Where the journal is in the store.
  std::string current_path() const;
  Location end() const;
  bool has_open_record() const;
  bool holds(ChunkId chunk) const;
  // As Journal::chunks().
  std::vector<ChunkInfo> chunks() const;

  // --- with `appending` held ---

  // A chunk that was just begun is the last from now on.
  void add_chunk(const std::shared_ptr<ChunkWriter>& chunk);
  // The last chunk has its files again.
  void add_unsynced(const std::shared_ptr<ChunkWriter>& chunk);
  // Shows readers what was appended to the last chunk.
  void publish(const ChunkEnd& end);

  // To be called when something became unsynced.
  void enqueue() REQUIRES(mutex);

  // Has the background look at the limits of the journal.
  void queue_trim();
  std::atomic<bool> trim_queued = false;
  std::atomic<bool> removed = false;

  // After a failed write or sync: nothing more is appended, and everybody is told. Returns the
  // first such failure.
  Error fail(const Error& error);
};

// Makes it durable that the journal begins with a chunk. A sync that fails ends its life.
Status store_begin(JournalState& state, const Location& begin);

}  // namespace range
