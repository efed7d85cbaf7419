// Reading the entries and payloads of a chunk, from memory or through small buffers.
#pragma once

#include <cerrno>
#include <optional>
#include <vector>

#include "journal/chunk/chunk_view.h"
#include "journal/chunk/format.h"
#include "journal/chunk/known_in_memory.h"

namespace range {

// Whether a reader may wait for the disk. At once: what would wait is would_wait().
enum class Waiting { kMayWait, kAtOnce };
inline Error would_wait() { return Error{Errc::kIo, EAGAIN, "would wait"}; }
inline bool would_wait(const Error& error) {
  return error.code == Errc::kIo && error.sys_errno == EAGAIN;
}

// The fragments of a chunk as its index describes them, and whether they are what was appended.
// Nothing it returns is verified but the answer of valid(). What cannot be read is zeros, which no
// check accepts. Of a view that is mapped nothing must be touched without a RegionGuard, nor, at
// once, what this has not given: nothing of a region is touched before the kernel has said that it
// is in memory. Not thread-safe.
class FragmentReader {
 public:
  // `view` must outlive the reader.
  explicit FragmentReader(const ChunkView& view, Waiting waiting = Waiting::kMayWait)
      : view_(view), seed_(chunk_seed(view.header)), waiting_(waiting) {}

  // Encoded entries from the `index`-th on, index < view.end.entries: at least one, and as many as
  // are at hand. Valid until the next call. What lies beyond the end of what was truncated
  // reads as zeros, which no check accepts.
  Result<ConstBytes> entries(uint32_t index);

  // The `index`-th entry.
  Result<FragmentEntry> entry(uint32_t index);

  // Whether nothing is left of an entry: zeros, or what could not be read.
  static bool lost(const FragmentEntry& entry) { return entry == FragmentEntry{}; }

  // Where that fragment begins: the end of the one before it. If that is lost, where the check of
  // this one holds; anywhere if that is nowhere.
  Result<uint64_t> start(uint32_t index);

  // Up to `size` bytes of payload from `offset` on, fewer if it ends there. Valid until the
  // next call.
  Result<ConstBytes> payload(uint64_t offset, size_t size);

  // would_wait() if that payload of a view that is mapped must not be touched.
  Status reach_payload(uint64_t offset, size_t size);

  // True if a fragment can be where its entry says: within the chunk, and not too long.
  bool plausible(uint64_t start, const FragmentEntry& entry) const {
    return entry.end >= start && entry.end <= view_.end.bytes &&
           entry.end - start <= kFragmentBytesMax;
  }

  // True if the check of the entry holds for the payload from `start` to `entry.end`.
  Result<bool> valid(uint32_t index, uint64_t start, const FragmentEntry& entry);
  Result<bool> valid(uint32_t index);

  const ChunkView& view() const { return view_; }
  ChunkSeed seed() const { return seed_; }
  bool at_once() const { return waiting_ == Waiting::kAtOnce; }

  // Reads bytes of the view as read_around() does; at once, from memory.
  Result<size_t> read(ByteSource& source, uint64_t offset, MutableBytes into);

  // The first thing that this reader could not read.
  const std::optional<Error>& unreadable() const { return unreadable_; }
  // Whether entries were among it.
  bool entries_unreadable() const { return entries_unreadable_; }

 private:
  Result<ConstBytes> mapped_entries(uint32_t index);
  Result<uint64_t> find_start(uint32_t index);
  Result<uint64_t> lowest_start(uint32_t index, uint64_t end);

  const ChunkView& view_;
  const ChunkSeed seed_;
  const Waiting waiting_;
  // At once, of a view that is mapped:
  KnownInMemory dat_in_memory_;
  KnownInMemory idx_in_memory_;
  // Of a view that is not mapped:
  uint32_t first_ = 0;  // index of the first of entries_
  std::vector<std::byte> entries_;
  uint64_t payload_at_ = 0;
  std::vector<std::byte> payload_;
  std::optional<Error> unreadable_;
  bool entries_unreadable_ = false;
  // What find_start() found last.
  uint32_t found_index_ = 0;  // 0: nothing yet
  uint64_t found_start_ = 0;
};

}  // namespace range
