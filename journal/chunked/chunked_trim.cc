// The part of ChunkedJournal that drops old chunks.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "journal/chunked/chunked_journal.h"
#include "journal/result_macros.h"

namespace range {

namespace {

// A journal with limits is made of so many chunks at least, where that makes them no smaller than
// stated at Retention.
constexpr int kPieces = 8;
constexpr uint64_t kPieceBytesMin = uint64_t{64} << 10;
constexpr std::chrono::milliseconds kPieceAgeMin{1000};

}  // namespace

ChunkedJournal::ChunkLimits ChunkedJournal::chunk_limits(const Retention& retention,
                                                         uint64_t chunk_size) {
  ChunkLimits limits{.bytes = chunk_size, .limited = retention != Retention()};
  if (retention.max_bytes > 0) {
    limits.bytes = std::min(chunk_size, std::max(retention.max_bytes / kPieces, kPieceBytesMin));
  }
  if (retention.max_records > 0) {
    limits.records = std::max<uint64_t>(retention.max_records / kPieces, 1);
  }
  if (retention.max_age.count() > 0) {
    limits.age = std::max(kPieceAgeMin, retention.max_age / kPieces);
  }
  return limits;
}

Result<Retention> ChunkedJournal::resolve_retention() {
  ASSIGN_OR_RETURN(const Retention retention,
                   context_.names.retention(path(), attributes(), context_.options.retention));
  chunk_limits_ = chunk_limits(retention, context_.options.chunk_size);
  return retention;
}

Status ChunkedJournal::apply_retention() {
  std::optional<ChunkId> last;
  {
    std::lock_guard appending(append_mutex_);
    RETURN_IF_ERROR(prepare());
    ASSIGN_OR_RETURN(const Retention retention, resolve_retention());
    last = last_beyond(retention);
    // At once: what is appended from now on is not too old.
    if (last) RETURN_IF_ERROR(seal_up_to(*last));
  }
  return last ? drop_up_to(*last, {}) : Status();
}

// The newest of the chunks that `retention` does not allow.
std::optional<ChunkId> ChunkedJournal::last_beyond(const Retention& retention) const {
  const bool ages = retention.max_age.count() > 0 && !context_.clock.disagrees();
  const Time oldest = ages ? context_.clock.now() - retention.max_age : Time::min();
  MutexLock lock(mutex_);
  const Location end = table_.end();
  std::optional<ChunkId> found;
  for (size_t i = 0; i < table_.size(); ++i) {
    const ChunkHeader& header = table_.header(i);
    const bool last = i + 1 == table_.size();
    const uint64_t bytes = end.offset - header.first_byte;
    const uint64_t records = end.record - header.first_record;
    const bool too_much = !last && ((retention.max_bytes > 0 && bytes > retention.max_bytes) ||
                                    (retention.max_records > 0 && records > retention.max_records));
    const Time newest = last ? table_.time_of_end() : table_.header(i + 1).start;
    const bool too_old = newest < oldest && !(last && table_.end_of_last().records == 0);
    if (!too_much && !too_old) break;
    found = header.chunk;
  }
  return found;
}

Status ChunkedJournal::trim(ChunkId last, const ChunkVisitor& visit) {
  {
    std::lock_guard appending(append_mutex_);
    RETURN_IF_ERROR(prepare());
    RETURN_IF_ERROR(seal_up_to(last));
    last = std::min(last, extent().end.position.chunk);
  }
  return drop_up_to(last, visit);
}

// Drops chunks that take no more appends.
Status ChunkedJournal::drop_up_to(ChunkId last, const ChunkVisitor& visit) {
  MutexLock trimming(trim_mutex_);
  Status visited;
  size_t count = 0;
  for (const ChunkInfo& chunk : chunks()) {
    if (chunk.id > last) break;
    if (visit) visited = visit(chunk);
    if (!visited) break;
    ++count;
  }
  if (count > 0) RETURN_IF_ERROR(drop_front(count));
  return visited;
}

// Ends the active chunk if it is not behind `last`; then the next append begins another.
Status ChunkedJournal::seal_up_to(ChunkId last) {
  if (!active_ || active_->header().chunk > last) return {};
  if (active_->attached()) RETURN_IF_ERROR(active_->give_back_room());
  active_->close();
  {
    MutexLock lock(mutex_);
    for (Unsynced& chunk : unsynced_) chunk.sealed |= chunk.writer == active_;
    // A record that was open is complete now.
    ChunkEnd end = table_.end_of_last();
    end.open_bytes = 0;
    table_.set_end(end);
    if (waiting_ > 0) grown_.notify_all();
  }
  active_.reset();
  return {};
}

// That the first `count` chunks are gone is durable before they are: what is left of them after a
// power loss is no part of the journal.
Status ChunkedJournal::drop_front(size_t count) {
  std::vector<ChunkInfo> dropped = chunks();
  dropped.resize(count);
  const Location begin = begin_behind(count);
  RETURN_IF_ERROR(context_.names.set_journal_attributes(id_, {attributes(), begin}));
  RETURN_IF_ERROR(context_.names.sync());
  RETURN_IF_ERROR(leave_to_readers(dropped.back().id));
  {
    MutexLock lock(mutex_);
    table_.drop_front(count, begin);
    std::erase_if(unsynced_, [&](const Unsynced& chunk) {
      return chunk.writer->header().chunk < begin.position.chunk;
    });
    if (synced_.offset < begin.offset || synced_.record < begin.record) synced_ = begin;
  }
  for (const ChunkInfo& chunk : dropped) {
    // What stays behind is removed when the journal is opened next.
    const Status removed = remove_chunk(context_.env, directory_, chunk.id);
    if (!removed) spdlog::warn("journal {}: {}", path(), to_string(removed.error()));
    context_.files.erase(id_, chunk.id);
  }
  return {};
}

// Where the journal begins without its first `count` chunks. With none left, that is where the next
// will begin, which must have a higher id than any before.
Location ChunkedJournal::begin_behind(size_t count) const {
  MutexLock lock(mutex_);
  if (count < table_.size()) return table_.place(count, 0, 0);
  Location end = table_.end();
  const ChunkId next = end.position.chunk + (kHostMask + 1);
  const ChunkId newest = chunk_id_at(table_.time_of_end(), context_.options.host_id);
  end.position = {.chunk = std::max(next, newest), .record = 0};
  return end;
}

// Keeps the chunks up to `last` readable for those who began to read them when they still grew, and
// who may not have seen their ends yet.
Status ChunkedJournal::leave_to_readers(ChunkId last) {
  std::vector<std::pair<std::shared_ptr<ChunkPin>, ChunkPart>> pinned;
  {
    MutexLock lock(mutex_);
    for (const auto& [chunk, known] : pins_) {
      std::shared_ptr<ChunkPin> pin = known.lock();
      const auto i = table_.find(chunk);
      if (pin && i && chunk <= last) pinned.emplace_back(std::move(pin), part(*i));
    }
  }
  for (const auto& [pin, part] : pinned) {
    ASSIGN_OR_RETURN(ChunkView view, open_view(part, true));
    if (view.mapped()) view.files.reset();
    MutexLock lock(mutex_);
    pin->rest = std::move(view);
  }
  return {};
}

}  // namespace range
