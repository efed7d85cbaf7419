// Which chunk of a journal holds what.
#pragma once

#include <optional>
#include <vector>

#include "journal/chunk/format.h"
#include "journal/journal.h"

namespace range {

// The chunks of a journal in order. Each begins where its predecessor ends (unless one in between
// was lost), so all but the last are described by their headers. Not thread-safe.
class ChunkTable {
 public:
  bool empty() const { return chunks_.empty(); }
  size_t size() const { return chunks_.size(); }
  const ChunkHeader& header(size_t i) const { return chunks_[i]; }

  // Takes away the first `count` chunks, of which there must be more.
  void drop_front(size_t count);

  // Adds a chunk behind the others. It ends where set_end() says.
  void push_back(const ChunkHeader& header);
  // Where the last chunk ends. The chunk must not become shorter.
  void set_end(const ChunkEnd& end);
  const ChunkEnd& end_of_last() const { return end_; }

  // How far chunk `i` goes. `entries` is 0 for all but the last: the index file tells.
  ChunkEnd end_of(size_t i) const;

  Location begin() const;
  Location end() const;
  // The end of chunk `i`, or rather, if there is one behind it, where that begins.
  Location place(size_t i, uint32_t record, uint64_t offset) const;

  // The chunk that holds a byte or a record; the last one for what is behind the end, the first for
  // what is before the beginning. Only if the table is not empty.
  size_t chunk_of(ByteOffset offset) const;
  size_t chunk_of(RecordNumber record) const;
  size_t chunk_of(Time time) const;
  std::optional<size_t> find(ChunkId chunk) const;

  // Of the newest record, whether it is still there or not; Time() if there never was one.
  Time time_of_end() const;

 private:
  std::vector<ChunkHeader> chunks_;
  ChunkEnd end_;
};

}  // namespace range
