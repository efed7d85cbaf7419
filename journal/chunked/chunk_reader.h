// Reading one chunk: bytes, records, places. Everything returned was verified.
#pragma once

#include <cstdint>
#include <optional>

#include "journal/chunked/fragment_reader.h"
#include "journal/journal.h"

namespace range {

// A place between two records of a chunk.
struct ChunkPlace {
  uint32_t record = 0;  // of the record that begins here
  uint64_t offset = 0;  // of its first byte
};

// Made for one call of a reader; not thread-safe. Searches are binary over the index, and what they
// find is verified. They step over entries that are lost. Where damage has misled a search or hides
// what it looks for, the whole index of the chunk is walked instead, so that everything intact is
// still found. What cannot be read is damaged; kCorrupt has the errno then.
class ChunkReader {
 public:
  // `view` must outlive the reader.
  explicit ChunkReader(const ChunkView& view)
      : fragments_(view), guard_(view.dat.get(), view.idx.get()) {}

  // Reads verified bytes from `offset` < end.bytes on: at least one, fewer than asked for before
  // the end or a damaged place. Errors: kCorrupt if the byte at `offset` is damaged.
  Result<size_t> read(uint64_t offset, MutableBytes into);

  // Where `record` <= end.records begins. Errors: kCorrupt.
  Result<ChunkPlace> place_of_record(uint32_t record);

  // Where the record begins that holds the byte at `offset` < end.bytes. Errors: kCorrupt.
  Result<ChunkPlace> place_of_byte(uint64_t offset);

  // The first record whose time is at least `ms` since the start of the chunk; the end if there is
  // none.
  Result<ChunkPlace> place_at_time(uint64_t ms);

  // Reads complete records from `record` on into `batch`, but not its `first` and `source`: up to
  // the limits, the end of the chunk or a damaged record. What a mapped view has stays where it is.
  // Errors: kCorrupt if `record` itself is damaged.
  Status read_records(uint32_t record, size_t records_max, size_t bytes_max, RecordBatch& batch);

 private:
  struct Fragment {
    uint32_t index = 0;
    uint64_t start = 0;
    uint64_t end = 0;
  };

  template <typename Predicate>
  Result<uint32_t> first_entry_where(uint64_t guess, const Predicate& holds);
  Result<uint32_t> entry_of_byte(uint64_t offset);
  Result<uint32_t> entry_of_record(uint32_t record);
  Result<uint32_t> first_entry_of(uint32_t record);
  Result<bool> begins_record(uint32_t index, uint32_t record);
  Result<bool> beyond_records_before(uint32_t index, uint32_t record);
  Result<bool> surely_lost(uint32_t index, uint32_t record);
  Result<bool> trusted(uint32_t index);
  Result<bool> holds_byte(uint32_t index, uint64_t offset);

  Result<size_t> copy(uint64_t offset, MutableBytes into);
  Result<size_t> verify_prefix(uint64_t offset, MutableBytes bytes);
  Result<bool> verify_in(const Fragment& fragment, const FragmentEntry& entry, uint64_t offset,
                         MutableBytes bytes);
  Status copy_part(const Fragment& fragment, uint64_t offset, MutableBytes bytes);
  Result<std::optional<Fragment>> rescue_byte(uint64_t offset);
  Result<std::optional<Fragment>> rescue_pair(uint32_t index, uint64_t offset);
  Result<uint32_t> rescue_record(uint32_t record);
  Result<ChunkPlace> rescue_time(uint64_t ms);
  // A record while it is read, fragment by fragment.
  struct Walk {
    uint32_t record = 0;
    uint32_t index = 0;  // of its first entry that was not taken yet
    uint64_t start = 0;  // of that entry
  };
  Result<Walk> walk_from(uint32_t record);
  Result<bool> take_record(Walk& walk, RecordBatch& batch);
  Result<bool> take_run(uint32_t record, size_t records_max, size_t bytes_max, RecordBatch& batch);

  Error corrupt_byte(uint64_t offset);
  Error corrupt(uint32_t record) const;
  const ChunkView& view() const { return fragments_.view(); }
  // Whether the entry with the number of a record is its only one.
  bool one_each() const { return view().end.entries == view().end.records; }

  FragmentReader fragments_;
  const RegionGuard guard_;
};

}  // namespace range
