#include "mount/memory_return.h"

#include <malloc.h>

#include <algorithm>

namespace rangefs {

MemoryReturn::Allocator MemoryReturn::malloc() {
  // Both look at every free piece of memory.
  return {.bytes_free = [] { return ::mallinfo2().fordblks; },
          .give_back = [] { ::malloc_trim(0); }};
}

void MemoryReturn::look() {
  constexpr int kShare = 100;  // of the time, no more goes into it
  const auto begun = allocator_.now();
  if (begun < due_) return;
  const size_t free = allocator_.bytes_free();
  least_ = std::min(least_, free);
  if (free - least_ > kKept) {
    allocator_.give_back();
    least_ = free;
  }
  const auto ended = allocator_.now();
  due_ = ended + std::max<Clock::duration>(kInterval, kShare * (ended - begun));
}

}  // namespace rangefs
