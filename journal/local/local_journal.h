// A journal whose records are in chunk files.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "journal/base/forks.h"
#include "journal/base/logger.h"
#include "journal/base/mutex.h"
#include "journal/chunk/chunk_reader.h"
#include "journal/chunk/chunk_source.h"
#include "journal/chunk/chunk_table.h"
#include "journal/journal.h"
#include "journal/local/chunk_files.h"
#include "journal/local/chunk_writer.h"
#include "journal/local/env.h"
#include "journal/local/names.h"
#include "journal/local/recovery.h"
#include "journal/local/store_clock.h"
#include "journal/local/sync_group.h"
#include "journal/local/trim_queue.h"
#include "journal/store.h"

namespace range {

class SyncQueue;

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

// Owned by everybody who uses it and, while it has something to sync, by the sync queue.
//
// Locks, in the order in which they are taken: trim_mutex_ (one trim at a time, also while a
// visitor works), append_mutex_ (one append at a time), sync_mutex_ (one sync at a time), mutex_
// (what readers see; held for moments, never over a system call). A sync only tries to take
// append_mutex_. Only SyncQueue::sync_all(), which runs once at a time, waits for a sync_mutex_
// while holding others.
class LocalJournal final : public Journal, public std::enable_shared_from_this<LocalJournal> {
 public:
  // Examines what is there; changes nothing. `path` is for messages and inherited settings.
  static Result<std::shared_ptr<LocalJournal>> open(const JournalContext& context, JournalId id,
                                                    std::string path);

  // The first chunk of a journal that is being created, in its empty directory.
  static Result<std::shared_ptr<ChunkWriter>> begin(const JournalContext& context, JournalId id,
                                                    const Attributes& attributes);
  // One that was just created, with this first chunk; `retention` is what it inherits and sets.
  static std::shared_ptr<LocalJournal> create(const JournalContext& context, std::string path,
                                              const Attributes& attributes,
                                              const Retention& retention,
                                              std::shared_ptr<ChunkWriter> first);

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
  Status trim(ChunkId last, const ChunkVisitor& visit) override;
  Status apply_retention() override;
  Result<JournalInfo> info() override;
  std::vector<ChunkInfo> chunks() const override;

  // As attributes(). Errors: why they are lost, or cannot be read.
  Result<Attributes> known_attributes() const;
  // Tries once more if they could not be read.
  void read_attributes_again();
  // Those of a journal that need not be open.
  static Result<Attributes> stored_attributes(const JournalContext& context, JournalId id);

  // Where it is in the store.
  std::string path() const;
  void set_path(std::string path);

  // For those who keep journals open for their next use: whether somebody has opened it since the
  // last time this was asked.
  void note_opened() { opened_ = true; }
  bool opened_since() { return opened_.exchange(false); }
  // Whether they keep it so; returns whether they did before. They do the locking.
  bool set_recent(bool recent) { return std::exchange(recent_, recent); }

  // Has the background look at its limits.
  void queue_trim();

  // Verifies every record, unless that was done. Who comes while it is being done waits. Damage is
  // logged. What could not be read may be readable later: it is told in the log, and all is looked
  // at again by the next call. Errors: kIo if it could not go on behind that.
  Status check_once();

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
  // The same if the whole file system was just synced.
  Status check_ticket(const SyncTicket& ticket);
  // Takes note that what the ticket covers was synced, or failed to be. With `let_go`, files are
  // closed although the newest mark is not durable yet (it may lag).
  Status finish_sync(SyncTicket ticket, const Status& synced, bool let_go);

  // Why the journal takes no more appends, if it does not.
  Status failure() const;

  // True if what could tell where the journal ends could not be read when it was opened: until it
  // is opened anew it takes no appends, and may hold more than it seems to.
  bool is_end_unreadable() const { return unreadable_.has_value(); }

  // True while a sync has something to do, if only to make the newest mark durable. If it returns
  // false, the journal adds itself to the sync queue again when that changes.
  bool needs_sync();

 private:
  LocalJournal(const JournalContext& context, JournalId id, std::string path,
               const Result<Attributes>& attributes, RecoveredJournal recovered);

  struct Unsynced {
    std::shared_ptr<ChunkWriter> writer;
    bool sealed = false;
  };

  bool are_lost_but_for_times(const Attributes& attributes);
  Result<Attributes> rebased(const Attributes& attributes);

  // append, under append_mutex_ (local_append.cc)
  Result<ByteOffset> append_locked(std::span<const ConstBytes> parts, bool framed,
                                   std::optional<ByteOffset> at);
  Time append_time();
  Status prepare();
  Error end_unreadable() const;
  Status repair();
  Status resume(const ChunkScan& scan);
  Status sync_resumed();
  Result<ByteOffset> append_to_next(std::span<const ConstBytes> parts, bool framed, Time now);
  Status sync_if_many_unsynced();
  bool must_roll(uint64_t bytes, uint64_t parts, Time now) const;
  bool may_fit_another_file(const Error& error, uint64_t bytes) const;
  Status roll(Time now, Framing framing);
  Result<std::shared_ptr<ChunkWriter>> begin_next(Time now, Framing framing);
  ChunkId last_left_out() const;
  Status discard_next(const ChunkWriter& next);
  void go_on_in(std::shared_ptr<ChunkWriter> next);
  void take_on(std::shared_ptr<ChunkWriter> chunk);
  Status attach_active();
  Result<ChunkEnd> store(ChunkWriter& chunk, std::span<const ConstBytes> parts, bool framed,
                         Time now);
  ByteOffset publish(const ChunkEnd& end, Time now);
  void enqueue() REQUIRES(mutex_);
  Status poison(const Error& error);

