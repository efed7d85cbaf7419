// A chunk as one reader sees it.
#pragma once

#include <memory>

#include "journal/base/byte_source.h"
#include "journal/base/region.h"
#include "journal/chunk/format.h"

namespace range {

// The bytes of a chunk, see format.h, wherever they are. Owned by everybody who reads it.
class ChunkBytes {
 public:
  virtual ~ChunkBytes() = default;
  ChunkBytes(const ChunkBytes&) = delete;
  ChunkBytes& operator=(const ChunkBytes&) = delete;

  virtual ByteSource& payload() = 0;
  virtual ByteSource& index() = 0;

 protected:
  ChunkBytes() = default;
};

// What a chunk holds up to `end`, whatever is appended meanwhile.
struct ChunkView {
  std::shared_ptr<ChunkBytes> bytes;  // null: it is mapped
  ChunkHeader header;
  ChunkEnd end;
  // Payload and index up to `end` in memory, or neither.
  std::shared_ptr<Region> dat{};
  std::shared_ptr<Region> idx{};

  bool mapped() const { return dat != nullptr; }
  // What was read from memory may not be what is stored.
  bool failed() const { return mapped() && (dat->failed() || idx->failed()); }
};

}  // namespace range
