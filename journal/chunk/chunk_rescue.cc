// The part of ChunkReader that works on damaged chunks: slow walks over the whole index.

#include <array>
#include <vector>

#include "journal/base/result_macros.h"
#include "journal/chunk/chunk_reader.h"

namespace range {

namespace {

// Places where a fragment between `start` and `limit` may have ended, given that its stored `end`
// is damaged: one bit away from it, or behind a newline.
std::vector<uint32_t> end_candidates(uint64_t start, uint32_t end, ConstBytes payload) {
  std::vector<uint32_t> candidates;
  const uint64_t limit = start + payload.size();
  for (uint32_t bit = 0; bit < 32; ++bit) {
    const uint32_t flipped = end ^ (uint32_t{1} << bit);
    if (flipped > start && flipped <= limit) candidates.push_back(flipped);
  }
  for (size_t i = 0; i < payload.size(); ++i) {
    if (payload[i] == std::byte{'\n'}) candidates.push_back(static_cast<uint32_t>(start + i + 1));
  }
  return candidates;
}

}  // namespace

// Finds an intact fragment with the byte at `offset`, which the search did not lead to.
Result<std::optional<ChunkReader::Fragment>> ChunkReader::rescue_byte(uint64_t offset) {
  for (uint32_t index = 0; index < view().end.entries; ++index) {
    ASSIGN_OR_RETURN(const uint64_t start, fragments_.start(index));
    ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
    if (start <= offset && offset < entry.end) {
      ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index, start, entry));
      if (valid) return std::optional(Fragment{index, start, entry.end});
    }
    if (start <= offset && index + 1 < view().end.entries) {
      ASSIGN_OR_RETURN(std::optional<Fragment> fragment, rescue_pair(index, offset));
      if (fragment) return fragment;
    }
  }
  return std::optional<Fragment>();
}

// Two neighbours are invalid when the end between them is damaged. If another end makes the checks
// of both hold, that was it (2 x 32 bits: this is no accident), and the one with `offset` is found.
Result<std::optional<ChunkReader::Fragment>> ChunkReader::rescue_pair(uint32_t index,
                                                                      uint64_t offset) {
  const std::optional<Fragment> none;
  ASSIGN_OR_RETURN(const uint64_t start, fragments_.start(index));
  ASSIGN_OR_RETURN(const FragmentEntry left, fragments_.entry(index));
  ASSIGN_OR_RETURN(const FragmentEntry right, fragments_.entry(index + 1));
  if (right.end <= offset || right.end > view().end.bytes) return none;
  if (right.end - start > 2 * kFragmentBytesMax) return none;
  ASSIGN_OR_RETURN(const ConstBytes held, fragments_.payload(start, right.end - start));
  const std::vector<std::byte> payload(held.begin(), held.end());
  for (const uint32_t end : end_candidates(start, left.end, payload)) {
    FragmentEntry corrected = left;
    corrected.end = end;
    ASSIGN_OR_RETURN(const bool left_valid, fragments_.valid(index, start, corrected));
    if (!left_valid) continue;
    ASSIGN_OR_RETURN(const bool right_valid, fragments_.valid(index + 1, end, right));
    if (!right_valid) continue;
    return std::optional(offset < end ? Fragment{index, start, end}
                                      : Fragment{index + 1, end, right.end});
  }
  return none;
}

Result<uint32_t> ChunkReader::rescue_record(uint32_t record) {
  for (uint32_t index = 0; index < view().end.entries; ++index) {
    ASSIGN_OR_RETURN(const bool found, begins_record(index, record));
    if (found) return index;
  }
  return corrupt(record);
}

// The first intact record that is not older than `ms`.
Result<ChunkPlace> ChunkReader::rescue_time(uint64_t ms) {
  for (uint32_t index = 0; index < view().end.entries; ++index) {
    ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
    if (entry.ms < ms) continue;
    ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index));
    if (!valid) continue;
    ASSIGN_OR_RETURN(const bool found, begins_record(index, entry.record));
    if (!found) continue;
    ASSIGN_OR_RETURN(const uint64_t start, fragments_.start(index));
    return ChunkPlace{entry.record, start};
  }
  return ChunkPlace{view().end.records, view().end.bytes};
}

}  // namespace range
