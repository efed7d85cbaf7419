// The part of LocalJournal that syncs.

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/local/local_journal.h"

namespace range {

Result<Location> LocalJournal::sync() {
  if (!here_) return forked();
  if (context_.options.read_only) return extent().end;
  const Location end = extent().end;
  if (!prepared_.load(std::memory_order_acquire)) {
    std::lock_guard appending(append_mutex_);
    RETURN_IF_ERROR(prepare());
  }
  if (!sync_group_.lead_or_wait([&] { return is_synced(end) || !failure(); })) {
    RETURN_IF_ERROR(failure());
    RETURN_IF_ERROR(context_.names.sync_journal(id_, path()));
    return end;
  }
  sync_group_.begin();
  auto covered = lead_sync();
  sync_group_.end();
  return covered;
}

Result<Location> LocalJournal::lead_sync() {
  ASSIGN_OR_RETURN(SyncTicket ticket, begin_sync());
  const Location covered = ticket.end;
  const Status synced = sync_ticket(ticket);
  for (const auto& chunk : ticket.chunks) chunk.writer->note_awaited_sync();
  RETURN_IF_ERROR(finish_sync(std::move(ticket), synced, false));
  return covered;
}

bool LocalJournal::is_synced(const Location& end) const {
  MutexLock lock(mutex_);
  return !directory_unsynced_ && !directory_syncing_ && synced_.offset >= end.offset &&
         synced_.record >= end.record;
}

Status LocalJournal::failure() const {
  MutexLock lock(mutex_);
  return failure_ ? Status(*failure_) : Status();
}

Result<LocalJournal::SyncTicket> LocalJournal::begin_sync() {
  std::unique_lock syncing(sync_mutex_);
  RETURN_IF_ERROR(failure());
  return make_ticket(std::move(syncing));
}

LocalJournal::SyncTicket LocalJournal::make_ticket(std::unique_lock<LongMutex> syncing) {
  SyncTicket ticket;
  ticket.syncing = std::move(syncing);
  MutexLock lock(mutex_);
  ticket.end = table_.end();
  ticket.directory = directory_syncing_ = std::exchange(directory_unsynced_, false);
  for (const Unsynced& chunk : unsynced_) {
    const auto i = table_.find(chunk.writer->header().chunk);
    // A chunk that is not the last is not written any more.
    const bool last = i && *i + 1 == table_.size();
    ticket.chunks.push_back(
        {chunk.writer, last ? table_.end_of_last() : chunk.writer->end(), chunk.sealed});
  }
  return ticket;
}

// Everything is synced before any mark is stored: the mark of a chunk says that its predecessors
// are complete, too.
Status LocalJournal::sync_ticket(const SyncTicket& ticket) {
  const auto has_appends = [](const SyncTicket::Chunk& chunk) {
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
  if (ticket.directory) RETURN_IF_ERROR(context_.env.sync_directory(directory_));
  return context_.names.sync_journal(id_, path());
}

// What sync_ticket() does, after the whole file system was synced. The kernel tells each file of
// its own failures only.
Status LocalJournal::check_ticket(const SyncTicket& ticket) {
  for (const auto& chunk : ticket.chunks) RETURN_IF_ERROR(chunk.writer->note_filesystem_sync());
  return context_.names.failure(id_, path());
}

Status LocalJournal::finish_sync(SyncTicket ticket, const Status& synced, bool let_go) {
  if (!synced && synced.error().lost_nothing) {
    MutexLock lock(mutex_);
    directory_unsynced_ |= std::exchange(directory_syncing_, false);
    return synced;
  }
  if (!synced) return poison(synced.error());
  if (const Status marked = store_marks(ticket); !marked) return poison(marked.error());
  settle(ticket, let_go);
  return {};
}

Status LocalJournal::store_marks(const SyncTicket& ticket) {
  bool vouches = false;  // for the end of a chunk that cannot be marked
  for (const auto& chunk : ticket.chunks) {
    if (chunk.end != chunk.writer->marked() || chunk.sealed) {
      RETURN_IF_ERROR(chunk.writer->store_mark(chunk.end, chunk.sealed, context_.boot_id));
    }
    // Nobody comes back to a sealed chunk.
    if (chunk.sealed || vouches) RETURN_IF_ERROR(chunk.writer->sync_mark());
    vouches = vouches || chunk.writer->leaves_marks();
  }
  return {};
}

// Lets go of the chunks that have nothing left to sync. The active one can be appended to at any
// moment, unless nobody else can take append_mutex_.
void LocalJournal::settle(const SyncTicket& ticket, bool let_go) {
  std::unique_lock appends(append_mutex_, std::defer_lock);
  const bool active_idle = !ticket.by_appender && appends.try_lock();
  std::vector<std::shared_ptr<ChunkWriter>> done;
  for (const auto& chunk : ticket.chunks) {
    if (chunk.sealed || (active_idle && chunk.writer->end() == chunk.end &&
                         (let_go || chunk.writer->mark_synced()))) {
      done.push_back(chunk.writer);
    }
  }
  {
    MutexLock lock(mutex_);
    if (!ticket.chunks.empty()) synced_ = ticket.end;
    directory_syncing_ = false;
    RANGE_CHECK(synced_.offset <= table_.end().offset);
    std::erase_if(unsynced_, [&](const Unsynced& unsynced) {
      return std::find(done.begin(), done.end(), unsynced.writer) != done.end();
    });
  }
  for (const auto& writer : done) writer->detach();
}

bool LocalJournal::needs_sync() {
  MutexLock lock(mutex_);
  queued_ = !failure_ && !unsynced_.empty();
  return queued_;
}

}  // namespace range
