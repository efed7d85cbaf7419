#include "journal/local/chunk_files.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "journal/base/result_macros.h"

namespace range {

std::shared_ptr<Region> ReadMapping::cover(File& file, uint64_t bytes) {
  if (auto region = covering(bytes)) return region;
  // Twice as much: the file may grow, and only address space is taken up. Without the lock: the
  // kernel may let this wait for all other mappings of the process.
  const uint64_t size = (bytes * 2 + page_bytes()) / page_bytes() * page_bytes();
  auto mapped = file.map(0, size, File::Access::kRead);
  if (!mapped) return nullptr;
  std::shared_ptr<Region> region = *std::move(mapped);
  MutexLock lock(mutex_);
  if (auto other = covering_locked(bytes)) return other;
  region_.swap(region);  // what was there goes when the lock has gone
  return region_;
}

std::shared_ptr<Region> ReadMapping::covering(uint64_t bytes) const {
  MutexLock lock(mutex_);
  return covering_locked(bytes);
}

std::shared_ptr<Region> ReadMapping::covering_locked(uint64_t bytes) const {
  const bool covers = region_ && region_->bytes().size() >= bytes && !region_->failed();
  return covers ? region_ : nullptr;
}

bool ReadMapping::unused() const {
  MutexLock lock(mutex_);
  return region_ && region_.use_count() == 1;
}

Status ChunkFiles::sync_idx() {
  MutexLock lock(syncing_idx_);
  if (idx_synced_) idx_synced_ = idx->sync_data();
  return idx_synced_;
}

size_t descriptors_for_chunks(size_t allowed) {
  constexpr size_t kUsefulMax = 32'000;
  return std::min(allowed, kUsefulMax) / 4 * 3;
}

ChunkFileCache::ChunkFileCache(Env& env, size_t descriptors_max, bool read_only)
    : env_(env), chunks_max_(std::max<size_t>(descriptors_max / 2, 1)), read_only_(read_only) {}

std::shared_ptr<ChunkFiles> ChunkFileCache::find(JournalId journal, ChunkId chunk) {
  MutexLock lock(mutex_);
  const auto found = find_locked(journal, chunk);
  if (found == slots_.end()) return nullptr;
  slots_.splice(slots_.begin(), slots_, found);
  found->asked_for = true;
  return found->files;
}

Result<std::shared_ptr<ChunkFiles>> ChunkFileCache::open(const Path& directory, JournalId journal,
                                                         ChunkId chunk) {
  if (auto known = find(journal, chunk)) return known;
  const auto mode = read_only_ ? Env::OpenMode::kRead : Env::OpenMode::kReadWrite;
  auto files = std::make_shared<ChunkFiles>();
  ASSIGN_OR_RETURN(files->dat, env_.open(directory / chunk_file_name(chunk, ".dat"), mode));
  ASSIGN_OR_RETURN(files->idx, env_.open(directory / chunk_file_name(chunk, ".idx"), mode));
  MutexLock lock(mutex_);
  return insert_locked(journal, chunk, std::move(files));
}

std::shared_ptr<ChunkFiles> ChunkFileCache::insert(JournalId journal, ChunkId chunk,
                                                   std::shared_ptr<ChunkFiles> files) {
  MutexLock lock(mutex_);
  return insert_locked(journal, chunk, std::move(files));
}

void ChunkFileCache::erase(JournalId journal, ChunkId chunk) {
  Slots erased;  // closed without the lock
  MutexLock lock(mutex_);
  const auto found = find_locked(journal, chunk);
  if (found != slots_.end()) take_locked(found, erased);
}

void ChunkFileCache::erase(JournalId journal) {
  Slots erased;  // closed without the lock
  MutexLock lock(mutex_);
  const auto found = by_journal_.find(journal.value());
  if (found == by_journal_.end()) return;
  for (const auto& [chunk, slot] : found->second) erased.splice(erased.end(), slots_, slot);
  by_journal_.erase(found);
  open_chunks_ = slots_.size();
}

void ChunkFileCache::close_idle() {
  Slots idle;  // closed without the lock
  MutexLock lock(mutex_);
  for (auto slot = slots_.begin(); slot != slots_.end();) {
    const auto next = std::next(slot);
    if (!std::exchange(slot->asked_for, false) && slot->files.use_count() == 1) {
      take_locked(slot, idle);
    }
    slot = next;
  }
}

bool ChunkFileCache::unmap_unused() {
  constexpr size_t kEnough = 16;
  Slots unused;  // closed without the lock
  MutexLock lock(mutex_);
  if (fruitless_ > 0) {
    --fruitless_;
    return false;
  }
  size_t looked_at = 0;
  for (auto next = slots_.end(); next != slots_.begin() && unused.size() < kEnough; ++looked_at) {
    const auto slot = std::prev(next);
    const bool mapped = slot->files->dat_mapping.unused() || slot->files->idx_mapping.unused();
    if (mapped && slot->files.use_count() == 1) {
      take_locked(slot, unused);
    } else {
      next = slot;
    }
  }
  if (unused.empty()) fruitless_ = looked_at;
  return !unused.empty();
}

bool ChunkFileCache::overfull() {
  if (open_chunks_.load(std::memory_order_relaxed) <= chunks_max_) return false;
  MutexLock lock(mutex_);
  if (slots_.size() <= chunks_max_) return false;
  shrink_locked();
  return slots_.size() > chunks_max_;
}

ChunkFileCache::Slots::iterator ChunkFileCache::find_locked(JournalId journal, ChunkId chunk) {
  const auto chunks = by_journal_.find(journal.value());
  if (chunks == by_journal_.end()) return slots_.end();
  const auto found = chunks->second.find(chunk);
  return found == chunks->second.end() ? slots_.end() : found->second;
}

// Two threads may have opened the same chunk at the same time: the first one's files are kept.
std::shared_ptr<ChunkFiles> ChunkFileCache::insert_locked(JournalId journal, ChunkId chunk,
                                                          std::shared_ptr<ChunkFiles> files) {
  const auto known = find_locked(journal, chunk);
  if (known != slots_.end()) return known->files;
  slots_.push_front({journal, chunk, files});
  by_journal_[journal.value()].emplace(chunk, slots_.begin());
  shrink_locked();
  return files;
}

void ChunkFileCache::take_locked(Slots::iterator slot, Slots& to) {
  const auto chunks = by_journal_.find(slot->journal.value());
  chunks->second.erase(slot->chunk);
  if (chunks->second.empty()) by_journal_.erase(chunks);
  to.splice(to.end(), slots_, slot);
  open_chunks_ = slots_.size();
}

// Closes chunks that nobody uses, the longest unused first. Those in use get another round; with
// nearly all in use it gives up after a few rather than look at every one each time.
void ChunkFileCache::shrink_locked() {
  constexpr int kTriesMax = 16;
  Slots closed;
  for (int tries = 0; slots_.size() > chunks_max_ && tries < kTriesMax; ++tries) {
    const auto last = std::prev(slots_.end());
    if (last->files.use_count() > 1) {
      slots_.splice(slots_.begin(), slots_, last);
    } else {
      take_locked(last, closed);
    }
  }
  open_chunks_ = slots_.size();
}

}  // namespace range