  // sync (local_sync.cc)
  Result<Location> lead_sync();
  SyncTicket make_ticket(std::unique_lock<LongMutex> syncing);
  bool is_synced(const Location& end) const;
  Status store_marks(const SyncTicket& ticket);
  void settle(const SyncTicket& ticket, bool let_go);

  // read (local_read.cc)
  template <typename Holds>
  Result<bool> wait_until(const Holds& holds, Deadline deadline, const std::stop_token& stop);
  Result<Location> seek_record(RecordNumber record);
  Result<Location> seek_byte(ByteOffset byte);
  Result<Location> seek_time(Time time);
  Result<Location> seek_position(const Position& position);
  Result<size_t> read_one(ByteOffset from, MutableBytes into);
  // A chunk, and how far it goes now.
  struct ChunkPart {
    ChunkHeader header;
    ChunkEnd end;
  };
  ChunkPart part(size_t i) const REQUIRES(mutex_);
  // A search looks at so few places that it costs less to read them than to map the files, and far
  // less where they are not in memory yet: there the kernel reads much around each. So files are
  // mapped for the second search in them.
  enum class Mapping { kNone, kForSearch, kForReading };
  Result<ChunkView> open_view(const ChunkPart& part, Mapping mapping);
  // The result of `read(ChunkReader)` on a chunk: from memory or, if its disk fails there, once
  // more from the files.
  template <typename Read>
  std::invoke_result_t<Read, ChunkReader&> read_chunk(const ChunkPart& part, Mapping mapping,
                                                      const Read& read);
  Status read_source(RecordNumber first, size_t records_max, size_t bytes_max, RecordBatch& batch);
  std::shared_ptr<ChunkPin> pin(ChunkId chunk) REQUIRES(mutex_);
  Result<Location> locate(const ChunkHeader& chunk, const Result<ChunkPlace>& place) const;
  bool holds(ChunkId chunk) const;
  Error report(Error error);

  // trim (local_trim.cc)
  // When to begin a new chunk, between records.
  struct ChunkLimits {
    uint64_t bytes = 0;
    uint64_t records = UINT64_MAX;
    std::chrono::milliseconds age = std::chrono::milliseconds::max();
    bool limited = false;  // whether old chunks are ever dropped
  };
  static ChunkLimits chunk_limits(const Retention& retention, uint64_t chunk_size);
  Result<Retention> resolve_retention();
  std::optional<ChunkId> last_beyond(const Retention& retention) const;
  Status seal_up_to(ChunkId last);
  Status drop_up_to(ChunkId last, const ChunkVisitor& visit);
  Status drop_front(size_t count);
  Status store_begin(const Location& begin);
  void leave_to_readers(ChunkId last);

  // Of calls in a process that this one is not of: nothing there may be touched, the path included.
  Error forked() const { return forked_error("journal " + to_string(id_)); }

  const OfThisProcess here_;
  const JournalContext& context_;
  const JournalId id_;
  const Path directory_;
  const std::optional<Error> unreadable_;  // see is_end_unreadable()

  std::mutex append_mutex_;
  // Guarded by append_mutex_:
  RecoveredJournal recovered_;
  std::shared_ptr<ChunkWriter> active_;  // null: the next append begins a chunk
  ByteOffset end_;                       // of table_
  Time last_time_{};                     // of table_
  ChunkLimits chunk_limits_;
  std::vector<EntryBytes> entries_;  // of an append under way

  std::atomic<Framing> framing_;        // of attributes_
  std::atomic<bool> prepared_ = false;  // set with append_mutex_ held
  std::atomic<bool> failed_ = false;    // whether there is a failure_
  std::atomic<bool> opened_ = true;
  std::atomic<bool> trim_queued_ = false;
  bool recent_ = false;

  SyncGroup sync_group_;  // callers of sync()
  LongMutex sync_mutex_;
  LongMutex trim_mutex_;
  LongMutex check_mutex_;  // before mutex_, and none of the others
  bool checked_ = false;   // guarded by it

  mutable Mutex mutex_;
  std::string path_ GUARDED_BY(mutex_);
  ChunkTable table_ GUARDED_BY(mutex_);
  std::map<ChunkId, std::weak_ptr<ChunkPin>> pins_ GUARDED_BY(mutex_);
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
  std::optional<Error> attributes_lost_ GUARDED_BY(mutex_);  // why only the owner may use it
  // What stood for them when it was opened: changes that callers have made in that may still come.
  std::optional<Attributes> stand_in_ GUARDED_BY(mutex_);
  std::set<std::string> reported_ GUARDED_BY(mutex_);  // damage that is in the log already
  // See JournalInfo.
  uint64_t torn_tails_ GUARDED_BY(mutex_) = 0;
  std::vector<ChunkId> left_out_ GUARDED_BY(mutex_);  // ascending
  uint64_t missing_in_front_ GUARDED_BY(mutex_) = 0;
};

}  // namespace range
