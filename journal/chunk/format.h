// The on-disk format of a chunk: the one place that defines it. Pure encoding and decoding.
//
// A chunk is two files in the journal's directory. `<chunk id>.dat` holds the payloads,
// concatenated and nothing else. `<chunk id>.idx` says what they are; all integers in it are
// little-endian:
//
//   offset 0     header       512 bytes, written once
//   offset 512   mark slot 0  512 bytes, written alternately with mark slot 1; the first to both
//   offset 1024  attributes   of the journal when the chunk was begun: up to 512 bytes of text, see
//                             attributes.h
//   offset 1536  begin        512 bytes, written when the chunks before this one are dropped
//   offset 4096  header, mark slot 1, attributes, begin: in the same order, and but for the mark
//                with the same bytes
//   offset 6144  entries      16 bytes each, written once, in order
//
// Each of the first eight has a disk sector of its own, so that a torn write of one cannot damage
// another; and each is in two pages, should one of them become unreadable. Every gap is zero.
//
// Header                                  Mark slot
//    0  8  magic "RANGECHK"                  0  8  magic "RANGEMRK"; a slot of zeros is unused
//    8  4  version, kFormatVersion           8  8  sequence, from 1; the higher one counts
//   12  4  framing (1 line, 2 write)        16  4  entries that are synced
//   16  8  journal id                       20  4  records in them, an open one included
//   24  8  chunk id                         24  8  bytes of payload in them
//   32  8  number of the first record       32  8  time of the newest, ms since start
//   40  8  journal offset of the 1st byte   40  4  bytes of the open record, 0 if none is
//   48  8  start, Unix time in ms           44  4  1: sealed, takes no more appends; else 0
//   56 16  boot id at creation              48 16  boot id of the writer
//  504  8  XXH3-64 of bytes 0 to 503       504  8  XXH3-64 of bytes 0 to 503, seed: chunk id
//
// Begin
//    0  8  magic "RANGEBEG"; a sector of zeros says nothing
//    8  8  number of the first record, as in the header
//   16  8  journal offset of the 1st byte, as in the header
//  504  8  XXH3-64 of bytes 0 to 503, seed: chunk id
//
// Entry: one fragment, that is a record or a part of one, of at most kFragmentBytesMax bytes.
//    0  4  end: payload offset behind it; it begins where its predecessor ends
//    4  4  check: see fragment_check()
//    8  8  bits 0-27 record index in the chunk; bit 28 last of its append;
//          bit 29 open: the record goes on in the next entry if that has the same record index;
//          bits 30-63 ms since the start of the chunk, never less than its predecessor's
// An entry of zeros is no entry. An entry is valid if and only if its check is right.
//
// While a chunk takes appends, both files may end in zeros: room that was made ahead.
//
// Versions: a reader refuses a version it does not know; what a version means never changes. Magic,
// version and check of the header are where they are in every version.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "journal/base/boot_id.h"
#include "journal/types.h"

namespace range {

inline constexpr uint32_t kFormatVersion = 2;
inline constexpr size_t kSectorBytes = 512;
inline constexpr std::array<uint64_t, 2> kHeaderAt = {0, 4096};
inline constexpr std::array<uint64_t, 2> kMarkAt = {512, 4608};
inline constexpr std::array<uint64_t, 2> kAttributesAt = {1024, 5120};
inline constexpr std::array<uint64_t, 2> kBeginAt = {1536, 5632};
inline constexpr uint64_t kEntriesAt = 6144;
inline constexpr size_t kEntryBytes = 16;

// Where the index file ends that holds so many entries, in bytes.
constexpr uint64_t end_of_entries(uint32_t entries) {
  return kEntriesAt + uint64_t{entries} * kEntryBytes;
}

// A longer record is stored as several fragments, so that reading a few bytes of it does not mean
// verifying all of it.
inline constexpr size_t kFragmentBytesMax = size_t{64} << 10;

// What the fields can hold. A chunk is closed before any of them would overflow.
inline constexpr uint64_t kChunkBytesMax = UINT32_MAX;
inline constexpr uint64_t kChunkRecordsMax = (uint64_t{1} << 28) - 1;
inline constexpr uint64_t kChunkEntriesMax = uint64_t{1} << 31;
inline constexpr uint64_t kChunkAgeMsMax = (uint64_t{1} << 34) - 1;

using Sector = std::array<std::byte, kSectorBytes>;
using EntryBytes = std::array<std::byte, kEntryBytes>;

struct ChunkHeader {
  JournalId journal;
  ChunkId chunk;
  Framing framing = Framing::kLine;
  RecordNumber first_record;
  ByteOffset first_byte;
  Time start{};
  BootId boot_id{};

  friend bool operator==(const ChunkHeader&, const ChunkHeader&) = default;
};

// How far a chunk goes, at some moment.
struct ChunkEnd {
  uint32_t entries = 0;
  uint32_t records = 0;  // an open one included
  uint64_t bytes = 0;
  uint64_t last_ms = 0;     // time of the newest entry, since the start of the chunk
  uint32_t open_bytes = 0;  // length of the open record at the end; 0: none is open

