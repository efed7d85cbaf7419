// Writing one chunk.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "journal/chunk/entry_builder.h"
#include "journal/chunk/format.h"
#include "journal/journal.h"
#include "journal/local/append_window.h"
#include "journal/local/chunk_files.h"

namespace range {

// The chunk of a journal that takes appends, and afterwards until it is synced. Owned by its
// journal, whose locks stand at each call; keeps the files open, so that a failed writeback is
// seen.
class ChunkWriter {
 public:
  // Creates the files of a new chunk, of a journal with `attributes`. Errors: kExists where one is
  // there already; kCorrupt if something stays that may pass for a chunk, because it could not be
  // removed again: the caller must poison the journal.
  static Result<std::shared_ptr<ChunkWriter>> create(Env& env, ChunkFileCache& cache,
                                                     const Path& directory,
                                                     const ChunkHeader& header,
                                                     const Attributes& attributes,
                                                     const MappingSizes& mapping);

  // Goes on with a chunk that was recovered: `end` is where it ends and `mark` its newest mark.
  ChunkWriter(std::shared_ptr<ChunkFiles> files, const ChunkHeader& header, const ChunkEnd& end,
              const std::optional<Mark>& mark, const MappingSizes& mapping);

  const ChunkHeader& header() const { return header_; }
  ChunkSeed seed() const { return seed_; }

  // Lets go of the files, and takes them up again. Only while nothing is written or synced, and
  // only when all that was appended is synced.
  void detach();
  bool attached() const { return files_ != nullptr; }
  void attach(std::shared_ptr<ChunkFiles> files) { files_ = std::move(files); }

  // --- called by the one thread that appends ---

  // Where the next append goes. Lags behind nothing: it is set when the append is complete.
  const ChunkEnd& end() const { return end_; }

  // True once no more may be appended: the next append begins a new chunk.
  bool closed() const { return closed_; }
  void close() { closed_ = true; }

  // Stores no marks from now on, where they cannot be stored: what they would say is verified when
  // the journal is opened.
  void leave_marks() { leaves_marks_ = true; }
  bool leaves_marks() const { return leaves_marks_; }

  // Gives back the room that was made ahead for appends: the files end where the chunk does.
  Status give_back_room();

  // Writes payload and entries of an append and takes its end for the new one. On an error `end()`
  // stays, and nothing of the append can come back: on kNoSpace appends may go on, with EFBIG in
  // another chunk only; after any other error the caller must poison the journal.
  Status append(std::span<const ConstBytes> payload, ConstBytes entries, const ChunkEnd& end);

  // --- called by the one thread that syncs ---

  void start_writeback();
  // Makes what was appended before the call survive power loss, and earlier marks.
  Status sync_files();
  // The same after the whole file system was synced: sees that nothing of it had failed.
  Status note_filesystem_sync();
  // Makes only the newest mark survive it.
  Status sync_mark();
  // Writes down that everything up to `end` was synced. Survives power loss with the next sync.
  Status store_mark(const ChunkEnd& end, bool sealed, const BootId& boot_id);

  // Takes note of a sync that somebody waited for. Appends that are synced one by one gain most
  // from room made ahead: a sync of what lies in it need not change any metadata.
  void note_awaited_sync() { awaited_syncs_.fetch_add(1, std::memory_order_relaxed); }

  // What the newest mark says; and whether it would survive power loss, as the header would: also a
  // chunk without entries says something, that no record is open before it.
  const ChunkEnd& marked() const { return marked_; }
  bool mark_synced() const { return mark_synced_; }

 private:
  void undo_payload();
  Status undo_entries();

  std::shared_ptr<ChunkFiles> files_;
  const ChunkHeader header_;
  const ChunkSeed seed_;
  ChunkEnd end_;
  std::atomic<uint32_t> awaited_syncs_ = 0;  // since the files are attached
  const uint32_t awaited_syncs_before_window_;
  AppendWindow dat_window_;
  AppendWindow idx_window_;
  bool closed_ = false;
  bool leaves_marks_ = false;
  ChunkEnd marked_;
  uint64_t mark_sequence_ = 0;
  bool mark_synced_ = true;
};

}  // namespace range
