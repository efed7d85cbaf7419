// A journal whose records are in chunk files.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "journal/chunked/chunk_files.h"
#include "journal/chunked/chunk_reader.h"
#include "journal/chunked/chunk_table.h"
#include "journal/chunked/chunk_writer.h"
#include "journal/chunked/env.h"
#include "journal/chunked/names.h"
#include "journal/chunked/recovery.h"
#include "journal/chunked/store_clock.h"
#include "journal/chunked/sync_group.h"
#include "journal/journal.h"
#include "journal/mutex.h"
#include "journal/store.h"

namespace range {

class SyncQueue;

// What the journals of a store share; all of it outlives them.
struct JournalContext {
  Env& env;
  const StoreOptions& options;
  StoreClock& clock;
  ChunkFileCache& files;
  Names& names;
  SyncQueue& sync_queue;
  MappingSizes mapping;
  BootId boot_id{};
};

// Owned by everybody who uses it and, while it has something to sync, by the sync queue.
//
// Locks, in the order in which they are taken: append_mutex_ (one append at a time), sync_mutex_
// (one sync at a time), mutex_ (what readers see; held for moments, never over a system call). A
// sync only tries to take append_mutex_. Only SyncQueue::sync_all(), which runs once at a time,
// waits for a sync_mutex_ while holding others.
class ChunkedJournal final : public Journal, public std::enable_shared_from_this<ChunkedJournal> {
 public:
  // Examines what is there; changes nothing. `name` is for messages.
  static Result<std::shared_ptr<ChunkedJournal>> open(const JournalContext& context, JournalId id,
                                                      std::string name);

  // One that was just created, with its directory.
  static std::shared_ptr<ChunkedJournal> create(const JournalContext& context, JournalId id,
                                                std::string name, const Attributes& attributes);

  JournalId id() const override { return id_; }
  Result<ByteOffset> append(ConstBytes data, std::optional<ByteOffset> at) override;
  using Journal::append_records;
  Result<ByteOffset> append_records(std::span<const ConstBytes> records) override;
  Extent extent() const override;
  Result<size_t> read(ByteOffset from, MutableBytes into) override;
  Status read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                      RecordBatch& batch) override;
  Result<Location> seek(const PositionSpec& spec, RecordNumber here) override;
  Result<bool> wait_for_byte(ByteOffset offset, Deadline deadline,
                             const std::stop_token& stop) override;
  Result<bool> wait_for_record(RecordNumber record, Deadline deadline,
                               const std::stop_token& stop) override;
  Result<Location> sync() override;
  Attributes attributes() const override;
  Status set_attributes(const Attributes& attributes) override;
  Result<JournalInfo> info() override;
  std::vector<ChunkInfo> chunks() const override;

  // Keeps others from appending as long as the lock is held.
  std::unique_lock<std::mutex> hold_appends() { return std::unique_lock(append_mutex_); }

  // --- syncing several journals at once: begin each, sync the file system, finish each ---

  // What one sync covers. Holds the journal's sync_mutex_.
  struct SyncTicket {
    struct Chunk {
      std::shared_ptr<ChunkWriter> writer;
      ChunkEnd end;
      bool sealed = false;
    };
    std::unique_lock<LongMutex> syncing;
    std::vector<Chunk> chunks;
    bool directory = false;    // new chunks' names are to be synced
    bool by_appender = false;  // append_mutex_ is held
    Location end;
  };
  // Waits for a sync under way. Errors: why the journal cannot be synced any more.
  Result<SyncTicket> begin_sync();
  // Syncs what the ticket covers, of this journal only.
  Status sync_ticket(const SyncTicket& ticket);
  // Takes note that what the ticket covers was synced, or failed to be. With `let_go`, files are
  // closed although the newest mark is not durable yet (it may lag).
  Status finish_sync(SyncTicket ticket, const Status& synced, bool let_go);

  // Why the journal takes no more appends, if it does not.
  Status failure() const;

  // True while a sync has something to do, if only to make the newest mark durable. If it returns
  // false, the journal adds itself to the sync queue again when that changes.
  bool needs_sync();

 private:
  ChunkedJournal(const JournalContext& context, JournalId id, std::string name,
                 const Attributes& attributes, RecoveredJournal recovered);

