// The part of LocalJournal that appends.

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>

#include "journal/base/for_good.h"
#include "journal/base/printable.h"
#include "journal/base/result_macros.h"
#include "journal/chunk/entry_builder.h"
#include "journal/local/local_journal.h"
#include "journal/local/sync_queue.h"

namespace range {

namespace {

// So many unsynced chunks at most: an appender that is faster than the disk waits for it.
constexpr size_t kUnsyncedChunksMax = 8;

// So many entries of an append are kept as memory for those of the next.
constexpr size_t kEntriesKeptMax = size_t{64} << 10;

uint64_t total_size(std::span<const ConstBytes> parts) {
  uint64_t size = 0;
  for (const ConstBytes part : parts) size += part.size();
  return size;
}

}  // namespace

Result<ByteOffset> LocalJournal::append(ConstBytes data, std::optional<ByteOffset> at) {
  return append_locked({&data, data.empty() ? size_t{0} : size_t{1}}, true, at);
}

Result<ByteOffset> LocalJournal::append_records(std::span<const ConstBytes> records) {
  return append_locked(records, false, std::nullopt);
}

Result<ByteOffset> LocalJournal::append_locked(std::span<const ConstBytes> parts, bool framed,
                                               std::optional<ByteOffset> at) {
  if (!here_) return forked();
  const uint64_t bytes = total_size(parts);
  if (bytes > kAppendBytesMax || parts.size() > kAppendBytesMax) {
    return Error{Errc::kTooLarge, 0, fmt::format("append of {} bytes to {}", bytes, path())};
  }
  // More chunks in use than descriptors allow: syncing lets go of them. What fails there is
  // reported to those whom it concerns.
  if (context_.files.overfull()) (void)context_.sync_queue.sync_all(true);
  std::lock_guard appending(append_mutex_);
  RETURN_IF_ERROR(prepare());
  if (at && *at != end_) {
    return Error{
        Errc::kNotPermitted, 0,
        fmt::format("append to {} at {}, which ends at {}", path(), at->value(), end_.value())};
  }
  if (parts.empty()) return end_;
  const Time now = append_time();
  if (!active_ || must_roll(bytes, framed ? bytes : parts.size(), now)) {
    return append_to_next(parts, framed, now);
  }
  RETURN_IF_ERROR(attach_active());
  const auto stored = store(*active_, parts, framed, now);
  if (stored) return publish(*stored, now);
  if (may_fit_another_file(stored.error(), bytes)) return append_to_next(parts, framed, now);
  return stored.error();
}

// In a new chunk, which is there only if the append is: it closes a record that is open.
Result<ByteOffset> LocalJournal::append_to_next(std::span<const ConstBytes> parts, bool framed,
                                                Time now) {
  RETURN_IF_ERROR(sync_if_many_unsynced());
  ASSIGN_OR_RETURN(auto next, begin_next(now, framing_));
  const auto stored = store(*next, parts, framed, now);
  if (!stored) {
    RETURN_IF_ERROR(discard_next(*next));
    return stored.error();
  }
  go_on_in(std::move(next));
  return publish(*stored, now);
}

// A file cannot become larger than some limit, but the next chunk is another file. That closes a
// record that is open: so not for an append that is larger than what this chunk holds.
bool LocalJournal::may_fit_another_file(const Error& error, uint64_t bytes) const {
  const ChunkEnd& end = active_->end();
  if (error.code != Errc::kNoSpace || error.sys_errno != EFBIG || end.entries == 0) return false;
  return end.open_bytes == 0 || bytes <= end.bytes;
}

// Times in a journal never decrease.
Time LocalJournal::append_time() { return std::max(context_.clock.now(), last_time_); }

// Makes the journal ready for changes, which its first reader had no need for.
Status LocalJournal::prepare() {
  if (failed_.load(std::memory_order_acquire)) return failure();
  if (prepared_.load(std::memory_order_relaxed)) return {};
  if (context_.options.read_only) return Error{Errc::kNotPermitted, EROFS, path()};
  if (unreadable_) return end_unreadable();
  if (!context_.options.recover && recovered_.needs_repair()) {
    return Error{Errc::kCorrupt, 0, path() + ": not recovered, because that is switched off"};
  }
  if (const Status repaired = repair(); !repaired) {
    const Error& error = repaired.error();
    const bool goes_on_later = error.code == Errc::kNoSpace || error.lost_nothing;
    return goes_on_later ? repaired : poison(error);
  }
  prepared_.store(true, std::memory_order_release);
  recovered_ = {};
  // Without them a chunk may become larger than it should.
  if (const auto limits = resolve_retention(); !limits) queue_trim();
  return {};
}

Error LocalJournal::end_unreadable() const {
  Error error = *unreadable_;
  error.context = fmt::format("journal {}: its end cannot be read: {}", path(), error.context);
  return error;
}

Status LocalJournal::repair() {
  RETURN_IF_ERROR(context_.names.restore_journal(id_, attributes()));
  // The process that dropped them may have died before that was durable.
  if (!recovered_.dropped.empty()) RETURN_IF_ERROR(store_begin(recovered_.begin));
  for (const ChunkId chunk : recovered_.dropped) {
    context_.files.erase(id_, chunk);
    RETURN_IF_ERROR(remove_chunk(context_.env, directory_, chunk));
  }
  // The chunks that have the attributes may go before those that have not. If there is a file, it
  // may be of a process that died before it had synced it.
  bool in_danger = !recovered_.torn_chunks.empty() || !recovered_.attributes_in_all;
  {
    MutexLock lock(mutex_);
    in_danger = in_danger && !attributes_lost_;
  }
  if (in_danger) {
    RETURN_IF_ERROR(context_.names.set_journal_attributes(id_, attributes()));
  }
  for (const ChunkId chunk : recovered_.torn_chunks) {
    context_.files.erase(id_, chunk);
    RETURN_IF_ERROR(set_chunk_aside(context_.env, directory_, chunk));
  }
  // Each is done once, should there be no space for the next at the first attempt.
  while (!recovered_.unsure.empty()) {
    RETURN_IF_ERROR(resume(recovered_.unsure.front()));
    recovered_.unsure.erase(recovered_.unsure.begin());
  }
  MutexLock lock(mutex_);
  end_ = table_.end().offset;
  last_time_ = table_.time_of_end();
  if (!unsynced_.empty()) enqueue();
  return {};
}

// Brings a chunk whose tail was examined into the state in which this process would have left it.
Status LocalJournal::resume(const ChunkScan& scan) {
  const ChunkId chunk = scan.header->chunk;
  const bool last = chunk == recovered_.chunks.back().chunk;
  ASSIGN_OR_RETURN(const auto files, context_.files.open(directory_, id_, chunk));
  ASSIGN_OR_RETURN(const Writable writable, find_writable(*files, scan.end));
  // What cannot be cut off stays, in a chunk that takes no more appends.
  const bool cut = is_cut(scan.tail) && writable.end;
  if (cut) RETURN_IF_ERROR(cut_tail(context_.env, directory_, chunk, *files, scan.end));
  const bool whole = scan.tail == Tail::kClean && writable.end && writable.marks;
  if (whole) RETURN_IF_ERROR(give_back_room(*files, scan.end));
  const auto writer =
      std::make_shared<ChunkWriter>(files, *scan.header, scan.end, scan.mark, context_.mapping);
  // Behind a chunk that was set aside for what is missing before it, that must go on missing, or
  // the chunk would have its place again if power is lost now.
  const bool goes_on = last && recovered_.torn_chunks.empty();
  if (!goes_on || !whole || scan.rebuilt) writer->close();
  if (!writable.marks) writer->leave_marks();
  const ChunkEnd marked = writer->marked();
  const bool rebooted = written_in(scan) != context_.boot_id;
  if (scan.end != marked && !rebooted) RETURN_IF_ERROR(rewrite(*files, marked, scan.end));
  if (cut || rebooted) {
    // The next recovery must know from the mark that later entries are from this boot, and that no
    // slot behind a cut may be used.
    RETURN_IF_ERROR(for_good(sync_resumed()));
    RETURN_IF_ERROR(for_good(writer->sync_files()));
    RETURN_IF_ERROR(writer->store_mark(scan.end, writer->closed(), context_.boot_id));
  }
  // Syncs let go of a closed chunk while appends go on.
  if (last && !writer->closed()) active_ = writer;
  MutexLock lock(mutex_);
  torn_tails_ += cut ? 1 : 0;
  if (scan.end == marked && writer->mark_synced()) {
    writer->detach();
  } else {
    unsynced_.push_back({writer, writer->closed()});
    directory_unsynced_ = true;
  }
  return {};
}

// The mark of a chunk says that its predecessors are complete, too: they are synced before it.
Status LocalJournal::sync_resumed() {
  std::vector<Unsynced> resumed;
  {
    MutexLock lock(mutex_);
    resumed = unsynced_;
  }
  for (const Unsynced& chunk : resumed) RETURN_IF_ERROR(chunk.writer->sync_files());
  return {};
}

Status LocalJournal::sync_if_many_unsynced() {
  size_t unsynced = 0;
  {
    MutexLock lock(mutex_);
    unsynced = unsynced_.size();
  }
  if (unsynced < kUnsyncedChunksMax) return {};
  SyncTicket ticket = make_ticket(std::unique_lock(sync_mutex_));
  ticket.by_appender = true;
  const Status synced = sync_ticket(ticket);
  return finish_sync(std::move(ticket), synced, false);
}

bool LocalJournal::must_roll(uint64_t bytes, uint64_t parts, Time now) const {
  const ChunkEnd& end = active_->end();
  const auto age = static_cast<uint64_t>((now - active_->header().start).count());
  const uint64_t entries = parts + bytes / kFragmentBytesMax + 2;
  if (active_->closed() || age > kChunkAgeMsMax || end.bytes + bytes > kChunkBytesMax ||
      end.records + parts + 1 > kChunkRecordsMax || end.entries + entries > kChunkEntriesMax) {
    return true;
  }
  if (active_->header().framing != framing_) return true;
  return end.open_bytes == 0 &&
         (end.bytes >= chunk_limits_.bytes || end.records >= chunk_limits_.records ||
          (end.records > 0 && now - active_->header().start >= chunk_limits_.age));
}

// Goes on in a new chunk behind the active one.
Status LocalJournal::roll(Time now, Framing framing) {
  ASSIGN_OR_RETURN(auto chunk, begin_next(now, framing));
  go_on_in(std::move(chunk));
  return {};
}

// The files of a new chunk behind the active one.
Result<std::shared_ptr<ChunkWriter>> LocalJournal::begin_next(Time now, Framing framing) {
  const Location end = extent().end;
  ChunkId chunk = chunk_id_at(now, context_.options.host_id);
  // No chunk gets the id of one that was set aside.
  const ChunkId last = std::max(end.position.chunk, last_left_out());
  if (last != ChunkId()) chunk = std::max(chunk, last + (kHostMask + 1));
  ChunkHeader header{.journal = id_,
                     .chunk = chunk,
                     .framing = framing,
                     .first_record = end.record,
                     .first_byte = end.offset,
                     .start = now,
                     .boot_id = context_.boot_id};
  // Only the last chunk of a journal has room for more.
  if (active_ && active_->attached()) RETURN_IF_ERROR(active_->give_back_room());
  const auto create = [&] {
    return ChunkWriter::create(context_.env, context_.files, directory_, header, attributes(),
                               context_.mapping);
  };
  auto writer = create();
  while (!writer && writer.error().code == Errc::kExists) {  // what was left of a chunk set aside
    header.chunk += kHostMask + 1;
    writer = create();
  }
  if (!writer && writer.error().code == Errc::kCorrupt) return poison(writer.error()).error();
  return writer;
}

ChunkId LocalJournal::last_left_out() const {
  MutexLock lock(mutex_);
  return left_out_.empty() ? ChunkId() : left_out_.back();
}

// Undoes begin_next(). Behind records that are appended later, a chunk that stays would be taken
// for what shows where the one before it ends.
Status LocalJournal::discard_next(const ChunkWriter& next) {
  const ChunkId chunk = next.header().chunk;
  context_.files.erase(id_, chunk);
  const Status removed = remove_chunk(context_.env, directory_, chunk);
  return removed ? removed : poison(removed.error());
}

void LocalJournal::go_on_in(std::shared_ptr<ChunkWriter> next) {
  if (active_) active_->close();
  take_on(std::move(next));
  if (chunk_limits_.limited) queue_trim();
}

// Makes a chunk that was just begun the active one.
void LocalJournal::take_on(std::shared_ptr<ChunkWriter> chunk) {
  active_ = std::move(chunk);
  last_time_ = active_->header().start;
  MutexLock lock(mutex_);
  if (!unsynced_.empty()) unsynced_.back().sealed = true;
  table_.push_back(active_->header());
  unsynced_.push_back({active_, false});
  directory_unsynced_ = true;
  enqueue();
  if (waiting_ > 0) grown_.notify_all();  // a record that was open is complete now
}

// Makes sure that the active chunk's files are open.
Status LocalJournal::attach_active() {
  if (active_->attached()) return {};
  ASSIGN_OR_RETURN(auto files, context_.files.open(directory_, id_, active_->header().chunk));
  active_->attach(std::move(files));
  MutexLock lock(mutex_);
  unsynced_.push_back({active_, false});
  enqueue();  // also if nothing will be written: a sync lets go of the files
  return {};
}

// Puts an append into the files of a chunk, where nobody sees it yet. Returns the end of the chunk.
Result<ChunkEnd> LocalJournal::store(ChunkWriter& chunk, std::span<const ConstBytes> parts,
                                     bool framed, Time now) {
  const ChunkHeader& header = chunk.header();
  EntryBuilder builder(chunk.seed(), chunk.end(),
                       static_cast<uint64_t>((now - header.start).count()), entries_);
  if (framed) {
    builder.add_framed(header.framing, parts.front());
  } else {
    builder.add_records(parts);
  }
  if (builder.longest_record() > context_.options.record_bytes_max) {
    return Error{Errc::kTooLarge, 0, path()};
  }
  const Status written = chunk.append(parts, builder.entries(), builder.end());
  if (entries_.capacity() > kEntriesKeptMax) entries_ = {};
  if (written) return builder.end();
  if (written.error().code == Errc::kNoSpace) return written.error();
  return poison(written.error()).error();
}

// Shows what store() has put into the active chunk to readers. Returns the end of the journal.
ByteOffset LocalJournal::publish(const ChunkEnd& end, Time now) {
  end_ = active_->header().first_byte + end.bytes;
  last_time_ = now;
  MutexLock lock(mutex_);
  table_.set_end(end);
  enqueue();
  if (waiting_ > 0) grown_.notify_all();
  return end_;
}

void LocalJournal::enqueue() {
  if (std::exchange(queued_, true)) return;
  context_.sync_queue.add(shared_from_this());
}

// After a failed write or sync nobody knows what is on the disk: nothing more is appended, and
// everybody is told.
Status LocalJournal::poison(const Error& error) {
  ByteOffset end;
  {
    MutexLock lock(mutex_);
    if (failure_) return *failure_;
    end = table_.end().offset;
    failure_ = error;
    failed_.store(true, std::memory_order_release);
    grown_.notify_all();
  }
  context_.log.error("journal {}: takes no more appends: {}", printable(path()), to_string(error));
  context_.sync_queue.keep(shared_from_this());
  const Status noted = context_.names.note_failure(id_, end);
  if (!noted) context_.log.error("journal {}: {}", printable(path()), to_string(noted.error()));
  return error;
}

}  // namespace range
