// Imports of what is damaged at the end of a chunk, or behind its index, where less says what is
// right.
#include "tests/support/exchange_damage_test.h"

namespace range::exchange {
namespace {

// What is left of a record whose length became shorter may look like others.
TEST_F(ExchangeTail, ChangedLengthOfTheLastRecordImportsNoOtherOne) {
  const std::string inner = "HEAD" + big_endian(6, 4) + "nested";
  const std::string torn = std::string(16, 't') + big_endian(4096, 4) + "8 bytes.";
  const std::string zeros(100, '\0');
  for (const bool last : {true, false}) {
    if (!last) write_chunk(kSecond, Chunk(second_));
    for (const auto& [record, length] :
         {std::pair(zeros, 96), std::pair(zeros, 92), std::pair(zeros, 98), std::pair(zeros, 0),
          std::pair(std::string("a plain text line"), 0)}) {
      const Chunk chunk({"one", "two", record});
      std::string data = chunk.data;
      data[chunk.offsets[2] + 3] = static_cast<char>(length);
      if (record[0] == 'a') data.replace(chunk.offsets[2], 6, 6, '\0');
      write_chunk(kFirst, chunk);
      write_data(kFirst, data);
      EXPECT_EQ(import_anew(), (Texts{"one", "two"}) + (last ? Texts() : second_)) << length;
      EXPECT_EQ(imported_.damage.size(), 1U) << length;
    }
    // Nothing says that these are none, so they are told.
    for (const auto& [record, length] : {std::pair(inner, 4), std::pair(torn, 16)}) {
      const Chunk chunk({"one", "two", record});
      std::string data = chunk.data;
      data[chunk.offsets[2] + 3] = static_cast<char>(length);
      write_chunk(kFirst, chunk);
      write_data(kFirst, data);
      import_anew();
      EXPECT_EQ(imported_.damage.size(), last ? 0U : 1U) << length;
      EXPECT_EQ(imported_.notes.size(), last ? 1U : 0U) << length;
    }
  }
}

TEST_F(ExchangeTail, FlippedLengthBehindTheIndexIsNoTornRecord) {
  for (const size_t count : {10U, 2000U}) {
    const Texts many = lines(count, "of many");
    const Chunk chunk(many);
    std::string data = chunk.data;
    data[chunk.offsets[4] + 1] = 1;
    for (const size_t entries : {0U, 4U}) {
      write_data(kFirst, data);
      write_index(kFirst, chunk.index.substr(0, entries * 8));
      EXPECT_EQ(import_anew(), without(many, 4, count)) << entries;
      EXPECT_EQ(imported_.damage.size(), 1U) << entries;
    }
  }
  // Nor is it one, if it is short enough to be one, and others are in it.
  const Chunk chunk(first_);
  std::string data = chunk.data;
  data[chunk.offsets[4] + 2] = 0x10;
  for (const std::string& tail : {std::string(), big_endian(7, 4) + "torn"}) {
    write_data(kFirst, data + tail);
    write_index(kFirst, "");
    EXPECT_EQ(import_anew(), without(first_, 4, 20));
    EXPECT_EQ(imported_.damage.size(), 1U);
  }
}

TEST_F(ExchangeTail, ZerosAtTheEndOfTheIndexCostNothing) {
  const Texts many = lines(300, "of many");
  const Chunk chunk(many);
  for (const size_t entries : {20U, 300U}) {
    const size_t bytes = entries * 8;
    for (const size_t size : {size_t{4096}, size_t{3} << 20}) {
      write_index(kFirst, chunk.index.substr(0, bytes) + std::string(size - bytes, '\0'));
      write_data(kFirst, chunk.data);
      EXPECT_EQ(import_anew(), many) << entries;
      EXPECT_TRUE(imported_.damage.empty());
      write_data(kFirst, chunk.data + big_endian(100, 4) + "abc");
      EXPECT_EQ(import_anew(), many) << entries;
      EXPECT_TRUE(imported_.damage.empty());
      ASSERT_FALSE(imported_.notes.empty());
      EXPECT_NE(imported_.notes[0].find("torn last record; 7 bytes"), std::string::npos);
      write_data(kFirst, chunk.data + std::string(600, '\0'));
      EXPECT_EQ(import_anew(), many) << entries;
      EXPECT_EQ(imported_.damage.size(), 1U);
    }
  }
}

TEST_F(ExchangeTail, TornAppendCostsNoNeighbourOfWhatIsHit) {
  const std::string tail = big_endian(100, 4) + "torn";
  for (const size_t entries : {20U, 300U}) {
    const Texts many = lines(300, "of many");
    const Chunk chunk(many);
    const std::string index = chunk.index.substr(0, entries * 8);
    std::string data = chunk.data + tail;
    data[chunk.offsets[entries - 2] + 3] ^= 1;
    write_data(kFirst, data);
    write_index(kFirst, index);
    EXPECT_EQ(import_anew(), without(many, entries - 2, entries - 1));
    EXPECT_EQ(imported_.damage.size(), 1U);
    // The last entry alone is wrong.
    std::string wrong = index;
    wrong[wrong.size() - 1] ^= 1;
    write_data(kFirst, chunk.data + tail);
    write_index(kFirst, wrong);
    EXPECT_EQ(import_anew(), many);
    EXPECT_TRUE(imported_.damage.empty());
  }
}

TEST_F(ExchangeTail, RecordsBehindTheIndexAreTold) {
  const Chunk chunk(first_);
  write_chunk(kFirst, chunk);
  write_index(kFirst, chunk.index.substr(0, 17 * 8));
  const Texts told{
      "chunk 18EA5F509AFF0001: its index ends before record 17; 3 records from there on imported, "
      "which nothing confirms"};
  EXPECT_EQ(import_anew(), first_);
  EXPECT_EQ(imported_.notes, told);
  write_chunk(kSecond, Chunk(second_));
  EXPECT_EQ(import_anew(), first_ + second_);
  EXPECT_EQ(imported_.damage, told);
}

// Nothing says how many records are behind the last one that the index has.
TEST_F(ExchangeTail, DamageOfTheLastIndexedRecordCountsNoneBehindIt) {
  const Texts many = lines(300, "of many");
  const Chunk chunk(many);
  std::string data = chunk.data;
  data[chunk.offsets[16] + 3] ^= 4;
  write_data(kFirst, data);
  write_index(kFirst, chunk.index.substr(0, 17 * 8));
  EXPECT_EQ(import_anew(), without(many, 16, 300));
  const size_t bytes = data.size() - chunk.offsets[16];
  EXPECT_EQ(
      imported_.damage,
      Texts{"chunk 18EA5F509AFF0001, offset " + std::to_string(chunk.offsets[16]) +
            ": wrong length; 1 record or more, " + std::to_string(bytes) + " bytes left out"});
}

TEST_F(ExchangeTail, OnlyRecordsThatWereImportedCountAsUnconfirmed) {
  const Texts many = lines(2000, "of many");
  const Chunk chunk(many);
  write_data(kFirst, chunk.data);
  write_index(kFirst, chunk.index.substr(0, 10 * 8));
  env_.set_readable(path(kFirst, ".dat"), 8192, false);
  const size_t imported = import_anew().size();
  EXPECT_GT(chunk.offsets[imported], 8000U);
  EXPECT_EQ(imported_.notes, Texts{"chunk 18EA5F509AFF0001: its index ends before record 10; " +
                                   std::to_string(imported - 10) +
                                   " records from there on imported, which nothing confirms"});
}

TEST_F(ExchangeTail, EmptyRecordBehindTheIndexIsTakenForZeros) {
  const Chunk chunk({"one", "two", ""});
  write_data(kFirst, chunk.data);
  write_index(kFirst, chunk.index.substr(0, 16));
  EXPECT_EQ(import_anew(), (Texts{"one", "two"}));
  EXPECT_EQ(imported_.damage, Texts{"chunk 18EA5F509AFF0001, offset 14: zeros up to the end of the "
                                    "file; 4 bytes left out"});
}

}  // namespace
}  // namespace range::exchange
