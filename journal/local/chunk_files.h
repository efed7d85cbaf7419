// The two open files of a chunk, and a bounded cache of them.
#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>

#include "journal/base/mutex.h"
#include "journal/chunk/chunk_view.h"
#include "journal/chunk/format.h"
#include "journal/env/env.h"

namespace range {

// The beginning of a file in memory, for its readers. Thread-safe.
class ReadMapping {
 public:
  // At least the first `bytes` of `file`; null where they cannot be mapped, as when the process has
  // no mapping left.
  std::shared_ptr<Region> cover(File& file, uint64_t bytes);
  // What covers so much already, null if nothing does.
  std::shared_ptr<Region> covering(uint64_t bytes) const;
  // Whether there is one that nobody has in use.
  bool unused() const;

 private:
  std::shared_ptr<Region> covering_locked(uint64_t bytes) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::shared_ptr<Region> region_ GUARDED_BY(mutex_);
};

// Shared by the writer of a chunk and its readers; closed with the last reference. A dirty chunk's
// writer keeps its reference until a sync has succeeded, because the kernel reports a failed
// writeback only to descriptors that were open then.
struct ChunkFiles final : ChunkBytes {
  ByteSource& payload() override { return *dat; }
  ByteSource& index() override { return *idx; }

  // File::sync_data() of `idx`, which an append and a trim may have to call while a sync is under
  // way. Once it has failed it always does: the kernel tells one caller only of a failure, and the
  // bytes of all of them may be lost.
  Status sync_idx();

  std::unique_ptr<File> dat;
  std::unique_ptr<File> idx;
  // count_slots() of a chunk that takes no more appends, once known
  std::atomic<uint32_t> slots = 0;
  std::atomic<bool> searched = false;
  ReadMapping dat_mapping{};
  ReadMapping idx_mapping{};

 private:
  Mutex syncing_idx_;
  Status idx_synced_ GUARDED_BY(syncing_idx_);
};

// How many of the descriptors that a process may have are for chunks: three quarters, but not so
// many that the mappings of these chunks, up to four each, could take more than three quarters of
// the 65,530 that Linux lets a process have by default. Without any left malloc(3) fails, too.
size_t descriptors_for_chunks(size_t allowed);

// Keeps the chunks used last open, no more than a given number unless more are in use at once.
// Thread-safe.
class ChunkFileCache {
 public:
  // Each chunk costs two descriptors. At least one chunk is kept open.
  ChunkFileCache(Env& env, size_t descriptors_max, bool read_only);

  // The files of a chunk in `directory`, opened if they are not. Errors: those of Env::open().
  Result<std::shared_ptr<ChunkFiles>> open(const Path& directory, JournalId journal, ChunkId chunk);
  // Those of a chunk that is open, else null.
  std::shared_ptr<ChunkFiles> find(JournalId journal, ChunkId chunk);

  // Takes in files that were just created.
  std::shared_ptr<ChunkFiles> insert(JournalId journal, ChunkId chunk,
                                     std::shared_ptr<ChunkFiles> files);

  // Forgets a chunk that was renamed or removed; whoever uses it may go on.
  void erase(JournalId journal, ChunkId chunk);

  // Forgets all chunks of a journal that is removed.
  void erase(JournalId journal);

  // Closes chunks that nobody uses and nobody has asked for since the last call.
  void close_idle();

  // Closes a few of the chunks that are mapped and that nobody uses, those used longest ago, for
  // their mappings. Returns whether there was any. Looks for them no more often than pays.
  bool unmap_unused();

  // True if more chunks are in use than may be kept open: time to sync, which lets go of them.
  bool overfull();

 private:
  struct Slot {
    JournalId journal;
    ChunkId chunk;
    std::shared_ptr<ChunkFiles> files;
    bool asked_for = true;  // since the last close_idle()
  };
  using Slots = std::list<Slot>;  // used last first

  Slots::iterator find_locked(JournalId journal, ChunkId chunk) REQUIRES(mutex_);
  std::shared_ptr<ChunkFiles> insert_locked(JournalId journal, ChunkId chunk,
                                            std::shared_ptr<ChunkFiles> files) REQUIRES(mutex_);
  void take_locked(Slots::iterator slot, Slots& to) REQUIRES(mutex_);
  void shrink_locked() REQUIRES(mutex_);

  Env& env_;
  const size_t chunks_max_;
  const bool read_only_;
  Mutex mutex_;
  Slots slots_ GUARDED_BY(mutex_);
  std::atomic<size_t> open_chunks_ = 0;  // slots_.size()
  // After unmap_unused() has looked at so many in vain it does nothing as many times.
  size_t fruitless_ GUARDED_BY(mutex_) = 0;
  // By journal, so that one that is removed costs no more than what it has open.
  std::unordered_map<uint64_t, std::map<ChunkId, Slots::iterator>> by_journal_ GUARDED_BY(mutex_);
};

}  // namespace range
