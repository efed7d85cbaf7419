// How large the chunks of a journal become.
#pragma once

#include <chrono>
#include <cstdint>

#include "journal/chunk/format.h"
#include "journal/store.h"

namespace range {

// When to begin a new chunk, between records. Old records go in whole chunks: so those of a journal
// with limits are no more than an eighth of each, where that makes them no smaller than stated at
// Retention.
struct ChunkLimits {
  uint64_t bytes = 0;
  uint64_t records = UINT64_MAX;
  std::chrono::milliseconds age = std::chrono::milliseconds::max();
  bool limited = false;  // whether old chunks are ever dropped

  // Of a journal that keeps `retention`, in a store with this size of chunks.
  static ChunkLimits of(const Retention& retention, uint64_t chunk_size);

  // Whether a chunk that began at `start` and ends at `end` is large enough at `now`. One with an
  // open record never is.
  bool reached(const ChunkEnd& end, Time start, Time now) const {
    return end.open_bytes == 0 && (end.bytes >= bytes || end.records >= records ||
                                   (end.records > 0 && now - start >= age));
  }
};

}  // namespace range
