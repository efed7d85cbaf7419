// A chunk in memory: what the room journal/chunk/ needs of a storage, and no more.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/chunk/chunk_view.h"
#include "journal/chunk/entry_builder.h"

namespace range {

class MemoryBytes final : public ByteSource {
 public:
  Result<size_t> read_at(uint64_t offset, MutableBytes into) override {
    ++reads;
    const size_t from = std::min<size_t>(offset, bytes.size());
    const size_t count = std::min(into.size(), bytes.size() - from);
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(from), count, into.begin());
    return count;
  }
  Result<std::optional<size_t>> read_at_once(uint64_t offset, MutableBytes into) override {
    return std::optional(*read_at(offset, into));
  }
  Result<uint64_t> size() override { return uint64_t{bytes.size()}; }

  void write(uint64_t at, ConstBytes what) {
    bytes.resize(std::max<size_t>(bytes.size(), at + what.size()));
    std::copy(what.begin(), what.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
  }

  std::vector<std::byte> bytes;
  size_t reads = 0;
};

class MemoryChunk final : public ChunkBytes {
 public:
  explicit MemoryChunk(const ChunkHeader& header) : header_(header) {
    for (const uint64_t at : kHeaderAt) index_.write(at, encode(header));
  }

  ByteSource& payload() override { return payload_; }
  ByteSource& index() override { return index_; }
  MemoryBytes& payload_bytes() { return payload_; }
  MemoryBytes& index_bytes() { return index_; }

  // One append, `ms` after the start of the chunk.
  void append(std::string_view data, uint64_t ms = 0) {
    std::vector<EntryBytes> entries;
    EntryBuilder builder(chunk_seed(header_), end_, ms, entries);
    builder.add_framed(header_.framing, as_bytes(data));
    payload_.write(end_.bytes, as_bytes(data));
    index_.write(end_of_entries(end_.entries), builder.entries());
    end_ = builder.end();
  }

  // That all of it is synced.
  void mark(bool sealed) {
    const Mark mark{.sequence = 1, .end = end_, .sealed = sealed, .boot_id = header_.boot_id};
    for (const uint64_t at : kMarkAt) index_.write(at, encode(mark, header_.chunk));
  }

  const ChunkHeader& header() const { return header_; }
  const ChunkEnd& end() const { return end_; }

 private:
  const ChunkHeader header_;
  ChunkEnd end_;
  MemoryBytes payload_;
  MemoryBytes index_;
};

inline ChunkView view_of(const std::shared_ptr<MemoryChunk>& chunk) {
  return {.bytes = chunk, .header = chunk->header(), .end = chunk->end()};
}

}  // namespace range
