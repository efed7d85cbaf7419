#include "journal/local/journal_syncer.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"

namespace range {

Result<Location> JournalSyncer::sync() {
  const Location end = state_.end();
  if (!group_.lead_or_wait([&] { return is_synced(end) || !state_.life.failure(); })) {
    RETURN_IF_ERROR(state_.life.failure());
    RETURN_IF_ERROR(state_.context.names.sync_journal(state_.id, state_.current_path()));
    return end;
  }
  group_.begin();
  auto covered = lead();
  group_.end();
  return covered;
}

Status JournalSyncer::sync_for_appender() {
  Ticket ticket = make_ticket(std::unique_lock(syncing_));
  ticket.by_appender = true;
  const Status synced = sync(ticket);
  return finish(std::move(ticket), synced, false);
}

size_t JournalSyncer::unsynced() const {
  MutexLock lock(state_.mutex);
  return state_.unsynced.size();
}

Result<Location> JournalSyncer::lead() {
  ASSIGN_OR_RETURN(Ticket ticket, begin());
  const Location covered = ticket.end;
  const Status synced = sync(ticket);
  for (const auto& chunk : ticket.chunks) chunk.writer->note_awaited_sync();
  RETURN_IF_ERROR(finish(std::move(ticket), synced, false));
  return covered;
}

bool JournalSyncer::is_synced(const Location& end) const {
  MutexLock lock(state_.mutex);
  return !state_.directory_unsynced && !state_.directory_syncing &&
         state_.synced.offset >= end.offset && state_.synced.record >= end.record;
}

Result<JournalSyncer::Ticket> JournalSyncer::begin() {
  std::unique_lock syncing(syncing_);
  RETURN_IF_ERROR(state_.life.failure());
  return make_ticket(std::move(syncing));
}

JournalSyncer::Ticket JournalSyncer::make_ticket(std::unique_lock<LongMutex> syncing) {
  Ticket ticket;
  ticket.syncing = std::move(syncing);
  MutexLock lock(state_.mutex);
  ticket.end = state_.table.end();
  ticket.directory = state_.directory_syncing = std::exchange(state_.directory_unsynced, false);
  for (const UnsyncedChunk& chunk : state_.unsynced) {
    const auto i = state_.table.find(chunk.writer->header().chunk);
    // A chunk that is not the last is not written any more.
    const bool last = i && *i + 1 == state_.table.size();
    ticket.chunks.push_back(
        {chunk.writer, last ? state_.table.end_of_last() : chunk.writer->end(), chunk.sealed});
  }
  return ticket;
}

// Everything is synced before any mark is stored: the mark of a chunk says that its predecessors
// are complete, too.
Status JournalSyncer::sync(const Ticket& ticket) {
  const auto has_appends = [](const Ticket::Chunk& chunk) {
    return chunk.end != chunk.writer->marked();
  };
  // The disk works on all of it while we wait for the first.
  for (const auto& chunk : ticket.chunks) {
    if (has_appends(chunk)) chunk.writer->start_writeback();
  }
  for (const auto& chunk : ticket.chunks) {
    if (has_appends(chunk)) {
      RETURN_IF_ERROR(chunk.writer->sync_files());
    } else if (!chunk.writer->mark_synced()) {
      RETURN_IF_ERROR(chunk.writer->sync_mark());
    }
  }
  if (ticket.directory) RETURN_IF_ERROR(state_.context.env.sync_directory(state_.directory));
  return state_.context.names.sync_journal(state_.id, state_.current_path());
}

// What sync() does, after the whole file system was synced. The kernel tells each file of
// its own failures only.
Status JournalSyncer::check(const Ticket& ticket) {
  for (const auto& chunk : ticket.chunks) RETURN_IF_ERROR(chunk.writer->note_filesystem_sync());
  return state_.context.names.failure(state_.id, state_.current_path());
}

Status JournalSyncer::finish(Ticket ticket, const Status& synced, bool let_go) {
  if (!synced && synced.error().lost_nothing) {
    MutexLock lock(state_.mutex);
    state_.directory_unsynced |= std::exchange(state_.directory_syncing, false);
    return synced;
  }
  if (!synced) return state_.fail(synced.error());
  if (const Status marked = store_marks(ticket); !marked) return state_.fail(marked.error());
  settle(ticket, let_go);
  return {};
}

Status JournalSyncer::store_marks(const Ticket& ticket) {
  bool vouches = false;  // for the end of a chunk that cannot be marked
  for (const auto& chunk : ticket.chunks) {
    if (chunk.end != chunk.writer->marked() || chunk.sealed) {
      RETURN_IF_ERROR(chunk.writer->store_mark(chunk.end, chunk.sealed, state_.context.boot_id));
    }
    // Nobody comes back to a sealed chunk.
    if (chunk.sealed || vouches) RETURN_IF_ERROR(chunk.writer->sync_mark());
    vouches = vouches || chunk.writer->leaves_marks();
  }
  return {};
}

// Lets go of the chunks that have nothing left to sync. The active one can be appended to at any
// moment, unless nobody else can take state_.appending.
void JournalSyncer::settle(const Ticket& ticket, bool let_go) {
  std::unique_lock appends(state_.appending, std::defer_lock);
  const bool active_idle = !ticket.by_appender && appends.try_lock();
  std::vector<std::shared_ptr<ChunkWriter>> done;
  for (const auto& chunk : ticket.chunks) {
    if (chunk.sealed || (active_idle && chunk.writer->end() == chunk.end &&
                         (let_go || chunk.writer->mark_synced()))) {
      done.push_back(chunk.writer);
    }
  }
  {
    MutexLock lock(state_.mutex);
    if (!ticket.chunks.empty()) state_.synced = ticket.end;
    state_.directory_syncing = false;
    RANGE_CHECK(state_.synced.offset <= state_.table.end().offset);
    std::erase_if(state_.unsynced, [&](const UnsyncedChunk& unsynced) {
      return std::find(done.begin(), done.end(), unsynced.writer) != done.end();
    });
  }
  for (const auto& writer : done) writer->detach();
}

bool JournalSyncer::needs_sync() {
  MutexLock lock(state_.mutex);
  state_.queued = state_.life.stage() != JournalLife::Stage::kFailed && !state_.unsynced.empty();
  return state_.queued;
}

}  // namespace range
