#include "journal/chunked/fragment_reader.h"

#include <algorithm>

#include "journal/result_macros.h"

namespace range {

namespace {

// Searching looks at entries far apart, reading walks many: both buffers grow with use.
constexpr uint32_t kEntriesFirst = 64;
constexpr uint32_t kEntriesMax = 2048;
constexpr size_t kPayloadGrowth = 8;
constexpr size_t kPayloadBytesMax = 4 * kFragmentBytesMax;

}  // namespace

Result<ConstBytes> FragmentReader::entries(uint32_t index) {
  RANGE_CHECK(index < view_.end.entries);
  if (view_.mapped()) {
    const uint64_t at = end_of_entries(index);
    return view_.idx->bytes().subspan(at, end_of_entries(view_.end.entries) - at);
  }
  const auto held = static_cast<uint32_t>(entries_.size() / kEntryBytes);
  if (index < first_ || index - first_ >= held) {
    const bool walking = held > 0 && index == first_ + held;
    const uint32_t wanted = std::clamp(walking ? held * 8 : 0, kEntriesFirst, kEntriesMax);
    // One entry back: the start of a fragment is the end of its predecessor.
    first_ = index > 0 ? index - 1 : 0;
    entries_.assign(size_t{std::min(wanted, view_.end.entries - first_)} * kEntryBytes, {});
    RETURN_IF_ERROR(view_.files->idx->read_at(end_of_entries(first_), entries_));
  }
  return ConstBytes(entries_).subspan(size_t{index - first_} * kEntryBytes);
}

Result<FragmentEntry> FragmentReader::entry(uint32_t index) {
  ASSIGN_OR_RETURN(const ConstBytes encoded, entries(index));
  return decode_entry(encoded.first<kEntryBytes>());
}

Result<uint64_t> FragmentReader::start(uint32_t index) {
  if (index == 0) return uint64_t{0};
  ASSIGN_OR_RETURN(const FragmentEntry before, entry(index - 1));
  return uint64_t{before.end};
}

Result<ConstBytes> FragmentReader::payload(uint64_t offset, size_t size) {
  if (view_.mapped()) {
    const uint64_t left = view_.end.bytes - std::min(view_.end.bytes, offset);
    if (left == 0) return ConstBytes();
    return view_.dat->bytes().subspan(offset, std::min<uint64_t>(size, left));
  }
  const bool held = offset >= payload_at_ && offset + size <= payload_at_ + payload_.size();
  if (!held) {
    const uint64_t left = view_.end.bytes - std::min(view_.end.bytes, offset);
    const bool walking = offset >= payload_at_ && offset <= payload_at_ + payload_.size();
    const uint64_t ahead = walking ? payload_.size() * kPayloadGrowth : 0;
    payload_.resize(std::max<uint64_t>(size, std::min({ahead, uint64_t{kPayloadBytesMax}, left})));
    payload_at_ = offset;
    const auto got = view_.files->dat->read_at(offset, payload_);
    payload_.resize(got ? *got : 0);
    if (!got) return got.error();
  }
  const size_t skipped = offset - payload_at_;
  return ConstBytes(payload_).subspan(skipped, std::min(size, payload_.size() - skipped));
}

Result<bool> FragmentReader::valid(uint32_t index, uint64_t start, const FragmentEntry& entry) {
  if (!plausible(start, entry) || entry == FragmentEntry{}) return false;
  ASSIGN_OR_RETURN(const ConstBytes bytes, payload(start, entry.end - start));
  if (bytes.size() < entry.end - start) return false;
  return entry.check == fragment_check(seed_, index, start, entry, bytes);
}

Result<bool> FragmentReader::valid(uint32_t index) {
  ASSIGN_OR_RETURN(const uint64_t begin, start(index));
  ASSIGN_OR_RETURN(const FragmentEntry found, entry(index));
  return valid(index, begin, found);
}

}  // namespace range
