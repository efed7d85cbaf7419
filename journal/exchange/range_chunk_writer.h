// Writing the files of a chunk of the Go project Range: see range_chunk.h.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "journal/env/env.h"
#include "journal/status.h"
#include "journal/types.h"

namespace range::exchange {

// Collects bytes and writes them to a new file in large pieces.
class NewFile {
 public:
  // Errors: kExists, kNoSpace and kIo.
  static Result<NewFile> create(Env& env, const Path& path);
  Status append(ConstBytes bytes);
  // Writes what is left and makes the contents, not the name, survive power loss.
  Status finish();
  uint64_t bytes() const { return written_ + buffer_.size(); }

 private:
  explicit NewFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Status flush();

  std::unique_ptr<File> file_;
  uint64_t written_ = 0;
  std::vector<std::byte> buffer_;
};

// Writes a chunk. Not thread-safe.
class RangeChunkWriter {
 public:
  // Creates the .dat and the .idx in `directory`. Errors: kExists, kNoSpace and kIo.
  static Result<RangeChunkWriter> create(Env& env, const Path& directory, ChunkId id);

  // Appends a record of less than 4 GiB. Errors: kTooLarge, kNoSpace and kIo.
  Status append(ConstBytes record);
  // Must be the last call: then the contents, not the names, survive power loss.
  Status finish();

 private:
  RangeChunkWriter(NewFile data, NewFile index)
      : data_(std::move(data)), index_(std::move(index)) {}

  NewFile data_;
  NewFile index_;
};

}  // namespace range::exchange
