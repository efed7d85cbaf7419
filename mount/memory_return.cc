#include "mount/memory_return.h"

#include <malloc.h>

#include <algorithm>

namespace rangefs {

MemoryReturn::Allocator MemoryReturn::malloc() {
  // Both look at every free piece of memory.
  return {.bytes_in_use = [] { return ::mallinfo2().uordblks; },
          .give_back = [] { ::malloc_trim(0); }};
}

void MemoryReturn::look() {
  constexpr int kShare = 100;  // of the time, no more goes into it
  const auto begun = allocator_.now();
  if (begun < due_) return;
  const size_t in_use = allocator_.bytes_in_use();
  most_ = std::max(most_, in_use);
  if (most_ - in_use > kKept) {
    allocator_.give_back();
    most_ = in_use;
  }
  const auto ended = allocator_.now();
  due_ = ended + std::max<Clock::duration>(kInterval, kShare * (ended - begun));
}

}  // namespace rangefs
