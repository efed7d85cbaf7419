// The vocabulary of the engine: what is counted, in which unit, and from where.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace range {

// Bytes that are borrowed for the length of a call.
using ConstBytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline ConstBytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view as_text(ConstBytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A place in an ordered sequence that starts at 0. Different sequences are different types, so that
// a byte offset cannot be passed for a record number; the distance of two places is a plain count.
template <typename Tag>
class Ordinal {
 public:
  constexpr Ordinal() = default;
  constexpr explicit Ordinal(uint64_t value) : value_(value) {}

  constexpr uint64_t value() const { return value_; }

  // clang-tidy 14 takes a part of it for a null pointer.
  friend constexpr auto operator<=>(Ordinal, Ordinal) = default;  // NOLINT(modernize-use-nullptr)
  friend constexpr Ordinal operator+(Ordinal a, uint64_t n) { return Ordinal(a.value_ + n); }
  friend constexpr Ordinal operator-(Ordinal a, uint64_t n) { return Ordinal(a.value_ - n); }
  friend constexpr uint64_t operator-(Ordinal a, Ordinal b) { return a.value_ - b.value_; }
  constexpr Ordinal& operator+=(uint64_t n) {
    value_ += n;
    return *this;
  }

 private:
  uint64_t value_ = 0;
};

// Both count from the creation of the journal; retention does not renumber.
using ByteOffset = Ordinal<struct ByteOffsetTag>;
using RecordNumber = Ordinal<struct RecordNumberTag>;

// Journals and directories have ids of one kind: no two of them in a store share one. Drawn at
// random when they are created, never 0, and kept whatever they are called and wherever the store
// is copied to.
using JournalId = Ordinal<struct JournalIdTag>;
inline constexpr int kIdBits = 48;  // what ids fit into

using ChunkId = Ordinal<struct ChunkIdTag>;  // Unix time in ns, the bits of kHostMask: host id

inline constexpr uint64_t kHostMask = 0xFFFF;

// When a record was appended: Unix time in milliseconds.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

// A time as files have it.
using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

// How appended bytes are divided into records.
enum class Framing : uint8_t {
  kLine = 1,   // a record is a line, its newline included
  kWrite = 2,  // a record is what one append() was given
};

std::string_view to_string(Framing framing);  // "line", "write"

// A record, named so that it stays right whatever is appended or dropped: `record` counts from 0
// within the chunk. {0, 0} is the start of any journal.
struct Position {
  ChunkId chunk;
  uint32_t record = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): as above
  friend auto operator<=>(const Position&, const Position&) = default;
};

// One place between two records of a journal, in every way it can be named.
struct Location {
  Position position;
  RecordNumber record;  // number of the record that begins here
  ByteOffset offset;    // where its bytes begin

  friend bool operator==(const Location&, const Location&) = default;
};

}  // namespace range
