#include "journal/chunked/fragment_reader.h"

#include <algorithm>

namespace range {

namespace {

// Searching looks at entries far apart, reading walks many: both buffers grow with use.
constexpr uint32_t kEntriesFirst = 64;
constexpr uint32_t kEntriesMax = 2048;
constexpr size_t kPayloadGrowth = 8;
constexpr size_t kPayloadBytesMax = 4 * kFragmentBytesMax;

}  // namespace

Result<FragmentEntry> FragmentReader::entry(uint32_t index) {
  RANGE_CHECK(index < view_.end.entries);
  if (index < first_ || index - first_ >= entries_.size()) {
    const bool walking = !entries_.empty() && index == first_ + entries_.size();
    const auto wanted = walking ? static_cast<uint32_t>(entries_.size()) * 8 : kEntriesFirst;
    // One entry back: the start of a fragment is the end of its predecessor.
    first_ = index > 0 ? index - 1 : 0;
    const uint32_t count =
        std::min(std::clamp(wanted, kEntriesFirst, kEntriesMax), view_.end.entries - first_);
    std::vector<std::byte> raw(count * kEntryBytes);
    entries_.clear();
    const uint64_t at = kEntriesAt + uint64_t{first_} * kEntryBytes;
    RETURN_IF_ERROR(view_.files->idx->read_at(at, raw));
    for (size_t i = 0; i < count; ++i) {
      entries_.push_back(
          decode_entry(std::span(raw).subspan(i * kEntryBytes).first<kEntryBytes>()));
    }
  }
  return entries_[index - first_];
}

Result<uint64_t> FragmentReader::start(uint32_t index) {
  if (index == 0) return uint64_t{0};
  ASSIGN_OR_RETURN(const FragmentEntry before, entry(index - 1));
  return uint64_t{before.end};
}

Result<ConstBytes> FragmentReader::payload(uint64_t offset, size_t size) {
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

bool FragmentReader::plausible(uint64_t start, const FragmentEntry& entry) const {
  return entry.end >= start && entry.end <= view_.end.bytes &&
         entry.end - start <= kFragmentBytesMax;
}

Result<bool> FragmentReader::valid(uint32_t index, uint64_t start, const FragmentEntry& entry) {
  if (!plausible(start, entry) || entry == FragmentEntry{}) return false;
  ASSIGN_OR_RETURN(const ConstBytes bytes, payload(start, entry.end - start));
  if (bytes.size() < entry.end - start) return false;
  return entry.check == fragment_check(view_.header.chunk, index, start, entry, bytes);
}

Result<bool> FragmentReader::valid(uint32_t index) {
  ASSIGN_OR_RETURN(const uint64_t begin, start(index));
  ASSIGN_OR_RETURN(const FragmentEntry found, entry(index));
  return valid(index, begin, found);
}

}  // namespace range
