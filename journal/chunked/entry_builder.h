// Turning what is appended into index entries.
#pragma once

#include <cstddef>
#include <vector>

#include "journal/chunked/format.h"

namespace range {

// Builds the entries of one append to a chunk. Call add() for each record or part of one, in order,
// then finish(). Holds on to the bytes it was given until then.
class EntryBuilder {
 public:
  // The append goes to where the chunk ends; `ms` is its time since the start of the chunk, at
  // least that of the newest entry. The entries go to `entries`, which must outlive the builder:
  // memory that is used again and again.
  EntryBuilder(ChunkSeed chunk, const ChunkEnd& end, uint64_t ms, std::vector<std::byte>& entries);

  // Adds all of `data`, divided by `framing`. A line without its newline stays open.
  void add_framed(Framing framing, ConstBytes data);

  // Adds one complete record. One that is still open is closed as it is.
  void add_record(ConstBytes record);

  // The encoded entries: what was in `entries` is gone. Call once.
  ConstBytes finish();

  // The length of the longest of the records that were added or continued, in bytes.
  size_t longest_record() const { return longest_; }

  // Where the chunk ends behind what was added.
  const ChunkEnd& end() const { return end_; }

 private:
  void add_part(ConstBytes part, bool complete);
  void add_fragment(ConstBytes fragment, bool open);
  void write_pending();

  ChunkSeed chunk_;
  uint64_t ms_;
  size_t longest_ = 0;
  ChunkEnd end_;
  // The newest fragment, written once it is known whether it is the last of the append.
  struct Pending {
    ConstBytes payload;
    uint32_t index = 0;
    uint64_t start = 0;
    FragmentEntry entry;
  };
  Pending pending_;
  bool has_pending_ = false;
  std::vector<std::byte>& entries_;
};

}  // namespace range
