#include "mount/memory_return.h"

#include <malloc.h>
#include <time.h>
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

MemoryReturn::Usage usage() {
  const struct mallinfo2 info = ::mallinfo2();
  return {.resident = bytes_resident(), .in_use = info.uordblks + info.hblkhd};
}

// Of this thread; 0 if that cannot be found out.
std::chrono::nanoseconds cpu_time() {
  timespec spent{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) != 0) return {};
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

}  // namespace

MemoryReturn::Allocator MemoryReturn::malloc() {
  // Both look at every free piece of memory.
  return {.usage = usage,
          .give_back = [] { ::malloc_trim(0); },
          .now = Clock::now,
          .cpu_time = cpu_time};
}

void MemoryReturn::keep_to_one_arena() {
  ::mallopt(M_ARENA_MAX, 1);  // NOLINT(concurrency-mt-unsafe): no threads yet
}

void MemoryReturn::look() {
  constexpr int kShare = 100;            // of the time, no more goes into it
  constexpr size_t kFreed = kKept / 64;  // worth a second try: much may have been stuck to it
  if (allocator_.now() < due_) return;
  const auto begun = allocator_.cpu_time();
  const Usage usage = allocator_.usage();
  least_spare_ = std::min(least_spare_, usage.spare());
  most_in_use_ = std::max(most_in_use_, usage.in_use);
  const bool more_spare = usage.spare() - least_spare_ > kKept;
  const bool less_in_use = most_in_use_ - usage.in_use > kFreed;
  if (more_spare || (less_in_use && usage.spare() > kKept)) {
    allocator_.give_back();
    const Usage left = allocator_.usage();
    least_spare_ = left.spare();
    most_in_use_ = left.in_use;
  }
  const auto took = allocator_.cpu_time() - begun;
  due_ = allocator_.now() + std::max<Clock::duration>(kInterval, kShare * took);
}

}  // namespace rangefs
