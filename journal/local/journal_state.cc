#include "journal/local/journal_state.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/read_around.h"
#include "journal/local/local_journal.h"
#include "journal/local/sync_queue.h"
#include "journal/local/trim_queue.h"
#include "journal/printable.h"

namespace range {

JournalState::JournalState(const JournalContext& of_store, JournalId journal_id, std::string name,
                           const RecoveredJournal& recovered)
    : context(of_store),
      id(journal_id),
      directory(context.names.journal_directory(id)),
      life(recovered.unreadable),
      path(std::move(name)),
      torn_tails(recovered.torn_tails),
      left_out(recovered.left_out) {
  for (const ChunkHeader& header : recovered.chunks) table.push_back(header);
  table.set_end(recovered.end);
  if (!table.empty()) missing_in_front = table.begin().record - recovered.begin.record;
  synced = table.end();
  if (recovered.unsure.empty()) return;
  // What the newest mark vouches for, no more.
  const ChunkScan& first = recovered.unsure.front();
  const ChunkEnd marked = first.mark ? first.mark->end : ChunkEnd();
  synced.offset = std::min(first.header->first_byte + marked.bytes, table.end().offset);
  synced.record = std::min(first.header->first_record + marked.records, table.end().record);
}

std::string JournalState::current_path() const {
  MutexLock lock(mutex);
  return path;
}

Location JournalState::end() const {
  MutexLock lock(mutex);
  return table.end();
}

bool JournalState::has_open_record() const {
  MutexLock lock(mutex);
  return table.end_of_last().open_bytes > 0;
}

bool JournalState::holds(ChunkId chunk) const {
  MutexLock lock(mutex);
  return table.find(chunk).has_value();
}

std::vector<ChunkInfo> JournalState::chunks() const {
  MutexLock lock(mutex);
  std::vector<ChunkInfo> all;
  all.reserve(table.size());
  for (size_t i = 0; i < table.size(); ++i) {
    const ChunkHeader& header = table.header(i);
    const ChunkEnd chunk_end = table.end_of(i);
    all.push_back({.id = header.chunk,
                   .first_record = header.first_record,
                   .records = chunk_end.records,
                   .first_byte = header.first_byte,
                   .bytes = chunk_end.bytes,
                   .start = header.start});
  }
  return all;
}

void JournalState::add_chunk(const std::shared_ptr<ChunkWriter>& chunk) {
  MutexLock lock(mutex);
  if (!unsynced.empty()) unsynced.back().sealed = true;
  table.push_back(chunk->header());
  unsynced.push_back({chunk, false});
  directory_unsynced = true;
  enqueue();
  if (waiting > 0) grown.notify_all();  // a record that was open is complete now
}

void JournalState::add_unsynced(const std::shared_ptr<ChunkWriter>& chunk) {
  MutexLock lock(mutex);
  unsynced.push_back({chunk, false});
  enqueue();  // also if nothing will be written: a sync lets go of the files
}

void JournalState::publish(const ChunkEnd& end) {
  MutexLock lock(mutex);
  table.set_end(end);
  enqueue();
  if (waiting > 0) grown.notify_all();
}

void JournalState::enqueue() {
  if (std::exchange(queued, true)) return;
  context.sync_queue.add(journal.lock());
}

void JournalState::queue_trim() {
  if (!trim_queued.exchange(true)) context.trim_queue.add(journal.lock());
}

Error JournalState::fail(const Error& error) {
  ByteOffset failed_at;
  {
    MutexLock lock(mutex);
    if (!life.fail(error)) return life.failure().error();
    failed_at = table.end().offset;
    grown.notify_all();
  }
  const std::string name = current_path();
  context.log.error("journal {}: takes no more appends: {}", printable(name), to_string(error));
  if (!removed) context.sync_queue.keep(journal.lock());
  const Status noted = context.names.note_failure(id, failed_at);
  if (!noted) context.log.error("journal {}: {}", printable(name), to_string(noted.error()));
  return error;
}

// Only bytes that are there are written over, so that a full disk can be relieved.
Status store_begin(JournalState& state, const Location& begin) {
  ASSIGN_OR_RETURN(const auto files,
                   state.context.files.open(state.directory, state.id, begin.position.chunk));
  const Sector sector = encode_begin(begin);
  Status first = files->idx->write_at(kBeginAt[0], sector);
  Status second = files->idx->write_at(kBeginAt[1], sector);
  // One is enough, should the other's page be unreadable, and so not to be written in part.
  if (!first && (!second || !unreadable(first.error()))) return first;
  if (!second && !unreadable(second.error())) return second;
  const Status synced = files->sync_idx();
  return synced ? synced : state.fail(synced.error());
}

}  // namespace range
