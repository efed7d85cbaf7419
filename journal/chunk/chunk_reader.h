// Reading one chunk: bytes, records, places. Everything returned was verified.
#pragma once

#include <cstdint>
#include <optional>

#include "journal/chunk/fragment_reader.h"
#include "journal/journal.h"

namespace range {

// A place between two records of a chunk.
struct ChunkPlace {
  uint32_t record = 0;  // of the record that begins here
  uint64_t offset = 0;  // of its first byte
};

// Records of a chunk that are lost for one reason: those from `begin` on, up to but not with `end`.
struct LostRecords {
  uint32_t begin = 0;
  uint32_t end = 0;
  int sys_errno = 0;  // of what could not be read; 0: it was, and is damaged
};

// Says that a record of a chunk, counted from its first, is damaged. `sys_errno` as above.
Error corrupt_record(ChunkId chunk, uint64_t record, int sys_errno);

// Made for one call of a reader; not thread-safe. At once it reads bytes, and no records. Searches
// are binary over the index, and what they find is verified. They step over entries that are lost.
// Where damage has misled a search or hides what it looks for, the whole index of the chunk is
// walked instead, so that everything intact is still found. What cannot be read is damaged;
// kCorrupt has the errno then.
class ChunkReader {
 public:
  // `view` must outlive the reader.
  explicit ChunkReader(const ChunkView& view, Waiting waiting = Waiting::kMayWait)
      : fragments_(view, waiting), guard_(view.dat.get(), view.idx.get()) {}

  // Reads verified bytes from `offset` < end.bytes on: at least one, fewer than asked for before
  // the end or a damaged place. Errors: kCorrupt if the byte at `offset` is damaged; at once,
  // would_wait() in its place, too, since looking for what is left may take long.
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

  // After kCorrupt: the record that was asked for and those around it of which nothing is left in
  // the index, if that is how it was lost.
  const std::optional<LostRecords>& lost() const { return lost_; }

 private:
  struct Fragment {
    uint32_t index = 0;
    uint64_t start = 0;
    uint64_t end = 0;
  };

  // Searching (chunk_search.cc).
  // The place in [0, count] that is as far along as `at` is in [0, total].
  static uint64_t proportional(uint64_t at, uint64_t total, uint64_t count);
  template <typename Predicate>
  Result<uint32_t> first_entry_where(uint64_t guess, const Predicate& holds);
  Result<uint32_t> entry_of_byte(uint64_t offset);
  Result<uint32_t> entry_of_record(uint32_t record);
  Result<uint32_t> first_entry_of(uint32_t record);
  Result<bool> begins_record(uint32_t index, uint32_t record);
  Result<bool> beyond_records_before(uint32_t index, uint32_t record);
  Result<bool> surely_lost(uint32_t index, uint32_t record);
  Result<bool> lost_before(uint32_t index, uint32_t record);
  Status note_lost_around(uint32_t record);
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
  int unreadable_errno() const;
  const ChunkView& view() const { return fragments_.view(); }
  // Whether the entry with the number of a record is its only one.
  bool one_each() const { return view().end.entries == view().end.records; }

  FragmentReader fragments_;
  const RegionGuard guard_;
  std::optional<LostRecords> lost_;
};

}  // namespace range
