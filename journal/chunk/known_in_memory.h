// What a reader that must not wait knows of a region.
#pragma once

#include <algorithm>
#include <cstdint>

#include "journal/base/region.h"

namespace range {

// Remembers which part of one region is in memory, so that the kernel is asked once about what is
// touched again and again: a reader touches places close to each other. Made for one call of a
// reader, since what is in memory now need not be for long; not thread-safe.
class KnownInMemory {
 public:
  struct Part {
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  // Whether all of `part` is in memory. Unless that is known the kernel is asked, about everything
  // `around` it at once, since one page costs it as much as many.
  bool covers(const Region& region, Part part, Part around) {
    if (holds(part)) return true;
    ask(region, around);
    if (!holds(part) && around.begin < part.begin) ask(region, {part.begin, around.end});
    return holds(part);
  }
  bool covers(const Region& region, Part part) { return covers(region, part, part); }

  // After covers(): so far everything is in memory from there on.
  uint64_t end() const { return known_.end; }

 private:
  bool holds(Part part) const { return known_.begin <= part.begin && part.end <= known_.end; }

  void ask(const Region& region, Part part) {
    const size_t size = region.in_memory(part.begin, part.end - part.begin);
    if (size == 0) return;
    // Whole pages are in memory or not.
    const size_t page = page_bytes();
    const Part found = {part.begin / page * page, (part.begin + size + page - 1) / page * page};
    const bool joins = found.begin <= known_.end && known_.begin <= found.end;
    known_.begin = joins ? std::min(known_.begin, found.begin) : found.begin;
    known_.end = joins ? std::max(known_.end, found.end) : found.end;
  }

  Part known_;
};

}  // namespace range
