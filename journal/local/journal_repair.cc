#include "journal/local/journal_repair.h"

#include <utility>
#include <vector>

#include "journal/base/for_good.h"
#include "journal/base/result_macros.h"

namespace range {

JournalRepair::JournalRepair(JournalState& state, const JournalAttributes& attributes,
                             RecoveredJournal recovered)
    : state_(state), attributes_(attributes), recovered_(std::move(recovered)) {}

Result<std::shared_ptr<ChunkWriter>> JournalRepair::run() {
  RETURN_IF_ERROR(state_.context.names.restore_journal(state_.id, attributes_.get()));
  RETURN_IF_ERROR(remove_dropped());
  RETURN_IF_ERROR(put_attributes_in_safety());
  RETURN_IF_ERROR(set_torn_chunks_aside());
  while (!recovered_.unsure.empty()) {
    RETURN_IF_ERROR(resume(recovered_.unsure.front()));
    recovered_.unsure.erase(recovered_.unsure.begin());
  }
  MutexLock lock(state_.mutex);
  if (!state_.unsynced.empty()) state_.enqueue();
  return active_;
}

// The process that dropped them may have died before that was durable.
Status JournalRepair::remove_dropped() {
  if (!recovered_.dropped.empty()) RETURN_IF_ERROR(store_begin(state_, recovered_.begin));
  for (const ChunkId chunk : recovered_.dropped) {
    state_.context.files.erase(state_.id, chunk);
    RETURN_IF_ERROR(remove_chunk(state_.context.env, state_.directory, chunk));
  }
  return {};
}

// The chunks that have the attributes may go before those that have not. If there is a file, it may
// be of a process that died before it had synced it.
Status JournalRepair::put_attributes_in_safety() {
  if (recovered_.torn_chunks.empty() && recovered_.attributes_in_all) return {};
  const auto known = attributes_.known();
  return known ? state_.context.names.set_journal_attributes(state_.id, *known) : Status();
}

Status JournalRepair::set_torn_chunks_aside() {
  for (const ChunkId chunk : recovered_.torn_chunks) {
    state_.context.files.erase(state_.id, chunk);
    RETURN_IF_ERROR(set_chunk_aside(state_.context.env, state_.directory, chunk));
  }
  return {};
}

// Brings a chunk whose tail was examined into the state in which this process would have left it.
Status JournalRepair::resume(const ChunkScan& scan) {
  ASSIGN_OR_RETURN(const Resumed resumed, open_writer(scan));
  ChunkWriter& writer = *resumed.writer;
  if (resumed.cut || resumed.rebooted) {
    // The next recovery must know from the mark that later entries are from this boot, and that no
    // slot behind a cut may be used.
    RETURN_IF_ERROR(for_good(sync_resumed()));
    RETURN_IF_ERROR(for_good(writer.sync_files()));
    RETURN_IF_ERROR(writer.store_mark(scan.end, writer.closed(), state_.context.boot_id));
  }
  take_on(resumed, scan);
  return {};
}

// It has all of what is to be written for the next sync.
Result<JournalRepair::Resumed> JournalRepair::open_writer(const ChunkScan& scan) {
  const JournalContext& context = state_.context;
  const ChunkId chunk = scan.header->chunk;
  ASSIGN_OR_RETURN(const auto files, context.files.open(state_.directory, state_.id, chunk));
  ASSIGN_OR_RETURN(const Writable writable, find_writable(*files, scan.end));
  // What cannot be cut off stays, in a chunk that takes no more appends.
  const bool cut = is_cut(scan.tail) && writable.end;
  if (cut) RETURN_IF_ERROR(cut_tail(context.env, state_.directory, chunk, *files, scan.end));
  const bool whole = scan.tail == Tail::kClean && writable.end && writable.marks;
  if (whole) RETURN_IF_ERROR(give_back_room(*files, scan.end));
  auto writer =
      std::make_shared<ChunkWriter>(files, *scan.header, scan.end, scan.mark, context.mapping);
  // Behind a chunk that was set aside for what is missing before it, that must go on missing, or
  // the chunk would have its place again if power is lost now.
  const bool last = chunk == recovered_.chunks.back().chunk;
  const bool goes_on = last && recovered_.torn_chunks.empty();
  if (!goes_on || !whole || scan.rebuilt) writer->close();
  if (!writable.marks) writer->leave_marks();
  const bool rebooted = written_in(scan) != context.boot_id;
  if (scan.end != writer->marked() && !rebooted) {
    RETURN_IF_ERROR(rewrite(*files, writer->marked(), scan.end));
  }
  return Resumed{.writer = writer, .cut = cut, .rebooted = rebooted};
}

// The mark of a chunk says that its predecessors are complete, too: they are synced before it.
Status JournalRepair::sync_resumed() {
  std::vector<UnsyncedChunk> resumed;
  {
    MutexLock lock(state_.mutex);
    resumed = state_.unsynced;
  }
  for (const UnsyncedChunk& chunk : resumed) RETURN_IF_ERROR(chunk.writer->sync_files());
  return {};
}

void JournalRepair::take_on(const Resumed& resumed, const ChunkScan& scan) {
  const auto& writer = resumed.writer;
  const bool last = scan.header->chunk == recovered_.chunks.back().chunk;
  // Syncs let go of a closed chunk while appends go on.
  if (last && !writer->closed()) active_ = writer;
  const ChunkEnd marked = scan.mark ? scan.mark->end : ChunkEnd();
  MutexLock lock(state_.mutex);
  state_.torn_tails += resumed.cut ? 1 : 0;
  if (scan.end == marked && writer->mark_synced()) {
    writer->detach();
  } else {
    state_.unsynced.push_back({writer, writer->closed()});
    state_.directory_unsynced = true;
  }
}

}  // namespace range
