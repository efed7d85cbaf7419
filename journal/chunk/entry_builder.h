// Turning what is appended into index entries.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "journal/chunk/format.h"

namespace range {

// Builds the entries of one append to a chunk: construct it, then call one of the add functions.
class EntryBuilder {
 public:
  // The append goes to where the chunk ends; `ms` is its time since the start of the chunk, at
  // least that of the newest entry. The entries replace what is in `entries`, which must outlive
  // the builder: memory that is used again and again.
  EntryBuilder(ChunkSeed chunk, const ChunkEnd& end, uint64_t ms, std::vector<EntryBytes>& entries);

  // Adds `data`, divided by `framing`. A line without its newline stays open.
  void add_framed(Framing framing, ConstBytes data);

  // Adds complete records. One that is still open is closed as it is.
  void add_records(std::span<const ConstBytes> records);

  ConstBytes entries() const { return std::as_bytes(std::span(entries_)); }

  // The length of the longest of the records that were added or continued, in bytes.
  size_t longest_record() const { return longest_; }

  // Where the chunk ends behind what was added.
  const ChunkEnd& end() const { return end_; }

 private:
  void add_part(ConstBytes part, bool complete, bool last);
  void add_fragments(ConstBytes part, bool complete, bool last);
  void add_fragment(ConstBytes fragment, bool open, bool last);

  ChunkSeed chunk_;
  uint64_t ms_;
  size_t longest_ = 0;
  ChunkEnd end_;
  std::vector<EntryBytes>& entries_;
};

}  // namespace range
