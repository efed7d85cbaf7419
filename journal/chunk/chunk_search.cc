// The part of ChunkReader that searches in the index.

#include <algorithm>

#include "journal/base/result_macros.h"
#include "journal/chunk/chunk_reader.h"

namespace range {

uint64_t ChunkReader::proportional(uint64_t at, uint64_t total, uint64_t count) {
  return total == 0 ? 0
                    : static_cast<uint64_t>(static_cast<double>(at) / static_cast<double>(total) *
                                            static_cast<double>(count));
}

// The first entry for which `holds`, which must be false for all before and true for all behind it;
// end.entries if there is none. If damaged entries break that, still one that holds behind one that
// does not. Lost entries are passed over: if any is before the result, that may be too late.
// Records are about the same size, so the search begins at `guess` and widens from there.
template <typename Predicate>
Result<uint32_t> ChunkReader::first_entry_where(uint64_t guess, const Predicate& holds) {
  constexpr uint64_t kGrowth = 8;
  uint32_t low = 0;
  uint32_t high = view().end.entries;
  uint32_t found = high;
  uint64_t step = 32;
  while (low < high) {
    // Ever longer steps from the guess until they would leave what remains, then halves of that.
    const bool stepping = step <= high - low;
    const auto middle = static_cast<uint32_t>(stepping ? std::clamp<uint64_t>(guess, low, high - 1)
                                                       : low + (high - low) / 2);
    uint32_t probe = middle;
    ASSIGN_OR_RETURN(FragmentEntry entry, fragments_.entry(probe));
    while (FragmentReader::lost(entry) && ++probe < high) {
      ASSIGN_OR_RETURN(entry, fragments_.entry(probe));
    }
    const bool before = probe == high || holds(entry);  // also if nothing between says anything
    if (before && probe < high) found = probe;
    if (before) {
      high = middle;
      guess = middle - std::min<uint64_t>(middle, step);
    } else {
      low = probe + 1;
      guess = low + step;
    }
    if (stepping) step *= kGrowth;
  }
  return found;
}

Result<uint32_t> ChunkReader::entry_of_byte(uint64_t offset) {
  return first_entry_where(proportional(offset, view().end.bytes, view().end.entries),
                           [&](const FragmentEntry& entry) { return entry.end > offset; });
}

Result<uint32_t> ChunkReader::entry_of_record(uint32_t record) {
  if (one_each()) return record;
  return first_entry_where(proportional(record, view().end.records, view().end.entries),
                           [&](const FragmentEntry& entry) { return entry.record >= record; });
}

// True if it is certain that the `index`-th entry begins `record`, also when that entry itself is
// damaged.
Result<bool> ChunkReader::begins_record(uint32_t index, uint32_t record) {
  if (index == 0) return record == 0;
  ASSIGN_OR_RETURN(const FragmentEntry before, fragments_.entry(index - 1));
  ASSIGN_OR_RETURN(const bool before_valid, fragments_.valid(index - 1));
  const bool ends_there = before.record + 1 == record && !before.open;
  if (before_valid && ends_there) return true;
  ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
  if (entry.record != record) return false;
  ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index));
  if (!valid || before_valid) return valid && before.record + 1 == record;
  // For an entry that is the first part of `record` to look like the end of the one before, two of
  // its bytes would have to be damaged in just that way.
  if (ends_there && !FragmentReader::lost(before)) return true;
  return beyond_records_before(index, record);
}

// True if no entry before the `index`-th can be part of `record`, even where they are damaged: the
// record index grows by at most one with each.
Result<bool> ChunkReader::beyond_records_before(uint32_t index, uint32_t record) {
  for (uint32_t i = index; i-- > 0;) {
    ASSIGN_OR_RETURN(const bool valid, fragments_.valid(i));
    if (!valid) continue;
    ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(i));
    return entry.record + (index - 1 - i) < record;
  }
  return index - 1 < record;
}

// True if the `index`-th entry, to which a search for `record` led and which does not certainly
// begin it, or lost entries before that are all that could: then it is not looked for anywhere
// else. So the records of a page of payload cost no walk of the whole chunk each.
Result<bool> ChunkReader::surely_lost(uint32_t index, uint32_t record) {
  // What is found in a mapping that fails will be thrown away.
  if (view().failed()) return true;
  if (index < view().end.entries) {
    ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
    // One entry after the other, the record index grows by at most one.
    if (one_each()) {
      const bool lost = FragmentReader::lost(entry);
      if (lost) RETURN_IF_ERROR(note_lost_around(record));
      return lost || entry.record == record;
    }
    if (index > 0 && entry.record == record) {
      ASSIGN_OR_RETURN(const FragmentEntry before, fragments_.entry(index - 1));
      // To mislead a search to where two entries agree, both would have to be damaged.
      const bool ends_there = before.record + 1 == record && !before.open;
      if (ends_there && !FragmentReader::lost(before)) return true;
    }
    ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index));
    if (!valid || entry.record < record) return false;
  }
  return lost_before(index, record);
}

