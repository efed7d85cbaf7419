#include "journal/local/chunk_limits.h"

#include <gtest/gtest.h>

namespace range {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kChunkSize = uint64_t{64} << 20;
constexpr Time kStart = Time(milliseconds(1'000'000));

ChunkEnd end_with(uint64_t bytes, uint32_t records) {
  ChunkEnd end;
  end.bytes = bytes;
  end.records = records;
  return end;
}

TEST(ChunkLimitsTest, WithoutRetentionOnlyTheSizeOfChunksCounts) {
  const ChunkLimits limits = ChunkLimits::of({}, kChunkSize);
  EXPECT_FALSE(limits.limited);
  const Time much_later = kStart + std::chrono::hours(10'000);
  EXPECT_FALSE(limits.reached(end_with(kChunkSize - 1, 1'000'000), kStart, much_later));
  EXPECT_TRUE(limits.reached(end_with(kChunkSize, 1), kStart, kStart));
}

TEST(ChunkLimitsTest, EachLimitIsMadeOfEightChunks) {
  Retention retention;
  retention.max_bytes = uint64_t{8} << 20;
  retention.max_records = 800;
  retention.max_age = std::chrono::seconds(80);
  const ChunkLimits limits = ChunkLimits::of(retention, kChunkSize);
  EXPECT_TRUE(limits.limited);
  EXPECT_EQ(limits.bytes, uint64_t{1} << 20);
  EXPECT_EQ(limits.records, 100U);
  EXPECT_EQ(limits.age, std::chrono::seconds(10));
}

TEST(ChunkLimitsTest, SmallLimitsDoNotMakeTinyChunks) {
  Retention retention;
  retention.max_bytes = 1;
  retention.max_records = 1;
  retention.max_age = milliseconds(1);
  const ChunkLimits limits = ChunkLimits::of(retention, kChunkSize);
  EXPECT_EQ(limits.bytes, uint64_t{64} << 10);
  EXPECT_EQ(limits.records, 1U);
  EXPECT_EQ(limits.age, std::chrono::seconds(1));
}

TEST(ChunkLimitsTest, LargeLimitsDoNotMakeChunksLargerThanTheStoreWants) {
  Retention retention;
  retention.max_bytes = uint64_t{1} << 40;
  EXPECT_EQ(ChunkLimits::of(retention, kChunkSize).bytes, kChunkSize);
}

TEST(ChunkLimitsTest, AnOpenRecordIsNotDivided) {
  const ChunkLimits limits = ChunkLimits::of({}, kChunkSize);
  ChunkEnd end = end_with(kChunkSize * 2, 5);
  end.open_bytes = 10;
  EXPECT_FALSE(limits.reached(end, kStart, kStart));
}

TEST(ChunkLimitsTest, AChunkWithoutRecordsDoesNotAge) {
  Retention retention;
  retention.max_age = std::chrono::seconds(80);
  const ChunkLimits limits = ChunkLimits::of(retention, kChunkSize);
  const Time later = kStart + std::chrono::seconds(10);
  EXPECT_FALSE(limits.reached(end_with(0, 0), kStart, later));
  EXPECT_TRUE(limits.reached(end_with(5, 1), kStart, later));
  EXPECT_FALSE(limits.reached(end_with(5, 1), kStart, later - milliseconds(1)));
}

}  // namespace
}  // namespace range
