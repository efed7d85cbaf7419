// Reading the entries and payloads of a chunk through small buffers.
#pragma once

#include <memory>
#include <vector>

#include "journal/chunked/chunk_files.h"
#include "journal/chunked/format.h"

namespace range {

// A chunk as one reader sees it: what it holds up to `end`, whatever is appended meanwhile.
struct ChunkView {
  std::shared_ptr<ChunkFiles> files;
  ChunkHeader header;
  ChunkEnd end;
};

// The fragments of a chunk as its index describes them, and whether they are what was appended.
// Nothing it returns is verified but the answer of valid(). Not thread-safe.
class FragmentReader {
 public:
  // `view` must outlive the reader.
  explicit FragmentReader(const ChunkView& view) : view_(view) {}

  // The `index`-th entry, index < view.end.entries. One that lies beyond the end of a file that was
  // truncated reads as zeros, which no check accepts.
  Result<FragmentEntry> entry(uint32_t index);

  // Where that fragment begins: the end of the one before it.
  Result<uint64_t> start(uint32_t index);

  // Up to `size` bytes of payload from `offset` on, fewer if the file ends there. Valid until the
  // next call.
  Result<ConstBytes> payload(uint64_t offset, size_t size);

  // True if a fragment can be where its entry says: within the chunk, and not too long.
  bool plausible(uint64_t start, const FragmentEntry& entry) const;

  // True if the check of the entry holds for the payload from `start` to `entry.end`.
  Result<bool> valid(uint32_t index, uint64_t start, const FragmentEntry& entry);
  Result<bool> valid(uint32_t index);

  const ChunkView& view() const { return view_; }

 private:
  const ChunkView& view_;
  uint32_t first_ = 0;  // index of entries_[0]
  std::vector<FragmentEntry> entries_;
  uint64_t payload_at_ = 0;
  std::vector<std::byte> payload_;
};

}  // namespace range