// Of a chunk whose records have one entry each: notes the run of lost ones that `record` is in.
Status ChunkReader::note_lost_around(uint32_t record) {
  LostRecords run{record, record + 1, 0};
  for (; run.end < view().end.entries; ++run.end) {
    ASSIGN_OR_RETURN(const FragmentEntry behind, fragments_.entry(run.end));
    if (!FragmentReader::lost(behind)) break;
  }
  for (; run.begin > 0; --run.begin) {
    ASSIGN_OR_RETURN(const FragmentEntry before, fragments_.entry(run.begin - 1));
    if (!FragmentReader::lost(before)) break;
  }
  run.sys_errno = unreadable_errno();
  lost_ = run;
  return {};
}

// True if all entries of `record` are certainly among the lost ones before the `index`-th, which is
// intact and no part of an earlier record, or the end.
Result<bool> ChunkReader::lost_before(uint32_t index, uint32_t record) {
  LostRecords run{0, view().end.records, 0};
  if (index < view().end.entries) {
    ASSIGN_OR_RETURN(const FragmentEntry behind, fragments_.entry(index));
    run.end = std::max(behind.record, record + 1);
  }
  uint32_t first = index;
  for (; first > 0; --first) {
    ASSIGN_OR_RETURN(const FragmentEntry before, fragments_.entry(first - 1));
    if (!FragmentReader::lost(before)) break;
  }
  if (first == index) return false;
  if (first > 0) {
    ASSIGN_OR_RETURN(const FragmentEntry before, fragments_.entry(first - 1));
    if (before.record >= record) return false;
    ASSIGN_OR_RETURN(const bool valid, fragments_.valid(first - 1));
    if (!valid) return false;
    run.begin = before.record + 1;
  }
  run.sys_errno = unreadable_errno();
  lost_ = run;
  return true;
}

// True if neither an entry nor its predecessor is damaged: a search that ended here was not misled.
Result<bool> ChunkReader::trusted(uint32_t index) {
  if (index > 0) {
    ASSIGN_OR_RETURN(const bool before_valid, fragments_.valid(index - 1));
    if (!before_valid) return false;
  }
  return index == view().end.entries ? Result<bool>(true) : fragments_.valid(index);
}

// The entry that certainly begins `record` < end.records.
Result<uint32_t> ChunkReader::first_entry_of(uint32_t record) {
  ASSIGN_OR_RETURN(const uint32_t index, entry_of_record(record));
  if (index < view().end.entries) {
    ASSIGN_OR_RETURN(const bool found, begins_record(index, record));
    if (found) return index;
  }
  ASSIGN_OR_RETURN(const bool lost, surely_lost(index, record));
  if (lost) return corrupt(record);
  return rescue_record(record);
}

Result<ChunkPlace> ChunkReader::place_of_record(uint32_t record) {
  if (record == view().end.records) return ChunkPlace{record, view().end.bytes};
  ASSIGN_OR_RETURN(const uint32_t index, first_entry_of(record));
  ASSIGN_OR_RETURN(const uint64_t start, fragments_.start(index));
  return ChunkPlace{record, start};
}

// True if the byte at `offset` is part of the `index`-th fragment, and that is intact.
Result<bool> ChunkReader::holds_byte(uint32_t index, uint64_t offset) {
  if (index == view().end.entries) return false;
  ASSIGN_OR_RETURN(const uint64_t start, fragments_.start(index));
  if (start > offset) return false;
  return fragments_.valid(index);
}

Result<ChunkPlace> ChunkReader::place_of_byte(uint64_t offset) {
  ASSIGN_OR_RETURN(uint32_t index, entry_of_byte(offset));
  ASSIGN_OR_RETURN(const bool found, holds_byte(index, offset));
  if (!found) {
    ASSIGN_OR_RETURN(const std::optional<Fragment> rescued, rescue_byte(offset));
    if (!rescued) return corrupt_byte(offset);
    index = rescued->index;
  }
  ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
  return place_of_record(entry.record);
}

Result<ChunkPlace> ChunkReader::place_at_time(uint64_t ms) {
  const ChunkPlace end = {view().end.records, view().end.bytes};
  if (view().end.entries == 0) return end;
  // As if appends had come at one rate.
  ASSIGN_OR_RETURN(const FragmentEntry last, fragments_.entry(view().end.entries - 1));
  ASSIGN_OR_RETURN(
      uint32_t index,
      first_entry_where(proportional(std::min(ms, last.ms), last.ms, view().end.entries),
                        [&](const FragmentEntry& entry) { return entry.ms >= ms; }));
  ASSIGN_OR_RETURN(const bool certain, trusted(index));
  if (!certain) return rescue_time(ms);
  if (index == view().end.entries) return end;
  ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
  if (index == 0) return ChunkPlace{entry.record, 0};
  ASSIGN_OR_RETURN(const FragmentEntry before, fragments_.entry(index - 1));
  // A record has the time of its first fragment: if that was earlier, the next record is meant.
  if (before.record == entry.record) return place_of_record(entry.record + 1);
  return ChunkPlace{entry.record, before.end};
}

}  // namespace range
