#include "journal/chunk/fragment_reader.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/read_around.h"

namespace range {

namespace {

// Searching looks at entries far apart, reading walks many: both buffers grow with use.
constexpr uint32_t kEntriesFirst = 64;
constexpr uint32_t kEntriesMax = 2048;
constexpr size_t kPayloadGrowth = 8;
constexpr size_t kPayloadBytesMax = 4 * kFragmentBytesMax;
// So much of an index before and behind an entry the kernel is asked about together with it: a
// search goes to both sides, and what is read is found behind it.
constexpr uint64_t kAskedBefore = uint64_t{8} << 10;
constexpr uint64_t kAskedAhead = uint64_t{64} << 10;

}  // namespace

Result<size_t> FragmentReader::read(ByteSource& source, uint64_t offset, MutableBytes into) {
  if (at_once()) {
    const auto got = source.read_at_once(offset, into);
    return got && *got ? Result<size_t>(**got) : would_wait();
  }
  ASSIGN_OR_RETURN(ReadAround got, read_around(source, offset, into));
  if (got.unreadable && &source == &view_.bytes->index()) entries_unreadable_ = true;
  if (!unreadable_) unreadable_ = std::move(got.unreadable);
  return got.bytes;
}

Result<ConstBytes> FragmentReader::entries(uint32_t index) {
  RANGE_CHECK(index < view_.end.entries);
  if (view_.mapped()) return mapped_entries(index);
  const auto held = static_cast<uint32_t>(entries_.size() / kEntryBytes);
  if (index < first_ || index - first_ >= held) {
    const bool walking = held > 0 && index == first_ + held;
    const bool walking_back = held > 0 && index + 1 == first_;
    const uint32_t wanted =
        std::clamp(walking || walking_back ? held * 8 : 0, kEntriesFirst, kEntriesMax);
    // One entry back: the start of a fragment is the end of its predecessor. So who walks back
    // comes from one ahead, and asks for it again.
    const uint32_t before = std::min(index, walking_back ? wanted - 2 : 1);
    first_ = index - before;
    entries_.assign(size_t{std::min(wanted, view_.end.entries - first_)} * kEntryBytes, {});
    RETURN_IF_ERROR(read(view_.bytes->index(), end_of_entries(first_), entries_));
  }
  return ConstBytes(entries_).subspan(size_t{index - first_} * kEntryBytes);
}

Result<ConstBytes> FragmentReader::mapped_entries(uint32_t index) {
  const uint64_t at = end_of_entries(index);
  uint64_t end = end_of_entries(view_.end.entries);
  if (at_once()) {
    const uint64_t before = at - std::min(at - kEntriesAt, kAskedBefore);
    const uint64_t ahead = std::min(end, at + kAskedAhead);
    if (!idx_in_memory_.covers(*view_.idx, {at, at + kEntryBytes}, {before, ahead})) {
      return would_wait();
    }
    end = std::min(end, idx_in_memory_.end());
  }
  return view_.idx->bytes().subspan(at, end - at);
}

Result<FragmentEntry> FragmentReader::entry(uint32_t index) {
  ASSIGN_OR_RETURN(const ConstBytes encoded, entries(index));
  return decode_entry(encoded.first<kEntryBytes>());
}

Result<uint64_t> FragmentReader::start(uint32_t index) {
  if (index == 0) return uint64_t{0};
  ASSIGN_OR_RETURN(const FragmentEntry before, entry(index - 1));
  return lost(before) ? find_start(index) : uint64_t{before.end};
}

// Where the fragment before `end` begins at the earliest, of whose predecessors some are lost.
Result<uint64_t> FragmentReader::lowest_start(uint32_t index, uint64_t end) {
  constexpr uint32_t kLookedAtMax = 1024;
  const uint64_t lowest = end - std::min<uint64_t>(end, kFragmentBytesMax);
  for (uint32_t i = index; i > 0 && index - i < kLookedAtMax; --i) {
    ASSIGN_OR_RETURN(const FragmentEntry before, entry(i - 1));
    if (!lost(before)) return before.end <= end ? std::max<uint64_t>(lowest, before.end) : lowest;
  }
  return lowest;
}

// A wrong start passes for the right one with a probability of 2^-32, and there are 2^16 of them in
// the worst case. So the ends of lines come first, the nearest before others; and if none of them
// is one, the check must hold at one place only.
Result<uint64_t> FragmentReader::find_start(uint32_t index) {
  ASSIGN_OR_RETURN(const FragmentEntry found, entry(index));
  // What is found in a mapping that fails will be thrown away.
  if (lost(found) || found.end > view_.end.bytes || view_.failed()) return uint64_t{0};
  if (found_index_ == index) return found_start_;
  ASSIGN_OR_RETURN(const uint64_t lowest, lowest_start(index, found.end));
  ASSIGN_OR_RETURN(const ConstBytes bytes, payload(lowest, found.end - lowest));
  const auto holds = [&](size_t at) {
    return found.check == fragment_check(seed_, index, lowest + at, found, bytes.subspan(at));
  };
  found_index_ = index;
  found_start_ = 0;
  if (bytes.size() < found.end - lowest) return found_start_;
  for (size_t at = bytes.size(); at > 0; --at) {
    if (bytes[at - 1] == std::byte{'\n'} && holds(at)) return found_start_ = lowest + at;
  }
  size_t places = 0;
  for (size_t at = bytes.size() + 1; at-- > 0 && places < 2;) {
    if (holds(at)) ++places, found_start_ = lowest + at;
  }
  if (places != 1) found_start_ = 0;
  return found_start_;
}

Status FragmentReader::reach_payload(uint64_t offset, size_t size) {
  if (!at_once() || size == 0) return {};
  if (dat_in_memory_.covers(*view_.dat, {offset, offset + size})) return {};
  return would_wait();
}

Result<ConstBytes> FragmentReader::payload(uint64_t offset, size_t size) {
  if (view_.mapped()) {
    const uint64_t left = view_.end.bytes - std::min(view_.end.bytes, offset);
    if (left == 0) return ConstBytes();
    size = std::min<uint64_t>(size, left);
    RETURN_IF_ERROR(reach_payload(offset, size));
    return view_.dat->bytes().subspan(offset, size);
  }
  const bool held = offset >= payload_at_ && offset + size <= payload_at_ + payload_.size();
  if (!held) {
    const uint64_t left = view_.end.bytes - std::min(view_.end.bytes, offset);
    const bool walking = offset >= payload_at_ && offset <= payload_at_ + payload_.size();
    const uint64_t ahead = walking ? payload_.size() * kPayloadGrowth : 0;
    payload_.resize(std::max<uint64_t>(size, std::min({ahead, uint64_t{kPayloadBytesMax}, left})));
    payload_at_ = offset;
    const auto got = read(view_.bytes->payload(), offset, payload_);
    payload_.resize(got ? *got : 0);
    if (!got) return got.error();
  }
  const size_t skipped = offset - payload_at_;
  return ConstBytes(payload_).subspan(skipped, std::min(size, payload_.size() - skipped));
}

Result<bool> FragmentReader::valid(uint32_t index, uint64_t start, const FragmentEntry& entry) {
  if (!plausible(start, entry) || lost(entry)) return false;
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
