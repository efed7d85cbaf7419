#include "journal/env/mapping_slot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>

#include "journal/base/fd.h"

namespace range {

namespace {

constexpr uint64_t kDefaultMax = 65530;  // of Linux

// vm.max_map_count; what it is by default where nobody tells.
uint64_t allowed_by_system() {
  const Fd file(::open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC));
  std::array<char, 32> text{};
  const ssize_t size = file.get() < 0 ? 0 : ::read(file.get(), text.data(), text.size());
  uint64_t allowed = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + std::max<ssize_t>(size, 0), allowed);
  return error == std::errc() ? allowed : kDefaultMax;
}

// For the lifetime of the process: mappings may outlive whatever is destroyed at its end.
constinit std::atomic<uint64_t> slots_taken = 0;
constexpr uint64_t kUnknown = UINT64_MAX;
constinit std::atomic<uint64_t> slots_max = kUnknown;

}  // namespace

uint64_t MappingSlot::taken() { return slots_taken.load(std::memory_order_relaxed); }

uint64_t MappingSlot::max() {
  const uint64_t known = slots_max.load(std::memory_order_relaxed);
  if (known != kUnknown) return known;
  const uint64_t allowed = allowed_by_system();
  slots_max.store(allowed / 4 * 3, std::memory_order_relaxed);
  return allowed / 4 * 3;
}

uint64_t MappingSlot::set_max(uint64_t max) {
  const uint64_t before = MappingSlot::max();
  slots_max.store(max, std::memory_order_relaxed);
  return before;
}

std::optional<MappingSlot> MappingSlot::take() {
  if (slots_taken.fetch_add(1, std::memory_order_relaxed) < max()) return MappingSlot();
  slots_taken.fetch_sub(1, std::memory_order_relaxed);
  return std::nullopt;
}

MappingSlot::~MappingSlot() {
  if (taken_) slots_taken.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace range
