// Looking at lengths anywhere in the data of a chunk of the Go project Range: see range_chunk.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "journal/env/env.h"
#include "journal/status.h"

namespace range::exchange {

// Not thread-safe.
class LengthProbe {
 public:
  // Of a .dat of `bytes` bytes; `file` must outlive it.
  LengthProbe(File& file, uint64_t bytes) : file_(&file), bytes_(bytes) {}

  // The number in the `bytes` bytes at `offset`; nothing where they are not in the file, or cannot
  // be read.
  std::optional<uint64_t> number_at(uint64_t offset, size_t bytes);
  // Where a record at `offset` ends; nothing if none can be there.
  std::optional<uint64_t> end_of(uint64_t offset);
  // Whether there are only zeros from `offset` to the end of the file.
  bool zeros_from(uint64_t offset);

  // The first error but EIO of reading; whatever is asked after it has no answer.
  const Status& status() const { return status_; }

 private:
  // What is loaded from `offset` on, `bytes` at least; nothing if that cannot be.
  ConstBytes load(uint64_t offset, size_t bytes);
  bool load_at(uint64_t offset, size_t bytes);

  File* file_;
  uint64_t bytes_;
  std::vector<std::byte> buffer_;
  uint64_t begin_ = 0;  // of buffer_, in the file
  // Between them are zeros, and behind the second is something else, or the end.
  uint64_t zeros_begin_ = 0;
  uint64_t zeros_end_ = 0;
  Status status_;
};

}  // namespace range::exchange
