// Chunks that are in no file: what reads them needs a source of bytes, and no more.
#include "journal/chunk/chunk_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "journal/chunk/chunk_scan.h"
#include "tests/support/memory_chunk.h"

namespace range {
namespace {

class ChunkReaderTest : public ::testing::Test {
 protected:
  static std::shared_ptr<MemoryChunk> lines(int count) {
    ChunkHeader header;
    header.journal = JournalId(8);
    header.chunk = ChunkId(0x10000);
    header.first_record = RecordNumber(100);
    header.first_byte = ByteOffset(5000);
    auto chunk = std::make_shared<MemoryChunk>(header);
    for (int i = 0; i < count; ++i) chunk->append(line(i), static_cast<uint64_t>(i) * 10);
    return chunk;
  }
  static std::string line(int i) { return "line " + std::to_string(i) + "\n"; }

  static std::string read(ChunkReader& reader, uint64_t offset, size_t size) {
    std::string text(size, '\0');
    const auto got = reader.read(offset, std::as_writable_bytes(std::span(text)));
    text.resize(got ? *got : 0);
    return text;
  }
};

TEST_F(ChunkReaderTest, GivesTheBytesThatWereAppended) {
  const auto chunk = lines(3);
  const ChunkView view = view_of(chunk);
  ChunkReader reader(view);
  EXPECT_EQ(read(reader, 0, 100), line(0) + line(1) + line(2));
  EXPECT_EQ(read(reader, line(0).size() + 2, 100), line(1).substr(2) + line(2));
}

TEST_F(ChunkReaderTest, FindsRecordsByNumberByteAndTime) {
  const auto chunk = lines(1000);
  const ChunkView view = view_of(chunk);
  ChunkReader reader(view);
  const ChunkPlace by_number = *reader.place_of_record(700);
  EXPECT_EQ(by_number.record, 700U);
  EXPECT_EQ(read(reader, by_number.offset, line(700).size()), line(700));
  EXPECT_EQ(reader.place_of_byte(by_number.offset + 3)->record, 700U);
  EXPECT_EQ(reader.place_at_time(7000)->record, 700U);
  EXPECT_EQ(reader.place_at_time(6991)->record, 700U);
}

TEST_F(ChunkReaderTest, ASearchReadsAFewPlacesOfTheIndex) {
  const auto chunk = lines(100'000);
  const ChunkView view = view_of(chunk);
  chunk->index_bytes().reads = 0;
  ChunkReader reader(view);
  ASSERT_TRUE(reader.place_at_time(500'000));
  EXPECT_LE(chunk->index_bytes().reads, 20U);
}

TEST_F(ChunkReaderTest, ServesNoRecordWhoseBytesHaveChanged) {
  const auto chunk = lines(3);
  chunk->payload_bytes().bytes[line(0).size()] ^= std::byte{1};
  const ChunkView view = view_of(chunk);
  ChunkReader reader(view);
  EXPECT_EQ(read(reader, 0, 100), line(0));
  RecordBatch batch;
  EXPECT_EQ(reader.read_records(1, 10, 1000, batch).error().code, Errc::kCorrupt);
  ASSERT_TRUE(reader.read_records(2, 10, 1000, batch));
  ASSERT_EQ(batch.items.size(), 1U);
  EXPECT_EQ(as_text(batch.items[0].bytes), line(2));
}

TEST_F(ChunkReaderTest, AScanFindsTheEndBehindTheMark) {
  const auto chunk = lines(5);
  chunk->mark(false);
  chunk->append("after the mark\n", 100);
  ChunkScan scan = *scan_marks(chunk->index(), chunk->header().chunk);
  EXPECT_EQ(scan.end.records, 5U);
  scan = *scan_tail(chunk, scan, chunk->header().boot_id);
  EXPECT_EQ(scan.tail, Tail::kClean);
  EXPECT_EQ(scan.end, chunk->end());
}

TEST_F(ChunkReaderTest, AScanWithinTheBootTellsAnAppendInFlight) {
  const auto chunk = lines(5);
  chunk->mark(false);
  const ChunkEnd marked = chunk->end();
  chunk->append("half of this is missing\n", 100);
  chunk->payload_bytes().bytes.resize(marked.bytes + 4);
  ChunkScan scan = *scan_marks(chunk->index(), chunk->header().chunk);
  scan = *scan_tail(chunk, scan, chunk->header().boot_id);
  EXPECT_TRUE(is_cut(scan.tail));
  EXPECT_EQ(scan.end, marked);
}

}  // namespace
}  // namespace range
