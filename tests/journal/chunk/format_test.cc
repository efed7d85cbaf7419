// The bytes of the format, frozen: what these tests hold must stay readable for ever.

#include "journal/chunk/format.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/engine_test.h"

namespace range {
namespace {

using std::chrono::milliseconds;

BootId counting_boot_id() {
  BootId id{};
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::byte>(0xB0 + i);
  return id;
}

ChunkHeader sample_header() {
  return {.journal = JournalId(0x1122334455667788),
          .chunk = ChunkId(0x18EA34EE67450007),
          .framing = Framing::kWrite,
          .first_record = RecordNumber(0x0102030405060708),
          .first_byte = ByteOffset(0x1112131415161718),
          .start = Time(milliseconds(1763802000123)),
          .boot_id = counting_boot_id()};
}

Mark sample_mark() {
  return {.sequence = 0x2122232425262728,
          .end = {.entries = 0x31323334,
                  .records = 0x01424344,
                  .bytes = 0x51525354,
                  .last_ms = 0x61626364,
                  .open_bytes = 0x00717273},
          .sealed = true,
          .boot_id = counting_boot_id()};
}

std::string hex(ConstBytes bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

// The bytes that are not zero at the beginning and the check at the end; all between must be zero.
std::string significant(const Sector& sector, size_t used) {
  const ConstBytes middle = ConstBytes(sector).subspan(used, 504 - used);
  for (const std::byte byte : middle) EXPECT_EQ(byte, std::byte{0});
  return hex(ConstBytes(sector).first(used)) + " " + hex(ConstBytes(sector).last(8));
}

TEST(Format, HeaderBytesAreFrozen) {
  EXPECT_EQ(significant(encode(sample_header()), 72),
            "52414e474543484b"
            "02000000"
            "02000000"
            "8877665544332211"
            "07004567ee34ea18"
            "0807060504030201"
            "1817161514131211"
            "fbaacaaa9a010000"
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
            " d0a4498679b96bc7");
}

TEST(Format, MarkBytesAreFrozen) {
  EXPECT_EQ(significant(encode(sample_mark(), ChunkId(0x18EA34EE67450007)), 64),
            "52414e47454d524b"
            "2827262524232221"
            "34333231"
            "44434201"
            "5453525100000000"
            "6463626100000000"
            "73727100"
            "01000000"
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
            " 29fa030e47fe5c21");
}

TEST(Format, EntryBytesAndCheckAreFrozen) {
  FragmentEntry entry{.end = 0x01020304,
                      .record = 0x0ABCDEF,
                      .last_of_append = true,
                      .open = true,
                      .ms = 0x212345678};
  entry.check =
      fragment_check(ChunkSeed(0x18EA34EE67450007), 5, 0x010202FF, entry, as_bytes("five\n"));
  EXPECT_EQ(hex(encode(entry)), "04030201c142c3efefcdab309e158d84");
}

TEST(Format, EverythingDecodesToWhatWasEncoded) {
  EXPECT_EQ(decode_header(encode(sample_header())), sample_header());
  EXPECT_EQ(decode_mark(encode(sample_mark(), ChunkId(7)), ChunkId(7)), sample_mark());
  const FragmentEntry most{.end = UINT32_MAX,
                           .check = UINT32_MAX,
                           .record = kChunkRecordsMax,
                           .last_of_append = true,
                           .open = true,
                           .ms = kChunkAgeMsMax};
  EXPECT_EQ(decode_entry(encode(most)), most);
  EXPECT_EQ(decode_entry(encode(FragmentEntry{})), FragmentEntry{});
  Mark open = sample_mark();
  open.sealed = false;
  EXPECT_EQ(decode_mark(encode(open, ChunkId(7)), ChunkId(7)), open);
}

TEST(Format, EveryFlippedBitOfASectorIsRefused) {
  const Sector header = encode(sample_header());
  const Sector mark = encode(sample_mark(), ChunkId(7));
  for (size_t bit = 0; bit < kSectorBytes * 8; ++bit) {
    const auto flipped = [&](Sector sector) {
      sector[bit / 8] ^= std::byte{1} << (bit % 8);
      return sector;
    };
    EXPECT_FALSE(decode_header(flipped(header))) << bit;
    EXPECT_FALSE(decode_mark(flipped(mark), ChunkId(7))) << bit;
  }
}

TEST(Format, TheSeedOfAChunkIsFrozenAndTellsPlacesApart) {
  const ChunkHeader header = sample_header();
  EXPECT_EQ(chunk_seed(header), ChunkSeed(0x1E78D0179B550974));
  ChunkHeader other = header;
  other.first_record += 1;
  EXPECT_NE(chunk_seed(other), chunk_seed(header));
  other = header;
  other.first_byte += 1;
  EXPECT_NE(chunk_seed(other), chunk_seed(header));
}

TEST(Format, AMarkOfAnotherChunkIsRefused) {
  EXPECT_FALSE(decode_mark(encode(sample_mark(), ChunkId(7)), ChunkId(8)));
}

TEST(Format, ABeginIsThatOfItsChunkOnly) {
  const Location begin{.position = {.chunk = ChunkId(7), .record = 0},
                       .record = RecordNumber(0x0102030405060708),
                       .offset = ByteOffset(0x1112131415161718)};
  Sector sector = encode_begin(begin);
  EXPECT_EQ(decode_begin(sector, ChunkId(7)), begin);
  EXPECT_FALSE(decode_begin(sector, ChunkId(8)));
  EXPECT_EQ(as_text(ConstBytes(sector).first(24)),
            std::string_view("RANGEBEG\x08\x07\x06\x05\x04\x03\x02\x01"
                             "\x18\x17\x16\x15\x14\x13\x12\x11"));
  for (std::byte& byte : sector) {
    byte ^= std::byte{1};
    EXPECT_FALSE(decode_begin(sector, ChunkId(7)));
    byte ^= std::byte{1};
  }
}

TEST(Format, ZerosAreNeitherHeaderNorMarkNorBegin) {
  EXPECT_FALSE(decode_begin(Sector{}, ChunkId(0)));
  EXPECT_FALSE(decode_header(Sector{}));
  EXPECT_FALSE(decode_mark(Sector{}, ChunkId(0)));
}

TEST(Format, EveryFlippedBitOfAnEntryOrItsPayloadFailsTheCheck) {
  std::string payload = "some payload\n";
  FragmentEntry entry{.end = 113, .record = 3, .last_of_append = true, .ms = 99};
  entry.check = fragment_check(ChunkSeed(7), 4, 100, entry, as_bytes(payload));
  const auto valid = [&](const FragmentEntry& e, ConstBytes bytes, uint32_t index = 4,
                         uint64_t start = 100, ChunkSeed chunk = ChunkSeed(7)) {
    return e.check == fragment_check(chunk, index, start, e, bytes);
  };
  ASSERT_TRUE(valid(entry, as_bytes(payload)));
  for (size_t bit = 0; bit < kEntryBytes * 8; ++bit) {
    EntryBytes bytes = encode(entry);
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(valid(decode_entry(bytes), as_bytes(payload))) << bit;
  }
  for (size_t bit = 0; bit < payload.size() * 8; ++bit) {
    payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(valid(entry, as_bytes(payload))) << bit;
    payload[bit / 8] = static_cast<char>(payload[bit / 8] ^ (1 << (bit % 8)));
  }
  EXPECT_FALSE(valid(entry, as_bytes(payload), 5));
  EXPECT_FALSE(valid(entry, as_bytes(payload), 4, 99));
  EXPECT_FALSE(valid(entry, as_bytes(payload), 4, 100, ChunkSeed(8)));
}

TEST(Format, FileNamesAreSixteenHexDigits) {
  EXPECT_EQ(chunk_file_name(ChunkId(0xAB), ".dat"), "00000000000000AB.dat");
  EXPECT_EQ(chunk_of_file_name("00000000000000AB.dat", ".dat"), ChunkId(0xAB));
  for (const char* name :
       {"AB.dat", "00000000000000AB.idx", "00000000000000AG.dat", ".dat", "",
        "00000000000000ab.dat", "00000000000000AB.dat.torn", "-0000000000000AB.dat"}) {
    EXPECT_FALSE(chunk_of_file_name(name, ".dat")) << name;
  }
}

TEST(Format, IdsAreTwelveHexDigits) {
  EXPECT_EQ(to_string(JournalId(0xAB)), "0000000000ab");
  EXPECT_EQ(to_string(JournalId((uint64_t{1} << kIdBits) - 1)), "ffffffffffff");
  EXPECT_EQ(parse_journal_id("0000000000ab"), JournalId(0xAB));
  for (const char* text : {"000000000000", "0000000000a", "00000000000ab", "0000000000ag", "",
                           "00000000000000ab", "-000000000ab", "../000000000"}) {
    EXPECT_FALSE(parse_journal_id(text)) << text;
  }
}

TEST(Format, IdsThatAreDrawnAreNoneOfThoseMadeOfInodes) {
  constexpr uint64_t kEnd = uint64_t{1} << kIdBits;
  for (const uint64_t number : {uint64_t{0}, uint64_t{1}, uint64_t{7}, kEnd, ~uint64_t{0}}) {
    EXPECT_EQ(drawn_id(number).value() % 2, 0U);
    EXPECT_EQ(id_of_inode(number).value() % 2, 1U);
    EXPECT_LT(drawn_id(number).value(), kEnd);
    EXPECT_LT(id_of_inode(number).value(), kEnd);
  }
  EXPECT_NE(id_of_inode(12), id_of_inode(13));
}

// --- A whole chunk as today's code writes it ----------------------------------------------------

class FormatChunk : public EngineTest {};

TEST_F(FormatChunk, AChunkWrittenTodayHasTheFrozenBytes) {
  env_->set_now(Time(milliseconds(1763802000123)));
  env_->set_since_boot(std::chrono::seconds(100));
  reopen();
  const auto app = journal();
  append(*app, "one\ntwo\nopen ");
  env_->advance(milliseconds(7));
  append(*app, "closed\n");
  append_record(*app, "");
  ASSERT_TRUE(app->sync());
  const Path idx = files(app->id(), ".idx").front();
  EXPECT_EQ(idx.filename(), "187A4892F7740000.idx");
  EXPECT_EQ(env_->read_all(files(app->id(), ".dat").front()), "one\ntwo\nopen closed\n");
  const std::string index = env_->read_all(idx);
  const auto part = [&](uint64_t at, size_t size) {
    return hex(as_bytes(std::string_view(index).substr(at, size)));
  };
  Sector sector{};
  std::copy_n(as_bytes(index).begin(), kSectorBytes, sector.begin());
  const auto header = decode_header(sector);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->journal, app->id());
  EXPECT_EQ(header->framing, Framing::kLine);
  EXPECT_EQ(header->start, Time(milliseconds(1763802000123)));
  EXPECT_EQ(part(kHeaderAt[1], kSectorBytes), part(kHeaderAt[0], kSectorBytes));
  EXPECT_EQ(part(kAttributesAt[1], kSectorBytes), part(kAttributesAt[0], kSectorBytes));
  // The first mark is in both slots: 5 entries, 4 records, 20 bytes, 7 ms.
  EXPECT_EQ(part(kMarkAt[0], kSectorBytes), part(kMarkAt[1], kSectorBytes));
  EXPECT_EQ(part(kMarkAt[1], 48),
            "52414e47454d524b"
            "0100000000000000"
            "05000000"
            "04000000"
            "1400000000000000"
            "0700000000000000"
            "00000000"
            "00000000");
  EXPECT_EQ(part(kEntriesAt, 16), "04000000fe96da740000000000000000");
  EXPECT_EQ(part(kEntriesAt + 16, 16), "08000000abc545210100000000000000");
  EXPECT_EQ(part(kEntriesAt + 32, 16), "0d000000cb949f2b0200003000000000");
  EXPECT_EQ(part(kEntriesAt + 48, 16), "14000000dfd33c30020000d001000000");
  EXPECT_EQ(part(kEntriesAt + 64, 16), "14000000088291a3030000d001000000");
  EXPECT_EQ(index.size(), kEntriesAt + 5 * kEntryBytes);
}

}  // namespace
}  // namespace range
