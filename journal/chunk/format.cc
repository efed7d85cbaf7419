#include "journal/chunk/format.h"

#define XXH_INLINE_ALL  // an append hashes some 100 bytes: the call would cost as much
#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

namespace range {

// Integers are copied as they are in memory.
static_assert(std::endian::native == std::endian::little);
static_assert(kHeaderAt[0] + kSectorBytes <= kMarkAt[0] &&
              kMarkAt[0] + kSectorBytes <= kAttributesAt[0] &&
              kAttributesAt[0] + kSectorBytes <= kBeginAt[0] &&
              kBeginAt[0] + kSectorBytes <= kHeaderAt[1]);
static_assert(kHeaderAt[1] + kSectorBytes <= kMarkAt[1] &&
              kMarkAt[1] + kSectorBytes <= kAttributesAt[1] &&
              kAttributesAt[1] + kSectorBytes <= kBeginAt[1] &&
              kBeginAt[1] + kSectorBytes <= kEntriesAt);

namespace {

constexpr std::string_view kHeaderMagic = "RANGECHK";
constexpr std::string_view kMarkMagic = "RANGEMRK";
constexpr std::string_view kBeginMagic = "RANGEBEG";
constexpr size_t kSectorCheckAt = 504;

template <typename T>
void put(std::span<std::byte> bytes, size_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

template <typename T>
T get(std::span<const std::byte> bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void put_magic(Sector& sector, std::string_view magic) {
  std::memcpy(sector.data(), magic.data(), magic.size());
}

bool has_magic(const Sector& sector, std::string_view magic) {
  return std::memcmp(sector.data(), magic.data(), magic.size()) == 0;
}

void put_check(Sector& sector, uint64_t seed) {
  put(sector, kSectorCheckAt, XXH3_64bits_withSeed(sector.data(), kSectorCheckAt, seed));
}

bool has_check(const Sector& sector, uint64_t seed) {
  return get<uint64_t>(sector, kSectorCheckAt) ==
         XXH3_64bits_withSeed(sector.data(), kSectorCheckAt, seed);
}

constexpr uint64_t kIdMask = (uint64_t{1} << kIdBits) - 1;

// Hex digits of either case.
std::optional<uint64_t> parse_hex(std::string_view text, size_t digits) {
  uint64_t value = 0;
  if (text.size() != digits) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Sector encode(const ChunkHeader& header) {
  Sector sector{};
  put_magic(sector, kHeaderMagic);
  put(sector, 8, kFormatVersion);
  put(sector, 12, static_cast<uint32_t>(header.framing));
  put(sector, 16, header.journal.value());
  put(sector, 24, header.chunk.value());
  put(sector, 32, header.first_record.value());
  put(sector, 40, header.first_byte.value());
  put(sector, 48, int64_t{header.start.time_since_epoch().count()});
  put(sector, 56, header.boot_id);
  put_check(sector, 0);
  return sector;
}

std::optional<uint32_t> header_version(const Sector& sector) {
  if (!has_magic(sector, kHeaderMagic) || !has_check(sector, 0)) return std::nullopt;
  return get<uint32_t>(sector, 8);
}

std::optional<ChunkHeader> decode_header(const Sector& sector) {
  if (header_version(sector) != kFormatVersion) return std::nullopt;
  const auto framing = get<uint32_t>(sector, 12);
  if (framing != 1 && framing != 2) return std::nullopt;
  return ChunkHeader{
      .journal = JournalId(get<uint64_t>(sector, 16)),
      .chunk = ChunkId(get<uint64_t>(sector, 24)),
      .framing = static_cast<Framing>(framing),
      .first_record = RecordNumber(get<uint64_t>(sector, 32)),
      .first_byte = ByteOffset(get<uint64_t>(sector, 40)),
      .start = Time(std::chrono::milliseconds(get<int64_t>(sector, 48))),
      .boot_id = get<BootId>(sector, 56),
  };
}

Sector encode(const Mark& mark, ChunkId chunk) {
  Sector sector{};
  put_magic(sector, kMarkMagic);
  put(sector, 8, mark.sequence);
  put(sector, 16, mark.end.entries);
  put(sector, 20, mark.end.records);
  put(sector, 24, mark.end.bytes);
  put(sector, 32, mark.end.last_ms);
  put(sector, 40, mark.end.open_bytes);
  put(sector, 44, uint32_t{mark.sealed});
  put(sector, 48, mark.boot_id);
  put_check(sector, chunk.value());
  return sector;
}

std::optional<Mark> decode_mark(const Sector& sector, ChunkId chunk) {
  if (!has_magic(sector, kMarkMagic) || !has_check(sector, chunk.value())) return std::nullopt;
  return Mark{
      .sequence = get<uint64_t>(sector, 8),
      .end = {.entries = get<uint32_t>(sector, 16),
              .records = get<uint32_t>(sector, 20),
              .bytes = get<uint64_t>(sector, 24),
              .last_ms = get<uint64_t>(sector, 32),
              .open_bytes = get<uint32_t>(sector, 40)},
      .sealed = get<uint32_t>(sector, 44) != 0,
      .boot_id = get<BootId>(sector, 48),
  };
}

Sector encode_begin(const Location& begin) {
  Sector sector{};
  put_magic(sector, kBeginMagic);
  put(sector, 8, begin.record.value());
  put(sector, 16, begin.offset.value());
  put_check(sector, begin.position.chunk.value());
  return sector;
}

std::optional<Location> decode_begin(const Sector& sector, ChunkId chunk) {
  if (!has_magic(sector, kBeginMagic) || !has_check(sector, chunk.value())) return std::nullopt;
  return Location{.position = {.chunk = chunk, .record = 0},
                  .record = RecordNumber(get<uint64_t>(sector, 8)),
                  .offset = ByteOffset(get<uint64_t>(sector, 16))};
}

ChunkSeed chunk_seed(const ChunkHeader& header) {
  const std::array<uint64_t, 4> place = {header.journal.value(), header.chunk.value(),
                                         header.first_record.value(), header.first_byte.value()};
  return ChunkSeed(XXH3_64bits(place.data(), sizeof place));
}

uint32_t fragment_check(ChunkSeed chunk, uint32_t index, uint64_t start, const FragmentEntry& entry,
                        ConstBytes payload) {
  const std::array<uint64_t, 2> place = {uint64_t{index} << 32 | start, third_word(entry)};
  const uint64_t hash = XXH3_64bits(payload.data(), payload.size()) ^
                        XXH3_64bits_withSeed(place.data(), sizeof place, chunk.value() ^ entry.end);
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

std::string chunk_file_name(ChunkId chunk, std::string_view extension) {
  return fmt::format("{:016X}{}", chunk.value(), extension);
}

std::optional<ChunkId> chunk_of_file_name(std::string_view name, std::string_view extension) {
  if (!name.ends_with(extension)) return std::nullopt;
  const auto value = parse_hex(name.substr(0, name.size() - extension.size()), 16);
  if (!value || name != chunk_file_name(ChunkId(*value), extension)) return std::nullopt;
  return ChunkId(*value);
}

ChunkId chunk_id_at(Time time, uint16_t host) {
  const std::chrono::nanoseconds since_epoch = time.time_since_epoch();
  return ChunkId((static_cast<uint64_t>(since_epoch.count()) & ~kHostMask) | host);
}

Time time_of(ChunkId chunk) {
  const std::chrono::nanoseconds since_epoch(static_cast<int64_t>(chunk.value() & ~kHostMask));
  return Time(std::chrono::ceil<std::chrono::milliseconds>(since_epoch));
}

std::string to_string(JournalId journal) { return fmt::format("{:012x}", journal.value()); }

std::optional<JournalId> parse_journal_id(std::string_view text) {
  const auto value = parse_hex(text, kIdBits / 4);
  if (!value || JournalId(*value) == kNoId || text != to_string(JournalId(*value))) {
    return std::nullopt;
  }
  return JournalId(*value);
}

JournalId drawn_id(uint64_t random) { return JournalId(random & kIdMask & ~uint64_t{1}); }

JournalId id_of_inode(uint64_t inode) { return JournalId((inode << 1 | 1) & kIdMask); }

}  // namespace range
