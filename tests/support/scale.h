// Tests that go through many cases of a kind.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace range {

// What is only there for its number is divided by this: RANGE_TEST_SCALE, 1 if that is not set.
inline uint64_t test_scale() {
  const char* const scale = std::getenv("RANGE_TEST_SCALE");
  return scale == nullptr ? 1 : std::max<uint64_t>(std::strtoull(scale, nullptr, 10), 1);
}

// Whether the case of this number is tried: one of each test_scale() that follow each other, not
// always the same one of them, because what cases try often repeats, as the fields of entries do.
inline bool is_tried(uint64_t number) {
  const uint64_t scale = test_scale();
  return number % scale == number / scale % scale;
}

}  // namespace range
