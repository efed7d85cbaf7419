#include "journal/local/journal_appender.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/entry_builder.h"
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

JournalAppender::JournalAppender(JournalState& state, const JournalAttributes& attributes,
                                 JournalSyncer& syncer, std::unique_ptr<JournalRepair> repair)
    : state_(state),
      attributes_(attributes),
      syncer_(syncer),
      repair_(std::move(repair)),
      chunk_limits_{.bytes = state.context.options.chunk_size} {}

void JournalAppender::begin(std::shared_ptr<ChunkWriter> first, const Retention& retention) {
  state_.life.make_ready();
  chunk_limits_ = ChunkLimits::of(retention, state_.context.options.chunk_size);
  take_on(std::move(first));
}

Result<ByteOffset> JournalAppender::append(std::span<const ConstBytes> parts, bool framed,
                                           std::optional<ByteOffset> at) {
  const uint64_t bytes = total_size(parts);
  if (bytes > kAppendBytesMax || parts.size() > kAppendBytesMax) {
    return Error{Errc::kTooLarge, 0,
                 fmt::format("append of {} bytes to {}", bytes, state_.current_path())};
  }
  // More chunks in use than descriptors allow: syncing lets go of them. What fails there is
  // reported to those whom it concerns.
  if (state_.context.files.overfull()) (void)state_.context.sync_queue.sync_all(true);
  MutexLock appending(state_.appending);
  RETURN_IF_ERROR(make_ready());
  if (at && *at != end_) {
    return Error{Errc::kNotPermitted, 0,
                 fmt::format("append to {} at {}, which ends at {}", state_.current_path(),
                             at->value(), end_.value())};
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
Result<ByteOffset> JournalAppender::append_to_next(std::span<const ConstBytes> parts, bool framed,
                                                   Time now) {
  RETURN_IF_ERROR(sync_if_many_unsynced());
  ASSIGN_OR_RETURN(auto next, begin_next(now, attributes_.framing()));
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
bool JournalAppender::may_fit_another_file(const Error& error, uint64_t bytes) const {
  const ChunkEnd& end = active_->end();
  if (error.code != Errc::kNoSpace || error.sys_errno != EFBIG || end.entries == 0) return false;
  return end.open_bytes == 0 || bytes <= end.bytes;
}

// Times in a journal never decrease.
Time JournalAppender::append_time() { return std::max(state_.context.clock.now(), last_time_); }

Status JournalAppender::make_ready() {
  using Stage = JournalLife::Stage;
  const Stage stage = state_.life.stage();
  if (stage == Stage::kReady) return {};
  if (stage == Stage::kFailed) return state_.life.failure();
  if (state_.context.options.read_only) {
    return Error{Errc::kNotPermitted, EROFS, state_.current_path()};
  }
  if (stage == Stage::kEndUnreadable) return end_unreadable();
  return repair();
}

Error JournalAppender::end_unreadable() const {
  Error error = *state_.life.unreadable();
  error.context =
      fmt::format("journal {}: its end cannot be read: {}", state_.current_path(), error.context);
  return error;
}

Status JournalAppender::repair() {
  if (!state_.context.options.recover && repair_->takes_something_away()) {
    return Error{Errc::kCorrupt, 0,
                 state_.current_path() + ": not recovered, because that is switched off"};
  }
  auto repaired = repair_->run();
  if (!repaired) {
    const Error& error = repaired.error();
    const bool goes_on_later = error.code == Errc::kNoSpace || error.lost_nothing;
    return goes_on_later ? error : state_.fail(error);
  }
  active_ = *std::move(repaired);
  {
    MutexLock lock(state_.mutex);
    end_ = state_.table.end().offset;
    last_time_ = state_.table.time_of_end();
  }
  state_.life.make_ready();
  repair_.reset();
  // Without them a chunk may become larger than it should.
  if (const auto limits = resolve_retention(); !limits) state_.queue_trim();
  return {};
}

Status JournalAppender::sync_if_many_unsynced() {
  return syncer_.unsynced() < kUnsyncedChunksMax ? Status() : syncer_.sync_for_appender();
}

bool JournalAppender::must_roll(uint64_t bytes, uint64_t parts, Time now) const {
  const ChunkEnd& end = active_->end();
  const auto age = static_cast<uint64_t>((now - active_->header().start).count());
  const uint64_t entries = parts + bytes / kFragmentBytesMax + 2;
  if (active_->closed() || age > kChunkAgeMsMax || end.bytes + bytes > kChunkBytesMax ||
      end.records + parts + 1 > kChunkRecordsMax || end.entries + entries > kChunkEntriesMax) {
    return true;
  }
  return active_->header().framing != attributes_.framing() ||
         chunk_limits_.reached(end, active_->header().start, now);
}

Status JournalAppender::seal_up_to(ChunkId last) {
  const Location end = state_.end();
  const bool empty = end.position.chunk == ChunkId() || (end.position.record == 0 && active_);
  if (empty || end.position.chunk > last) return {};
  ASSIGN_OR_RETURN(auto chunk, begin_next(last_time_, attributes_.framing()));
  go_on_in(std::move(chunk));
  return {};
}

Status JournalAppender::change_framing(Framing framing, const std::function<Status()>& store) {
  std::shared_ptr<ChunkWriter> next;
  if (framing != attributes_.framing() && state_.has_open_record()) {
    ASSIGN_OR_RETURN(next, begin_next(append_time(), framing));
  }
  if (Status stored = store(); !stored) {
    if (next) RETURN_IF_ERROR(discard_next(*next));
    return stored;
  }
  if (next) go_on_in(std::move(next));
  return {};
}

Result<Retention> JournalAppender::resolve_retention() {
  const JournalContext& context = state_.context;
  const std::string path = state_.current_path();
  const auto own = attributes_.known();
  auto inherited = context.names.retention(path, attributes_.get(), context.options.retention);
  // Looked up afterwards: the journal may be moved meanwhile.
  ASSIGN_OR_RETURN(const bool there, context.names.leads_to(path, state_.id));
  Retention retention;
  if (there && own) {
    ASSIGN_OR_RETURN(retention, std::move(inherited));
  }
  chunk_limits_ = ChunkLimits::of(retention, context.options.chunk_size);
  return retention;
}

// The files of a new chunk behind the active one.
Result<std::shared_ptr<ChunkWriter>> JournalAppender::begin_next(Time now, Framing framing) {
  const Location end = state_.end();
  ChunkId chunk = chunk_id_at(now, state_.context.options.host_id);
  // No chunk gets the id of one that was set aside.
  ChunkId last = end.position.chunk;
  {
    MutexLock lock(state_.mutex);
    if (!state_.left_out.empty()) last = std::max(last, state_.left_out.back());
  }
  if (last != ChunkId()) chunk = std::max(chunk, last + (kHostMask + 1));
  ChunkHeader header{.journal = state_.id,
                     .chunk = chunk,
                     .framing = framing,
                     .first_record = end.record,
                     .first_byte = end.offset,
                     .start = now,
                     .boot_id = state_.context.boot_id};
  // Only the last chunk of a journal has room for more.
  if (active_ && active_->attached()) RETURN_IF_ERROR(active_->give_back_room());
  const auto create = [&] {
    return ChunkWriter::create(state_.context.env, state_.context.files, state_.directory, header,
                               attributes_.get(), state_.context.mapping);
  };
  auto writer = create();
  while (!writer && writer.error().code == Errc::kExists) {  // what was left of a chunk set aside
    header.chunk += kHostMask + 1;
    writer = create();
  }
  if (!writer && writer.error().code == Errc::kCorrupt) return state_.fail(writer.error());
  return writer;
}

// Undoes begin_next(). Behind records that are appended later, a chunk that stays would be taken
// for what shows where the one before it ends.
Status JournalAppender::discard_next(const ChunkWriter& next) {
  const ChunkId chunk = next.header().chunk;
  state_.context.files.erase(state_.id, chunk);
  const Status removed = remove_chunk(state_.context.env, state_.directory, chunk);
  return removed ? removed : state_.fail(removed.error());
}

void JournalAppender::go_on_in(std::shared_ptr<ChunkWriter> next) {
  if (active_) active_->close();
  take_on(std::move(next));
  if (chunk_limits_.limited) state_.queue_trim();
}

// Makes a chunk that was just begun the active one.
void JournalAppender::take_on(std::shared_ptr<ChunkWriter> chunk) {
  active_ = std::move(chunk);
  last_time_ = active_->header().start;
  state_.add_chunk(active_);
}

// Makes sure that the active chunk's files are open.
Status JournalAppender::attach_active() {
  if (active_->attached()) return {};
  ASSIGN_OR_RETURN(auto files,
                   state_.context.files.open(state_.directory, state_.id, active_->header().chunk));
  active_->attach(std::move(files));
  state_.add_unsynced(active_);
  return {};
}

// Puts an append into the files of a chunk, where nobody sees it yet. Returns the end of the chunk.
Result<ChunkEnd> JournalAppender::store(ChunkWriter& chunk, std::span<const ConstBytes> parts,
                                        bool framed, Time now) {
  const ChunkHeader& header = chunk.header();
  EntryBuilder builder(chunk.seed(), chunk.end(),
                       static_cast<uint64_t>((now - header.start).count()), entries_);
  if (framed) {
    builder.add_framed(header.framing, parts.front());
  } else {
    builder.add_records(parts);
  }
  if (builder.longest_record() > state_.context.options.record_bytes_max) {
    return Error{Errc::kTooLarge, 0, state_.current_path()};
  }
  const Status written = chunk.append(parts, builder.entries(), builder.end());
  if (entries_.capacity() > kEntriesKeptMax) entries_ = {};
  if (written) return builder.end();
  if (written.error().code == Errc::kNoSpace) return written.error();
  return state_.fail(written.error());
}

// Shows what store() has put into the active chunk to readers. Returns the end of the journal.
ByteOffset JournalAppender::publish(const ChunkEnd& end, Time now) {
  end_ = active_->header().first_byte + end.bytes;
  last_time_ = now;
  state_.publish(end);
  return end_;
}

}  // namespace range
