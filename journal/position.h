// Positions as people write them, to and from text.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "status.h"
#include "types.h"

namespace range {

// What a written position asks for. Which record that is depends on the journal: Journal::seek().
struct AtStart {};  // "start": the oldest retained record
struct AtEnd {};    // "end": after the newest record
struct BeforeEnd {  // "-10"
  uint64_t records = 0;
};
struct AfterHere {  // "+10": relative to where the cursor is
  uint64_t records = 0;
};
// A time means the first record appended at or after it, a byte the record that holds it.
using PositionSpec =
    std::variant<AtStart, AtEnd, RecordNumber, BeforeEnd, AfterHere, Time, Position, ByteOffset>;

// Parses one position. `now` is what durations ("-15m") count back from.
//
//   start | end | 42 | -10 | +10 | -15m (s m h d w)
//   2026-11-22T09:00:00[.123][Z|+01:00|-0530]  (RFC 3339; 't' or a space for the 'T'; without a
//                                              zone local time, as mktime(3) has it)
//   2026-11-22                                 (midnight, local time)
//   @1763802000[.5]                            (Unix time)
//   24 hex digits                              (chunk id, 16; record in it, 8)
//
// A time is rounded up to the next millisecond, the resolution of record times, so that nothing
// earlier than what was written is included. Errors: kInvalid for everything else, also numbers
// beyond 64 bits and dates that do not exist.
Result<PositionSpec> parse_position(std::string_view text, Time now);

// 24 upper-case hex digits.
std::string to_string(Position position);

// RFC 3339 in UTC with milliseconds: "2026-11-22T09:00:00.000Z".
std::string to_string(Time time);

}  // namespace range
