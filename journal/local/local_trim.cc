// The part of LocalJournal that drops old chunks.

#include <algorithm>
#include <memory>
#include <utility>

#include "journal/base/printable.h"
#include "journal/base/result_macros.h"
#include "journal/local/local_journal.h"
#include "journal/local/read_around.h"

namespace range {

namespace {

// A journal with limits is made of so many chunks at least, where that makes them no smaller than
// stated at Retention.
constexpr int kPieces = 8;
constexpr uint64_t kPieceBytesMin = uint64_t{64} << 10;
constexpr std::chrono::milliseconds kPieceAgeMin{1000};

}  // namespace

LocalJournal::ChunkLimits LocalJournal::chunk_limits(const Retention& retention,
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

void LocalJournal::queue_trim() {
  if (!trim_queued_.exchange(true)) context_.trim_queue.add(shared_from_this());
}

// None as long as it is not known where the journal is, or what its attributes were: what is
// dropped is gone.
Result<Retention> LocalJournal::resolve_retention() {
  std::string path;
  Attributes own;
  bool lost = false;
  {
    MutexLock lock(mutex_);
    path = path_;
    own = attributes_;
    lost = attributes_lost_.has_value();
  }
  Retention retention;
  auto inherited = context_.names.retention(path, own, context_.options.retention);
  // Looked up afterwards: the journal may be moved meanwhile.
  ASSIGN_OR_RETURN(const bool there, context_.names.leads_to(path, id_));
  if (there && !lost) {
    ASSIGN_OR_RETURN(retention, std::move(inherited));
  }
  chunk_limits_ = chunk_limits(retention, context_.options.chunk_size);
  return retention;
}

Status LocalJournal::apply_retention() {
  if (!here_) return forked();
  trim_queued_ = false;
  const std::unique_lock trimming(trim_mutex_, std::try_to_lock);
  if (!trimming.owns_lock()) {  // somebody drops chunks right now: to be looked at afterwards
    queue_trim();
    return {};
  }
  std::optional<ChunkId> last;
  {
    std::lock_guard appending(append_mutex_);
    ASSIGN_OR_RETURN(const Retention retention, resolve_retention());
    // A journal that nobody writes to is left as it is, unless there is something to drop.
    if (!last_beyond(retention)) return {};
    RETURN_IF_ERROR(prepare());
    last = last_beyond(retention);
    // At once: what is appended from now on is not too old.
    if (last) RETURN_IF_ERROR(seal_up_to(*last));
  }
  return last ? drop_up_to(*last, {}) : Status();
}

// The newest of the chunks that `retention` does not allow.
std::optional<ChunkId> LocalJournal::last_beyond(const Retention& retention) const {
  const bool ages = retention.max_age.count() > 0 && context_.clock.tells_ages();
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

Status LocalJournal::trim(ChunkId last, const ChunkVisitor& visit) {
  if (!here_) return forked();
  const std::lock_guard trimming(trim_mutex_);
  {
    std::lock_guard appending(append_mutex_);
    RETURN_IF_ERROR(prepare());
    RETURN_IF_ERROR(seal_up_to(last));
  }
  return drop_up_to(last, visit);
}

// Begins another chunk if none is behind `last`: the journal goes on there.
Status LocalJournal::seal_up_to(ChunkId last) {
  const Location end = extent().end;
  const bool empty = end.position.chunk == ChunkId() || (end.position.record == 0 && active_);
  if (empty || end.position.chunk > last) return {};
  return roll(last_time_, framing_);
}

// Drops chunks up to `last`, but the newest of all.
Status LocalJournal::drop_up_to(ChunkId last, const ChunkVisitor& visit) {
  Status visited;
  const std::vector<ChunkInfo> all = chunks();
  size_t count = 0;
  while (count + 1 < all.size() && all[count].id <= last) {
    if (visit) visited = visit(all[count]);
    if (!visited) break;
    ++count;
  }
  if (count > 0) RETURN_IF_ERROR(drop_front(count));
  return visited;
}

// What stays is durable before anything goes, and so is that it is all there is: whatever is left
// of the rest after a power loss is no part of the journal. Only bytes that are there are written
// over, so that a full disk can be relieved.
Status LocalJournal::drop_front(size_t count) {
  std::vector<ChunkInfo> dropped = chunks();
  const ChunkInfo first = dropped.at(count);
  dropped.resize(count);
  const auto synced = sync();
  if (!synced) return synced.error();
  leave_to_readers(dropped.back().id);
  const Location begin{.position = {.chunk = first.id, .record = 0},
                       .record = first.first_record,
                       .offset = first.first_byte};
  RETURN_IF_ERROR(store_begin(begin));
  {
    MutexLock lock(mutex_);
    table_.drop_front(count);
    std::erase_if(left_out_, [&](ChunkId chunk) { return chunk < begin.position.chunk; });
    missing_in_front_ = 0;
    RANGE_CHECK(synced_.offset >= begin.offset && synced_.record >= begin.record);
  }
  for (const ChunkInfo& chunk : dropped) {
    // What stays behind is removed when the journal is opened next.
    const Status removed = remove_chunk(context_.env, directory_, chunk.id);
    if (!removed) {
      context_.log.warn("journal {}: {}", printable(path()), to_string(removed.error()));
    }
    context_.files.erase(id_, chunk.id);
  }
  return {};
}

// Makes it durable that the journal begins with a chunk.
Status LocalJournal::store_begin(const Location& begin) {
  ASSIGN_OR_RETURN(const auto files, context_.files.open(directory_, id_, begin.position.chunk));
  const Sector sector = encode_begin(begin);
  Status first = files->idx->write_at(kBeginAt[0], sector);
  Status second = files->idx->write_at(kBeginAt[1], sector);
  // One is enough, should the other's page be unreadable, and so not to be written in part.
  if (!first && (!second || !unreadable(first.error()))) return first;
  if (!second && !unreadable(second.error())) return second;
  const Status synced = files->sync_idx();
  return synced ? synced : poison(synced.error());
}

// Keeps the chunks up to `last` readable for those who began to read them when they still grew, and
// who may not have seen their ends yet.
void LocalJournal::leave_to_readers(ChunkId last) {
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
    auto view = open_view(part, Mapping::kForReading);
    if (!view) {
      context_.log.warn("journal {}: {}", printable(path()), to_string(report(view.error())));
      continue;
    }
    if (view->mapped()) view->files.reset();
    MutexLock lock(mutex_);
    pin->rest = *std::move(view);
  }
}

}  // namespace range
