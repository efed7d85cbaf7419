// The files of a chunk of the Go project Range. All numbers are big-endian; there are no checksums.
//
//   .dat   a record after the other: u32 bytes of payload, payload
//   .idx   of each record u64: the offset of its length in the .dat
//
// The .dat alone says which records there are. The index may lag behind it, and is not read for
// anything but to say so if it is wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "journal/chunked/env.h"
#include "journal/exchange/range_directory.h"
#include "journal/status.h"
#include "journal/types.h"

namespace range::exchange {

// What the records of a chunk end in.
enum class ChunkEnd {
  kWhole,         // the end of the file
  kTornLength,    // fewer than 4 bytes: an append that was interrupted
  kBeyondFile,    // a length beyond the end of the file: an interrupted append, or damage
  kRecordTooLong  // a record above kAppendBytesMax: damage
};

// Reads a chunk once, from its beginning to its end, in memory for a few MiB or one record. What is
// appended meanwhile is not read. Not thread-safe.
class RangeChunkReader {
 public:
  // Errors: kNotFound and kIo.
  static Result<RangeChunkReader> open(const Path& data);

  // The next records: some thousand, or a few MiB, but one at least; none at the end. Valid until
  // the next call. Errors: kIo.
  Result<std::span<const ConstBytes>> next();

  // Where the length of the first of those records is, in bytes from the beginning of the file.
  uint64_t first_offset() const { return first_offset_; }
  // Where the records read so far end.
  uint64_t offset() const { return at_; }
  // After next() has returned none: why, and how many bytes there are behind the last record.
  ChunkEnd end() const { return end_; }
  uint64_t bytes_left() const { return bytes_ - at_; }

 private:
  RangeChunkReader(std::unique_ptr<File> file, uint64_t bytes)
      : file_(std::move(file)), bytes_(bytes) {}

  Status load(uint64_t bytes);
  void divide();
  // How many bytes from at_ on have to be loaded for a record; nothing where there is none.
  std::optional<uint64_t> wanted();

  std::unique_ptr<File> file_;
  uint64_t bytes_ = 0;  // of the file
  uint64_t first_offset_ = 0;
  uint64_t at_ = 0;
  ChunkEnd end_ = ChunkEnd::kWhole;
  std::vector<std::byte> buffer_;  // loaded from at_ on
  std::vector<ConstBytes> records_;
};

// Compares an index with the records of its chunk. Not thread-safe.
class RangeIndexCheck {
 public:
  // An index that cannot be opened is as good as one that lags behind.
  explicit RangeIndexCheck(const Path& index);

  // Takes the next records, the first of which begins at `offset`.
  void add(uint64_t offset, std::span<const ConstBytes> records);

  // After all records, which end at `offset`: whether an entry is wrong, or there are more than
  // records. One for a torn record behind them is right.
  bool wrong(uint64_t offset);

 private:
  // Moves to the next entry; nothing at the end.
  std::optional<uint64_t> next();

  std::unique_ptr<File> file_;
  uint64_t loaded_end_ = 0;  // in the file
  std::vector<std::byte> buffer_;
  size_t at_ = 0;  // in the buffer
  bool wrong_ = false;
};

// Collects bytes and writes them to a new file in large pieces.
class NewFile {
 public:
  // Errors: kExists, kNoSpace and kIo.
  static Result<NewFile> create(const Path& path);
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
  static Result<RangeChunkWriter> create(const Path& directory, ChunkId id);

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
