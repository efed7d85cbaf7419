// Numbers as the Go project Range writes them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "journal/types.h"

namespace range::exchange {

// How long the numbers are that stand before each record, and in an index for each.
inline constexpr size_t kLengthBytes = 4;
inline constexpr size_t kIndexEntryBytes = 8;

inline uint64_t from_big_endian(ConstBytes bytes) {
  uint64_t number = 0;
  for (const std::byte byte : bytes) number = number << 8 | std::to_integer<uint64_t>(byte);
  return number;
}

template <size_t kSize>
std::array<std::byte, kSize> to_big_endian(uint64_t number) {
  std::array<std::byte, kSize> bytes{};
  for (size_t i = kSize; i > 0; number >>= 8) bytes[--i] = static_cast<std::byte>(number & 0xFF);
  return bytes;
}

}  // namespace range::exchange
