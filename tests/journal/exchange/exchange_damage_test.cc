// Imports of what is damaged: it costs the records that are hit, and each loss is told.
#include "tests/support/exchange_damage_test.h"

namespace range::exchange {
namespace {

TEST_F(ExchangeDamage, EveryChangedLengthByteCostsOneRecord) {
  for (const bool last : {true, false}) {
    const Chunk chunk(first_);
    write_chunk(kFirst, chunk);
    if (!last) write_chunk(kSecond, Chunk(second_));
    for (size_t i = 0; i < first_.size(); ++i) {
      for (size_t byte = 0; byte < 4; ++byte) {
        for (const int flip : {0x01, 0x04, 0x10, 0x80, 0xFF}) {
          SCOPED_TRACE(testing::Message() << "record " << i << ", byte " << byte << ", " << flip);
          std::string data = chunk.data;
          data[chunk.offsets[i] + byte] = static_cast<char>(data[chunk.offsets[i] + byte] ^ flip);
          write_data(kFirst, data);
          ASSERT_EQ(import_anew(), without(first_, i, i + 1) + (last ? Texts() : second_));
          ASSERT_EQ(imported_.damage.size(), 1U);
          EXPECT_NE(imported_.damage[0].find("chunk 18EA5F509AFF0001, offset " +
                                             std::to_string(chunk.offsets[i]) + ": "),
                    std::string::npos)
              << imported_.damage[0];
          // Whether others are behind the last one of an index is not known.
          const bool end = i + 1 == first_.size();
          EXPECT_NE(imported_.damage[0].find(end ? "; 1 record or more, " : "; 1 record, "),
                    std::string::npos)
              << imported_.damage[0];
        }
      }
    }
  }
}

TEST_F(ExchangeDamage, LengthThatSwallowsTheNextRecordImportsNoWrongOne) {
  const Texts same(10, "a record");  // of 12 bytes each
  const Chunk chunk(same);
  std::string data = chunk.data;
  data[chunk.offsets[4] + 3] = 8 + 12;  // ends where record 6 begins
  write_chunk(kFirst, chunk);
  write_data(kFirst, data);
  EXPECT_EQ(import_anew(), without(same, 4, 5));
  EXPECT_EQ(imported_.damage,
            Texts{"chunk 18EA5F509AFF0001, offset 48: wrong length; 1 record, 12 bytes left out"});
}

TEST_F(ExchangeDamage, RecordsOfZerosHideNoWrongLength) {
  const Texts zeros(10, std::string(96, '\0'));
  const Chunk chunk(zeros);
  for (const int length : {0, 4, 92, 100, 192, 196}) {
    std::string data = chunk.data;
    data[chunk.offsets[4] + 3] = static_cast<char>(length);
    write_chunk(kFirst, chunk);
    write_data(kFirst, data);
    EXPECT_EQ(import_anew(), without(zeros, 4, 5)) << length;
    EXPECT_EQ(imported_.damage.size(), 1U);
  }
}

TEST_F(ExchangeDamage, EveryZeroedStretchCostsTheRecordsInIt) {
  const Chunk chunk(first_);
  write_chunk(kFirst, chunk);
  write_chunk(kSecond, Chunk(second_));
  for (size_t i = 0; i < first_.size(); ++i) {
    for (const size_t count : {2U, 5U}) {
      const size_t end = std::min(i + count, first_.size());
      const size_t stop = end < first_.size() ? chunk.offsets[end] : chunk.data.size();
      std::string data = chunk.data;
      std::fill(data.begin() + static_cast<std::ptrdiff_t>(chunk.offsets[i]),
                data.begin() + static_cast<std::ptrdiff_t>(stop), '\0');
      write_data(kFirst, data);
      ASSERT_EQ(import_anew(), without(first_, i, end) + second_) << i << ' ' << count;
      ASSERT_EQ(imported_.damage.size(), 1U);
      EXPECT_NE(imported_.damage[0].find(std::to_string(end - i) + " record"), std::string::npos)
          << imported_.damage[0];
    }
  }
}

TEST_F(ExchangeDamage, EveryCutOfAChunkIsTold) {
  const Chunk chunk(first_);
  for (const bool last : {true, false}) {
    write_chunk(kFirst, chunk);
    if (!last) write_chunk(kSecond, Chunk(second_));
    for (size_t size = 0; size < chunk.data.size(); ++size) {
      size_t whole = 0;  // records
      while (whole + 1 < first_.size() && chunk.offsets[whole + 1] <= size) ++whole;
      write_data(kFirst, chunk.data.substr(0, size));
      ASSERT_EQ(import_anew(), without(first_, whole, first_.size()) + (last ? Texts() : second_))
          << size;
      ASSERT_EQ(imported_.damage.size(), 1U) << size;
      const size_t lost = first_.size() - whole;
      EXPECT_NE(imported_.damage[0].find(std::to_string(lost) + " record"), std::string::npos)
          << imported_.damage[0];
    }
  }
}

TEST_F(ExchangeDamage, ChunkWithoutItsDataIsTold) {
  write_chunk(kFirst, Chunk(first_));
  write_index(kSecond, Chunk(second_).index);
  write_chunk(kThird, Chunk({"third"}));
  EXPECT_EQ(import_anew(), first_ + Texts{"third"});
  EXPECT_EQ(imported_.damage,
            Texts{"chunk 18EA5F609AFF0001, offset 0: its .dat is missing; 20 records left out"});
}

TEST_F(ExchangeDamage, EmptyChunkBeforeAnotherIsTold) {
  write_chunk(kFirst, Chunk(first_));
  write_data(kSecond, "");
  write_chunk(kThird, Chunk({"third"}));
  EXPECT_EQ(import_anew(), first_ + Texts{"third"});
  EXPECT_EQ(imported_.damage,
            Texts{"chunk 18EA5F609AFF0001, offset 0: empty, and another follows; its records left "
                  "out, nothing says how many"});
}

TEST_F(ExchangeDamage, EveryChangedIndexByteIsNotedAndCostsNothing) {
  const Chunk chunk(first_);
  write_chunk(kFirst, chunk);
  write_chunk(kSecond, Chunk(second_));
  for (size_t at = 8; at < chunk.index.size(); ++at) {
    for (const int flip : {0x01, 0x04, 0x10, 0x80, 0xFF}) {
      std::string index = chunk.index;
      index[at] = static_cast<char>(index[at] ^ flip);
      write_index(kFirst, index);
      ASSERT_EQ(import_anew(), first_ + second_) << at << ' ' << flip;
      ASSERT_TRUE(imported_.damage.empty()) << imported_.damage[0];
      ASSERT_EQ(imported_.notes.size(), 1U);
    }
  }
}

TEST_F(ExchangeDamage, IndexOfAnotherChunkIsNotUsed) {
  write_data(kFirst, Chunk(first_).data);
  write_index(kFirst, Chunk(Texts(20, "something of another length")).index);
  EXPECT_EQ(import_anew(), first_);
  EXPECT_EQ(imported_.notes,
            Texts{"chunk 18EA5F509AFF0001: its index is wrong from record 1 on, not used"});
  EXPECT_TRUE(imported_.damage.empty());
}

TEST_F(ExchangeDamage, IndexWithMoreRecordsThanTheDataIsALoss) {
  write_data(kFirst, kThree);
  for (const auto& [more, lost] :
       {std::pair(hex("000000000000000F"), 1), std::pair(hex("0000000000000100"), 1),
        std::pair(hex("000000000000000F 0000000000000020"), 2)}) {
    write_index(kFirst, kThreeIndex + more);
    EXPECT_EQ(import_anew(), (Texts{"a", "", "bc"}));
    ASSERT_EQ(imported_.damage.size(), 1U);
    EXPECT_NE(imported_.damage[0].find(std::to_string(lost) + " record"), std::string::npos)
        << imported_.damage[0];
  }
}

TEST_F(ExchangeDamage, ZerosBehindTheIndexAreNoRecords) {
  const Chunk chunk(first_);
  write_chunk(kFirst, chunk);
  write_data(kFirst, chunk.data + std::string(4096, '\0'));
  EXPECT_EQ(import_anew(), first_);
  EXPECT_EQ(imported_.damage.size(), 1U);
  // Nor are zeros in their place.
  std::string data = chunk.data;
  std::fill(data.begin() + static_cast<std::ptrdiff_t>(chunk.offsets[15]), data.end(), '\0');
  write_data(kFirst, data);
  EXPECT_EQ(import_anew(), without(first_, 15, 20));
  EXPECT_EQ(imported_.damage.size(), 1U);
}

TEST_F(ExchangeDamage, EmptyRecordsAtTheEndAreRecords) {
  const Texts records = first_ + Texts(3, "");
  const Chunk chunk(records);
  write_chunk(kFirst, chunk);
  EXPECT_EQ(import_anew(), records);
  write_index(kFirst, "");
  EXPECT_EQ(import_anew(), records);
  EXPECT_TRUE(imported_.damage.empty());
}

TEST_F(ExchangeDamage, RecordBeforeDamageThatNoIndexHasIsLeftOut) {
  const Chunk chunk(first_);
  std::string data = chunk.data;
  data[chunk.offsets[4] + 3] = 5;  // "first" would be one
  write_data(kFirst, data);
  EXPECT_EQ(import_anew(), without(first_, 4, 20));
  EXPECT_EQ(imported_.damage.size(), 1U);
}

TEST_F(ExchangeDamage, UnreadablePageCostsTheRecordsInIt) {
  const Texts many = lines(2000, "of many");
  const Chunk chunk(many);
  write_chunk(kFirst, chunk);
  for (const bool indexed : {true, false}) {
    if (!indexed) write_index(kFirst, "");
    for (const uint64_t page : {0U, 1U, 3U}) {
      env_.set_readable(path(kFirst, ".dat"), page * 4096, false);
      Texts expected;
      for (size_t i = 0; i < many.size(); ++i) {
        const size_t end = i + 1 < many.size() ? chunk.offsets[i + 1] : chunk.data.size();
        const bool hit = chunk.offsets[i] < (page + 1) * 4096 && end > page * 4096;
        if (hit && !indexed) break;
        if (!hit) expected.push_back(many[i]);
      }
      EXPECT_EQ(import_anew(), expected) << page << indexed;
      ASSERT_GE(imported_.damage.size(), 1U);
      EXPECT_NE(imported_.damage.back().find("left out"), std::string::npos);
      env_.set_readable(path(kFirst, ".dat"), page * 4096, true);
    }
  }
}

TEST_F(ExchangeDamage, UnreadableIndexCostsNothing) {
  const Texts many = lines(2000, "of many");
  write_chunk(kFirst, Chunk(many));
  env_.set_readable(path(kFirst, ".idx"), 4096, false);
  EXPECT_EQ(import_anew(), many);
  EXPECT_TRUE(imported_.damage.empty());
  EXPECT_EQ(imported_.notes, Texts{"chunk 18EA5F509AFF0001: its index cannot be read everywhere"});
}

}  // namespace
}  // namespace range::exchange
