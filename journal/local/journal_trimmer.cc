#include "journal/local/journal_trimmer.h"

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "journal/base/result_macros.h"
#include "journal/printable.h"

namespace range {

Status JournalTrimmer::apply_retention() {
  state_.trim_queued = false;
  const std::unique_lock trimming(trimming_, std::try_to_lock);
  if (!trimming.owns_lock()) {  // somebody drops chunks right now: to be looked at afterwards
    state_.queue_trim();
    return {};
  }
  std::optional<ChunkId> last;
  {
    MutexLock appending(appender_.appending());
    ASSIGN_OR_RETURN(const Retention retention, appender_.resolve_retention());
    // A journal that nobody writes to is left as it is, unless there is something to drop.
    if (!last_beyond(retention)) return {};
    RETURN_IF_ERROR(appender_.make_ready());
    last = last_beyond(retention);
    // At once: what is appended from now on is not too old.
    if (last) RETURN_IF_ERROR(appender_.seal_up_to(*last));
  }
  return last ? drop_up_to(*last, {}) : Status();
}

// The newest of the chunks that `retention` does not allow.
std::optional<ChunkId> JournalTrimmer::last_beyond(const Retention& retention) const {
  const bool ages = retention.max_age.count() > 0 && state_.context.clock.tells_ages();
  const Time oldest = ages ? state_.context.clock.now() - retention.max_age : Time::min();
  MutexLock lock(state_.mutex);
  const Location end = state_.table.end();
  std::optional<ChunkId> found;
  for (size_t i = 0; i < state_.table.size(); ++i) {
    const ChunkHeader& header = state_.table.header(i);
    const bool last = i + 1 == state_.table.size();
    const uint64_t bytes = end.offset - header.first_byte;
    const uint64_t records = end.record - header.first_record;
    const bool too_much = !last && ((retention.max_bytes > 0 && bytes > retention.max_bytes) ||
                                    (retention.max_records > 0 && records > retention.max_records));
    const Time newest = last ? state_.table.time_of_end() : state_.table.header(i + 1).start;
    const bool too_old = newest < oldest && !(last && state_.table.end_of_last().records == 0);
    if (!too_much && !too_old) break;
    found = header.chunk;
  }
  return found;
}

Status JournalTrimmer::trim(ChunkId last, const Journal::ChunkVisitor& visit) {
  MutexLock trimming(trimming_);
  {
    MutexLock appending(appender_.appending());
    RETURN_IF_ERROR(appender_.make_ready());
    RETURN_IF_ERROR(appender_.seal_up_to(last));
  }
  return drop_up_to(last, visit);
}

// Drops chunks up to `last`, but the newest of all.
Status JournalTrimmer::drop_up_to(ChunkId last, const Journal::ChunkVisitor& visit) {
  Status visited;
  const std::vector<ChunkInfo> all = state_.chunks();
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
// of the rest after a power loss is no part of the journal.
Status JournalTrimmer::drop_front(size_t count) {
  std::vector<ChunkInfo> dropped = state_.chunks();
  const ChunkInfo first = dropped.at(count);
  dropped.resize(count);
  const auto synced = syncer_.sync();
  if (!synced) return synced.error();
  reader_.leave_to_readers(dropped.back().id);
  const Location begin{.position = {.chunk = first.id, .record = 0},
                       .record = first.first_record,
                       .offset = first.first_byte};
  RETURN_IF_ERROR(store_begin(state_, begin));
  take_from_front(count, begin);
  remove_files(dropped);
  return {};
}

void JournalTrimmer::take_from_front(size_t count, const Location& begin) {
  MutexLock lock(state_.mutex);
  state_.table.drop_front(count);
  std::erase_if(state_.left_out, [&](ChunkId chunk) { return chunk < begin.position.chunk; });
  state_.missing_in_front = 0;
  RANGE_CHECK(state_.synced.offset >= begin.offset && state_.synced.record >= begin.record);
}

// What stays behind is removed when the journal is opened next.
void JournalTrimmer::remove_files(const std::vector<ChunkInfo>& dropped) {
  for (const ChunkInfo& chunk : dropped) {
    const Status removed = remove_chunk(state_.context.env, state_.directory, chunk.id);
    if (!removed) {
      state_.context.log.warn("journal {}: {}", printable(state_.current_path()),
                              to_string(removed.error()));
    }
    state_.context.files.erase(state_.id, chunk.id);
  }
}

}  // namespace range