  friend bool operator==(const ChunkEnd&, const ChunkEnd&) = default;
};

struct Mark {
  uint64_t sequence = 0;
  ChunkEnd end;
  bool sealed = false;
  BootId boot_id{};

  friend bool operator==(const Mark&, const Mark&) = default;
};

struct FragmentEntry {
  uint32_t end = 0;
  uint32_t check = 0;
  uint32_t record = 0;
  bool last_of_append = false;
  bool open = false;
  uint64_t ms = 0;

  friend bool operator==(const FragmentEntry&, const FragmentEntry&) = default;
};

Sector encode(const ChunkHeader& header);
Sector encode(const Mark& mark, ChunkId chunk);
// That a journal begins here, which is where the chunk begins that has the sector.
Sector encode_begin(const Location& begin);
inline EntryBytes encode(const FragmentEntry& entry);

// Nothing if the sector does not hold what it should. The version is that of an intact header,
// whatever else the header says.
std::optional<uint32_t> header_version(const Sector& sector);
std::optional<ChunkHeader> decode_header(const Sector& sector);
std::optional<Mark> decode_mark(const Sector& sector, ChunkId chunk);
std::optional<Location> decode_begin(const Sector& sector, ChunkId chunk);
// Never fails: only the check tells whether an entry is one.
inline FragmentEntry decode_entry(std::span<const std::byte, kEntryBytes> bytes);

// Stands for a chunk in its place: XXH3-64 of {journal id, chunk id, number of the first record,
// journal offset of the first byte}.
using ChunkSeed = Ordinal<struct ChunkSeedTag>;
ChunkSeed chunk_seed(const ChunkHeader& header);

// The check of the `index`-th entry of a chunk, whose payload begins at `start`: XXH3-64 of the
// payload, xor XXH3-64 of {start, index, third word of the entry} with the seed chunk_seed() xor
// end, folded to 32 bits. So an entry is valid in its own place only, and tells whether a header
// that is guessed is right. That neither hash waits for the other makes it a third faster for short
// records. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
uint32_t fragment_check(ChunkSeed chunk, uint32_t index, uint64_t start, const FragmentEntry& entry,
                        ConstBytes payload);

// File names: 16 upper-case hex digits and ".dat" or ".idx".
std::string chunk_file_name(ChunkId chunk, std::string_view extension);
std::optional<ChunkId> chunk_of_file_name(std::string_view name, std::string_view extension);

// The chunk id that `time` makes on a host, and the time that a chunk id stands for: the start of
// the chunk, or a little later if ids had to be told apart.
ChunkId chunk_id_at(Time time, uint16_t host);
Time time_of(ChunkId chunk);

// 12 lower-case hex digits: the name of a journal's directory.
std::string to_string(JournalId journal);
std::optional<JournalId> parse_journal_id(std::string_view text);

// Ids that are drawn are even: `random` cut to size. A draw of one that is taken, or of one of
// these two, does not count.
inline constexpr JournalId kNoId;
inline constexpr JournalId kRootId{2};
JournalId drawn_id(uint64_t random);
// What a directory goes by that has no id of its own, because somebody made it by hand or its
// attributes are lost: an odd number made of its inode, unique on one file system.
JournalId id_of_inode(uint64_t inode);

// --- inline, because appending and reading a record do little else ---

inline constexpr uint64_t kRecordMask = kChunkRecordsMax;
inline constexpr uint64_t kLastOfAppendBit = uint64_t{1} << 28;
inline constexpr uint64_t kOpenBit = uint64_t{1} << 29;
inline constexpr int kMsShift = 30;

inline uint64_t third_word(const FragmentEntry& entry) {
  return uint64_t{entry.record} | (entry.last_of_append ? kLastOfAppendBit : 0) |
         (entry.open ? kOpenBit : 0) | entry.ms << kMsShift;
}

inline EntryBytes encode(const FragmentEntry& entry) {
  EntryBytes bytes;
  const uint64_t word = third_word(entry);
  std::memcpy(bytes.data(), &entry.end, sizeof entry.end);
  std::memcpy(bytes.data() + 4, &entry.check, sizeof entry.check);
  std::memcpy(bytes.data() + 8, &word, sizeof word);
  return bytes;
}

inline FragmentEntry decode_entry(std::span<const std::byte, kEntryBytes> bytes) {
  uint32_t end = 0;
  uint32_t check = 0;
  uint64_t word = 0;
  std::memcpy(&end, bytes.data(), sizeof end);
  std::memcpy(&check, bytes.data() + 4, sizeof check);
  std::memcpy(&word, bytes.data() + 8, sizeof word);
  return FragmentEntry{
      .end = end,
      .check = check,
      .record = static_cast<uint32_t>(word & kRecordMask),
      .last_of_append = (word & kLastOfAppendBit) != 0,
      .open = (word & kOpenBit) != 0,
      .ms = word >> kMsShift,
  };
}

}  // namespace range