  struct Unsynced {
    std::shared_ptr<ChunkWriter> writer;
    bool sealed = false;
  };

  // append, under append_mutex_ (chunked_append.cc)
  Result<ByteOffset> append_locked(std::span<const ConstBytes> parts, bool framed,
                                   std::optional<ByteOffset> at);
  Time append_time();
  Status prepare();
  Status repair();
  Status resume(const ChunkScan& scan);
  Status sync_resumed();
  Status make_room(uint64_t bytes, uint64_t parts, Time now);
  bool must_roll(uint64_t bytes, uint64_t parts, Time now) const;
  Status roll(Time now, Framing framing);
  Status attach_active();
  Result<ByteOffset> write(std::span<const ConstBytes> parts, bool framed, Time now);
  void enqueue() REQUIRES(mutex_);
  Status poison(const Error& error);

  // sync (chunked_sync.cc)
  Result<Location> lead_sync();
  SyncTicket make_ticket(std::unique_lock<LongMutex> syncing);
  bool is_synced(const Location& end) const;
  Status store_marks(const SyncTicket& ticket);
  void settle(const SyncTicket& ticket, bool let_go);

  // read (chunked_read.cc)
  template <typename Holds>
  Result<bool> wait_until(const Holds& holds, Deadline deadline, const std::stop_token& stop);
  Result<Location> seek_record(RecordNumber record);
  Result<Location> seek_time(Time time);
  Result<Location> seek_position(const Position& position);
  Result<size_t> read_one(ByteOffset from, MutableBytes into);
  class Source;
  // A chunk, and how far it goes now.
  struct ChunkPart {
    size_t i = 0;  // in table_
    ChunkHeader header;
    ChunkEnd end;
  };
  ChunkPart part(size_t i) const REQUIRES(mutex_);
  Result<ChunkView> open_view(const ChunkPart& part, bool map);
  // The result of `read(ChunkReader)` on a chunk: from memory or, if its disk fails there, once
  // more from the files.
  template <typename Read>
  std::invoke_result_t<Read, ChunkReader&> read_chunk(const ChunkPart& part, const Read& read);
  Status read_source(RecordNumber first, size_t records_max, size_t bytes_max, RecordBatch& batch);
  Location place_in(size_t chunk, const ChunkPlace& place) const;
  Error report(Error error);
  Error out_of_range() const;

  const JournalContext& context_;
  const JournalId id_;
  const std::string name_;
  const Path directory_;

  std::mutex append_mutex_;
  // Guarded by append_mutex_:
  RecoveredJournal recovered_;
  std::shared_ptr<ChunkWriter> active_;  // null: the next append begins a chunk
  ByteOffset end_;                       // of table_
  Time last_time_{};                     // of table_
  Framing framing_;                      // of attributes_
  std::vector<std::byte> entries_;       // of an append under way

  std::atomic<bool> prepared_ = false;  // set with append_mutex_ held
  std::atomic<bool> failed_ = false;    // whether there is a failure_

  SyncGroup sync_group_;  // callers of sync()
  LongMutex sync_mutex_;

  mutable Mutex mutex_;
  ChunkTable table_ GUARDED_BY(mutex_);
  // Invariant: synced_.offset <= table_.end().offset. Its record counts, too: records may be empty.
  Location synced_ GUARDED_BY(mutex_);
  // Those whose files are attached, ascending; the active chunk last.
  std::vector<Unsynced> unsynced_ GUARDED_BY(mutex_);
  bool directory_unsynced_ GUARDED_BY(mutex_) = false;
  bool directory_syncing_ GUARDED_BY(mutex_) = false;  // a sync of it is under way
  bool queued_ GUARDED_BY(mutex_) = false;
  size_t waiting_ GUARDED_BY(mutex_) = 0;            // for `grown_`
  std::condition_variable_any grown_;                // or failed
  std::optional<Error> failure_ GUARDED_BY(mutex_);  // poisoned
  Attributes attributes_ GUARDED_BY(mutex_);
  std::set<std::string> reported_ GUARDED_BY(mutex_);  // damage that is in the log already
  uint64_t torn_tails_ GUARDED_BY(mutex_) = 0;
};

}  // namespace range
