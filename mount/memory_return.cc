#include "mount/memory_return.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace rangefs {

namespace {

// Bytes in memory that are in no file; 0 if that cannot be found out.
size_t bytes_resident() {
  std::ifstream file("/proc/self/statm");
  size_t pages = 0;
  size_t resident = 0;
  size_t of_files = 0;
  if (!(file >> pages >> resident >> of_files) || resident < of_files) return 0;
  return (resident - of_files) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

size_t bytes_spare() {
  const struct mallinfo2 info = ::mallinfo2();
  const size_t used = info.uordblks + info.hblkhd;
  const size_t resident = bytes_resident();
  return resident - std::min(resident, used);  // not all that is used need be in memory
}

}  // namespace

MemoryReturn::Allocator MemoryReturn::malloc() {
  // Both look at every free piece of memory.
  return {.bytes_spare = bytes_spare, .give_back = [] { ::malloc_trim(0); }};
}

void MemoryReturn::keep_to_one_arena() {
  ::mallopt(M_ARENA_MAX, 1);  // NOLINT(concurrency-mt-unsafe): no threads yet
}

void MemoryReturn::look() {
  constexpr int kShare = 100;  // of the time, no more goes into it
  const auto begun = allocator_.now();
  if (begun < due_) return;
  const size_t spare = allocator_.bytes_spare();
  least_ = std::min(least_, spare);
  if (spare - least_ > kKept) {
    allocator_.give_back();
    least_ = allocator_.bytes_spare();
  }
  const auto ended = allocator_.now();
  due_ = ended + std::max<Clock::duration>(kInterval, kShare * (ended - begun));
}

}  // namespace rangefs
