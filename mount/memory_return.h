// Gives memory back to the system that is not in use any more.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

namespace rangefs {

// What many journals took lies between what is kept, and malloc(3) by itself gives back only what
// is at the end. What matters is only how much is free and still the process's: when the kernel
// lets go of journals, when the store has deleted them, and when it closes what is idle, may be
// long after each other, and what was given back may be in use for a moment that nobody sees. What
// lies on a page with something that is in use cannot be given back before that is freed as well.
class MemoryReturn {
 public:
  using Clock = std::chrono::steady_clock;

  // How often to look, at least; less often if looking takes the processor long.
  static constexpr std::chrono::duration<int, std::milli> kInterval{5000};
  // What is not worth the work.
  static constexpr size_t kKept = size_t{512} << 10;

  // Bytes.
  struct Usage {
    size_t resident = 0;
    size_t in_use = 0;  // need not all be resident
    size_t spare() const { return resident - std::min(resident, in_use); }
  };

  // malloc(3) and the clocks; tests play them.
  struct Allocator {
    std::function<Usage()> usage;
    std::function<void()> give_back;
    std::function<Clock::time_point()> now;
    std::function<std::chrono::nanoseconds()> cpu_time;  // of this thread
  };
  static Allocator malloc();

  // To be called before there are threads. Each arena of malloc(3) ends with free memory, of which
  // only that of the first can be given back. A few threads that serve need no more than that one.
  static void keep_to_one_arena();

  explicit MemoryReturn(Allocator allocator = malloc()) : allocator_(std::move(allocator)) {}

  // To be called every now and then.
  void look();

 private:
  const Allocator allocator_;
  Clock::time_point due_ = allocator_.now() + kInterval;
  // Since memory was given back the last time.
  size_t least_spare_ = 0;  // some always is
  size_t most_in_use_ = 0;
};

}  // namespace rangefs
