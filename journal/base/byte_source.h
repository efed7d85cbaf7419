// Bytes that are read by place.
#pragma once

#include <cstdint>
#include <optional>

#include "journal/status.h"
#include "journal/types.h"

namespace range {

// A file, an object, memory. Thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Reads until `into` is full or the source ends; returns the number of bytes.
  virtual Result<size_t> read_at(uint64_t offset, MutableBytes into) = 0;
  // The same, but nothing if it would have to wait for a disk, or if that cannot be known.
  virtual Result<std::optional<size_t>> read_at_once(uint64_t offset, MutableBytes into) = 0;
  // In bytes, now.
  virtual Result<uint64_t> size() = 0;

 protected:
  ByteSource() = default;
};

}  // namespace range
