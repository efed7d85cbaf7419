// How many mappings a process may have.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace range {

// The right to have one mapping of a file, of all that this process has. Linux lets a process have
// so many mappings (vm.max_map_count); without any left not even malloc(3) succeeds. So files get
// three quarters of them at most, and whoever is refused one does without; the pages that a
// RegionGuard puts in the place of others come out of the last quarter.
class MappingSlot {
 public:
  // Nothing if none is left. Thread-safe.
  static std::optional<MappingSlot> take();

  static bool none_left() { return taken() >= max(); }

  // How many are taken, and how many may be. Changing that, for tests, returns what it was.
  static uint64_t taken();
  static uint64_t max();
  static uint64_t set_max(uint64_t max);

  MappingSlot(MappingSlot&& other) noexcept : taken_(std::exchange(other.taken_, false)) {}
  MappingSlot(const MappingSlot&) = delete;
  MappingSlot& operator=(const MappingSlot&) = delete;
  MappingSlot& operator=(MappingSlot&&) = delete;
  ~MappingSlot();

 private:
  MappingSlot() = default;

  bool taken_ = true;  // false: moved from
};

}  // namespace range
