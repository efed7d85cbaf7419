// The part of JournalReader that finds places.

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <variant>

#include "journal/base/result_macros.h"
#include "journal/local/journal_reader.h"

namespace range {

Result<Location> JournalReader::seek(const PositionSpec& spec, RecordNumber here) {
  auto found = find(spec, here);
  if (!found) return report(found.error());
  return found;
}

Result<Location> JournalReader::find(const PositionSpec& spec, RecordNumber here) {
  Location begin;
  Location end;
  {
    MutexLock lock(state_.mutex);
    begin = state_.table.begin();
    end = state_.table.end();
  }
  const auto in = [&](const auto& what) -> Result<Location> {
    using Spec = std::decay_t<decltype(what)>;
    if constexpr (std::is_same_v<Spec, AtStart>) {
      return begin;
    } else if constexpr (std::is_same_v<Spec, AtEnd>) {
      return end;
    } else if constexpr (std::is_same_v<Spec, RecordNumber>) {
      return seek_record(what);
    } else if constexpr (std::is_same_v<Spec, BeforeEnd>) {
      const uint64_t held = end.record - begin.record;
      return seek_record(end.record - std::min(what.records, held));
    } else if constexpr (std::is_same_v<Spec, AfterHere>) {
      if (here > end.record || what.records > end.record - here) return Error{Errc::kOutOfRange};
      return seek_record(here + what.records);
    } else if constexpr (std::is_same_v<Spec, Time>) {
      return seek_time(what);
    } else if constexpr (std::is_same_v<Spec, ByteOffset>) {
      return seek_byte(what);
    } else {
      return seek_position(what);
    }
  };
  return std::visit(in, spec);
}

Result<Location> JournalReader::seek_record(RecordNumber record) {
  ChunkPart part;
  {
    MutexLock lock(state_.mutex);
    if (record > state_.table.end().record) return Error{Errc::kOutOfRange};
    if (record == state_.table.end().record) return state_.table.end();
    if (record <= state_.table.begin().record) return state_.table.begin();
    part = part_of(state_.table, state_.table.chunk_of(record));
  }
  const auto in_chunk = static_cast<uint32_t>(record - part.header.first_record);
  // Records that lie between two chunks were lost with the chunk that held them.
  if (in_chunk > part.end.records) return Error{Errc::kCorrupt, 0, "a chunk is missing"};
  const auto place = views_.read(part, Mapping::kForSearch, [&](ChunkReader& reader) {
    return reader.place_of_record(in_chunk);
  });
  return locate(part.header, place);
}

Result<Location> JournalReader::seek_byte(ByteOffset byte) {
  ChunkPart part;
  {
    MutexLock lock(state_.mutex);
    if (byte > state_.table.end().offset) return Error{Errc::kOutOfRange};
    if (byte == state_.table.end().offset) return state_.table.end();
    if (byte < state_.table.begin().offset) return state_.table.begin();
    part = part_of(state_.table, state_.table.chunk_of(byte));
  }
  const uint64_t in_chunk = byte - part.header.first_byte;
  // Bytes that lie between two chunks were lost with the chunk that held them.
  if (in_chunk >= part.end.bytes) return Error{Errc::kCorrupt, 0, "a chunk is missing"};
  const auto place = views_.read(part, Mapping::kForSearch, [&](ChunkReader& reader) {
    return reader.place_of_byte(in_chunk);
  });
  return locate(part.header, place);
}

// A chunk that was dropped meanwhile leads to the oldest record.
Result<Location> JournalReader::locate(const ChunkHeader& chunk,
                                       const Result<ChunkPlace>& place) const {
  MutexLock lock(state_.mutex);
  const auto i = state_.table.find(chunk.chunk);
  if (!i) return state_.table.begin();
  if (!place) return place.error();
  return state_.table.place(*i, place->record, place->offset);
}

Result<Location> JournalReader::seek_time(Time time) {
  ChunkPart part;
  {
    MutexLock lock(state_.mutex);
    if (state_.table.empty() || time > state_.table.time_of_end()) return state_.table.end();
    if (time <= state_.table.header(0).start) return state_.table.begin();
    // A record stamped with just the time at which its chunk begins may have a predecessor with the
    // same time at the end of the chunk before: so the search starts a millisecond earlier.
    part = part_of(state_.table, state_.table.chunk_of(time - std::chrono::milliseconds(1)));
  }
  const auto ms = static_cast<uint64_t>((time - part.header.start).count());
  auto place = views_.read(part, Mapping::kForSearch,
                           [&](ChunkReader& reader) { return reader.place_at_time(ms); });
  // Of a chunk that is missing nothing is found; what comes next is behind it.
  if (!place && place.error().code == Errc::kCorrupt) {
    place = ChunkPlace{part.end.records, part.end.bytes};
  }
  return locate(part.header, place);
}

Result<Location> JournalReader::seek_position(const Position& position) {
  RecordNumber record;
  {
    MutexLock lock(state_.mutex);
    if (position <= state_.table.begin().position) return state_.table.begin();
    const auto i = state_.table.find(position.chunk);
    if (!i || position.record > state_.table.end_of(*i).records) return Error{Errc::kOutOfRange};
    record = state_.table.header(*i).first_record + position.record;
  }
  return seek_record(record);
}

}  // namespace range
