#include "tests/support/sim_content.h"

#include <algorithm>

#include "journal/status.h"

namespace range {

namespace {

// Iterates over the sectors that [offset, offset + size) touches; size > 0.
uint64_t first_sector(uint64_t offset) { return offset / kDiskSectorBytes; }
uint64_t end_sector(uint64_t end) { return (end + kDiskSectorBytes - 1) / kDiskSectorBytes; }

// Whether a write of so much leaves nothing of a page as it was.
bool covers(uint64_t offset, uint64_t size, uint64_t page) {
  return offset <= page * kCachePageBytes && offset + size >= (page + 1) * kCachePageBytes;
}

std::ptrdiff_t index(uint64_t value) { return static_cast<std::ptrdiff_t>(value); }

}  // namespace

size_t SimContent::read(uint64_t offset, MutableBytes into) const {
  if (offset >= size()) return 0;
  const size_t count = std::min<uint64_t>(into.size(), size() - offset);
  std::copy_n(bytes_.begin() + index(offset), count, into.begin());
  return count;
}

void SimContent::write(uint64_t offset, ConstBytes data) {
  if (data.empty()) return;
  const uint64_t end = offset + data.size();
  std::erase_if(unreadable_, [&](uint64_t page) { return covers(offset, data.size(), page); });
  const uint64_t first = first_sector(offset);
  const uint64_t last = end_sector(end);
  for (uint64_t i = first; i < last; ++i) {
    remember(i);
    allocated_.insert(i);
  }
  if (end > size()) {
    bytes_.resize(end);
    remember_size();
  } else if (end == size() && sizes_.size() > 1) {
    size_dirty_ = true;  // writing the last bytes again makes the disk learn how far they go
  }
  std::copy(data.begin(), data.end(), bytes_.begin() + index(offset));
  for (uint64_t i = first; i < last; ++i) remember(i);
}

void SimContent::truncate(uint64_t new_size) {
  if (new_size == size()) return;
  // What is cut off reads as zeros when the file grows again, on the disk at some later time.
  const uint64_t first = first_sector(new_size);
  const uint64_t last = end_sector(size());
  for (uint64_t i = first; i < last; ++i) remember(i);
  bytes_.resize(new_size);
  for (uint64_t i = first; i < last; ++i) remember(i);
  allocated_.erase(allocated_.lower_bound(end_sector(new_size)), allocated_.end());
  remember_size();
}

void SimContent::sync() {
  std::erase_if(unsynced_, [](const auto& entry) { return entry.second.dirty; });
  if (size_dirty_) sizes_ = {size()};
  size_dirty_ = false;
}

void SimContent::fail_sync() {
  for (auto& [sector, history] : unsynced_) history.dirty = false;
  size_dirty_ = false;
}

SimContent SimContent::survivor(Choices& choices) const {
  SimContent left;
  uint64_t left_size = size();
  if (sizes_.size() > 1) left_size = sizes_[choices.pick(sizes_.size())];
  left.bytes_ = bytes_;
  left.bytes_.resize(left_size);
  left.allocated_ = allocated_;
  left.unreadable_ = unreadable_;
  for (const auto& [i, history] : unsynced_) {
    left.put_sector(i, history.versions[choices.pick(history.versions.size())]);
    left.allocated_.insert(i);
  }
  left.allocated_.erase(left.allocated_.lower_bound(end_sector(left_size)), left.allocated_.end());
  left.sizes_ = {left_size};
  return left;
}

void SimContent::evict_lost(Choices& choices) {
  for (auto& [i, history] : unsynced_) {
    if (history.dirty) continue;
    const Sector left = history.versions[choices.pick(history.versions.size())];
    put_sector(i, left);
    history.versions = {left};
  }
  std::erase_if(unsynced_, [](const auto& entry) { return !entry.second.dirty; });
}

uint64_t SimContent::would_allocate(uint64_t offset, uint64_t size) const {
  uint64_t sectors = 0;
  if (size == 0) return 0;
  for (uint64_t i = first_sector(offset); i < end_sector(offset + size); ++i) {
    if (!allocated_.contains(i)) ++sectors;
  }
  return sectors * kDiskSectorBytes;
}

void SimContent::flip(uint64_t offset, std::byte mask) {
  RANGE_CHECK(offset < size());
  bytes_[offset] ^= mask;
  const auto found = unsynced_.find(first_sector(offset));
  if (found == unsynced_.end()) return;
  for (Sector& version : found->second.versions) version[offset % kDiskSectorBytes] ^= mask;
}

void SimContent::truncate_raw(uint64_t new_size) {
  bytes_.resize(new_size);
  sizes_ = {new_size};
  size_dirty_ = false;
  unsynced_.erase(unsynced_.lower_bound(first_sector(new_size)), unsynced_.end());
}

void SimContent::set_readable(uint64_t page, bool readable) {
  if (readable) {
    unreadable_.erase(page);
  } else {
    unreadable_.insert(page);
  }
}

bool SimContent::readable(uint64_t offset, uint64_t size) const {
  const auto first = unreadable_.lower_bound(offset / kCachePageBytes);
  return size == 0 || first == unreadable_.end() || *first * kCachePageBytes >= offset + size;
}

uint64_t SimContent::writable(uint64_t offset, uint64_t size) const {
  for (const uint64_t page : unreadable_) {
    const uint64_t begin = page * kCachePageBytes;
    const bool touched = begin < offset + size && begin + kCachePageBytes > offset;
    if (touched && !covers(offset, size, page)) return std::max(begin, offset) - offset;
  }
  return size;
}

SimContent::Sector SimContent::sector(uint64_t i) const {
  Sector content{};
  static_cast<void>(read(i * kDiskSectorBytes, content));
  return content;
}

void SimContent::put_sector(uint64_t i, const Sector& content) {
  const uint64_t begin = i * kDiskSectorBytes;
  if (begin >= size()) return;
  std::copy_n(content.begin(), std::min<uint64_t>(kDiskSectorBytes, size() - begin),
              bytes_.begin() + index(begin));
}

void SimContent::remember(uint64_t i) {
  const Sector now = sector(i);
  const auto [found, first] = unsynced_.try_emplace(i);
  std::vector<Sector>& versions = found->second.versions;
  if (first || versions.back() != now) versions.push_back(now);
  found->second.dirty = true;
}

void SimContent::remember_size() {
  if (sizes_.back() != size()) sizes_.push_back(size());
  size_dirty_ = true;
}

}  // namespace range
