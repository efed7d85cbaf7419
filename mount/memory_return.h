// Gives memory back to the system that is not in use any more.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

namespace rangefs {

// What many journals took lies between what is kept, and malloc(3) by itself gives back only what
// is at the end. What matters is only how much is free and still the process's: when the kernel
// lets go of journals, when the store has deleted them, and when it closes what is idle, may be
// long after each other, and what was given back may be in use for a moment that nobody sees.
class MemoryReturn {
 public:
  using Clock = std::chrono::steady_clock;

  // How often to look, at least; less often if looking takes long.
  static constexpr std::chrono::duration<int, std::milli> kInterval{5000};
  // What is not worth the work.
  static constexpr size_t kKept = size_t{512} << 10;

  // Of malloc(3); tests play it.
  struct Allocator {
    std::function<size_t()> bytes_spare;  // in memory, but not in use
    std::function<void()> give_back;
    std::function<Clock::time_point()> now = Clock::now;
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
  size_t least_ = 0;  // that was spare since the last time it was given back: some always is
};

}  // namespace rangefs
