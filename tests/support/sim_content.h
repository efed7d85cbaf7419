// The bytes of a simulated file: what a page cache and a disk below it hold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "journal/types.h"
#include "tests/support/survival.h"

namespace range {

inline constexpr size_t kDiskSectorBytes = 512;
inline constexpr size_t kCachePageBytes = 4096;

// Contents and size of a file, with every version that each sector and the size had since the last
// sync. A power loss leaves any one version of each, independently; sectors that no version covers
// are zeros. What a failed sync leaves is clean without being on the disk, as on Linux: a later
// sync does not help it, only writing it again does. Not thread-safe.
class SimContent {
 public:
  uint64_t size() const { return bytes_.size(); }
  size_t read(uint64_t offset, MutableBytes into) const;
  void write(uint64_t offset, ConstBytes data);
  void truncate(uint64_t size);

  // fdatasync(2) that succeeds, and one that fails.
  void sync();
  void fail_sync();

  // Everything written is durable.
  bool synced() const { return unsynced_.empty() && sizes_.size() == 1; }

  // What is on the disk after a power loss.
  SimContent survivor(Choices& choices) const;
  // The page cache drops what a failed sync left clean and reads it again from the disk.
  void evict_lost(Choices& choices);

  // Disk space in use, in bytes, and by how much a write would add to it.
  uint64_t allocated() const { return allocated_.size() * kDiskSectorBytes; }
  uint64_t would_allocate(uint64_t offset, uint64_t size) const;

  // Damage, at once in the cache and on the disk.
  void flip(uint64_t offset, std::byte mask);
  void truncate_raw(uint64_t size);

  // A page of the disk that cannot be read, until it is again or was written as a whole: nothing
  // else writes to it, because what is around must be read before.
  void set_readable(uint64_t page, bool readable);
  bool readable(uint64_t offset, uint64_t size) const;
  // How much of a write there can be done.
  uint64_t writable(uint64_t offset, uint64_t size) const;

 private:
  using Sector = std::array<std::byte, kDiskSectorBytes>;
  struct History {
    std::vector<Sector> versions;  // since the last sync, which [0] is of
    bool dirty = true;             // false: a sync failed, and the next will not write it
  };

  Sector sector(uint64_t index) const;
  void put_sector(uint64_t index, const Sector& content);
  // Remembers what the sector holds now. To be called before the first change as well.
  void remember(uint64_t index);
  void remember_size();

  std::vector<std::byte> bytes_;
  std::map<uint64_t, History> unsynced_;  // by sector; all others are on the disk as in bytes_
  std::vector<uint64_t> sizes_ = {0};     // since the last sync, which [0] is of
  bool size_dirty_ = false;
  std::set<uint64_t> allocated_;   // sectors
  std::set<uint64_t> unreadable_;  // pages
};

}  // namespace range
