#include "journal/local/chunk_limits.h"

#include <algorithm>

namespace range {

namespace {

constexpr int kPieces = 8;
constexpr uint64_t kPieceBytesMin = uint64_t{64} << 10;
constexpr std::chrono::milliseconds kPieceAgeMin{1000};

}  // namespace

ChunkLimits ChunkLimits::of(const Retention& retention, uint64_t chunk_size) {
  ChunkLimits limits{.bytes = chunk_size, .limited = retention != Retention()};
  if (retention.max_bytes > 0) {
    limits.bytes = std::min(chunk_size, std::max(retention.max_bytes / kPieces, kPieceBytesMin));
  }
  if (retention.max_records > 0) {
    limits.records = std::max<uint64_t>(retention.max_records / kPieces, 1);
  }
  if (retention.max_age.count() > 0) {
    limits.age = std::max(kPieceAgeMin, retention.max_age / kPieces);
  }
  return limits;
}

}  // namespace range
