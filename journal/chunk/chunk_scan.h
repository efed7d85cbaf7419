// Finding out what one chunk holds.
//
// What was synced is not read: the newest mark says how far that goes. Behind it every entry is
// verified. What ends the chunk decides what it was:
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "journal/chunk/chunk_view.h"
#include "journal/chunk/format.h"
#include "journal/journal.h"

namespace range {

enum class Tail {
  kClean,     // nothing behind the last complete append
  kInFlight,  // an append of a process that died in it; it had not returned, as far as can be seen
  // Payload that no entry describes, within one boot: an append of a process that died before it
  // had written its entries, or a disk has lost them.
  kUndescribed,
  kTorn,     // power was lost before a sync: records that were not synced are incomplete
  kLost,     // within one boot appends are gone that had returned, but were not synced
  kCorrupt,  // what had been stored has changed or cannot be read; what lies behind is still served
  kUnreadable,  // where it ends cannot be read, now: what can is served
};

// Whether it is cut off before more is appended.
constexpr bool is_cut(Tail tail) {
  return tail == Tail::kInFlight || tail == Tail::kUndescribed || tail == Tail::kTorn ||
         tail == Tail::kLost;
}

// What one chunk file pair turned out to hold.
struct ChunkScan {
  std::optional<ChunkHeader> header;     // nothing: both copies are unreadable
  std::optional<Mark> mark;              // the newest intact one
  std::optional<Location> begin;         // of the journal, if chunks before this one were dropped
  std::optional<Attributes> attributes;  // of the journal, when the chunk was begun
  ChunkEnd end;                          // behind the last complete append
  Tail tail = Tail::kClean;
  // The first thing that could not be read, of what stands before the entries or of the tail.
  std::optional<Error> unreadable;
  bool missing = false;  // one of the files is: none of its records can be served
  bool rebuilt = false;  // the header is, from other chunks: nothing more may be appended
};

// The boot in which the chunk was last synced, or begun.
const BootId& written_in(const ChunkScan& scan);

// Reads what stands before the entries only; `end` is that of the mark. Errors:
// kUnknownFormat for a chunk of a version that is not ours.
Result<ChunkScan> scan_marks(ByteSource& index, ChunkId chunk);

// Reads on behind the mark of a chunk whose header is known, and finds its end. `boot_id` is that
// of the running system.
Result<ChunkScan> scan_tail(const std::shared_ptr<ChunkBytes>& bytes, ChunkScan scan,
                            const BootId& boot_id);

// How many entries an index has, valid or not. Zeros at its end are none of them: room that
// was made ahead of appends, or the end of the last one. What cannot be read may be an entry.
struct SlotCount {
  uint32_t slots = 0;
  std::optional<Error> unreadable{};
};
Result<SlotCount> count_slots(ByteSource& index);

}  // namespace range
