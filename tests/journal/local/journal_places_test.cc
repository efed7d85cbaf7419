// Where times, bytes, numbers and positions lead in a journal of the local engine.

#include <gtest/gtest.h>

#include "tests/support/open_journal_test.h"

namespace range {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using JournalPlaces = OpenJournalTest;

TEST_F(JournalPlaces, ATimeLeadsToTheFirstRecordNotOlder) {
  const Time start = env_->now();
  for (int i = 0; i < 100; ++i) {
    append(*app_, line(i));
    env_->advance(i % 3 == 0 ? seconds(0) : seconds(10));
  }
  EXPECT_GT(app_->info()->chunks, 2U);
  std::vector<Time> times;
  Cursor cursor(app_);
  while (const auto record = cursor.next().value()) times.push_back(record->time);
  ASSERT_EQ(times.size(), 100U);
  for (const Time time : times) {
    for (const milliseconds by : {milliseconds(-1), milliseconds(0), milliseconds(1)}) {
      const auto expected = std::lower_bound(times.begin(), times.end(), time + by);
      EXPECT_EQ(seek(time + by), RecordNumber(static_cast<uint64_t>(expected - times.begin())));
    }
  }
  EXPECT_EQ(seek(start - seconds(1000)), RecordNumber(0));
  EXPECT_EQ(seek(env_->now() + seconds(1000)), RecordNumber(100));
}

TEST_F(JournalPlaces, ChunksThatBeginAtTheSameTimeAreAllFound) {
  append_lines(*app_, 0, 10);
  env_->advance(seconds(1));
  const Time burst = env_->now();
  append_lines(*app_, 10, 200);
  env_->advance(seconds(1));
  append_lines(*app_, 210, 5);
  EXPECT_EQ(seek(burst), RecordNumber(10));
  EXPECT_EQ(seek(burst + milliseconds(1)), RecordNumber(210));
}

TEST_F(JournalPlaces, AnOpenRecordHasTheTimeOfItsFirstBytes) {
  append(*app_, "open");
  env_->advance(seconds(1));
  const Time later = env_->now();
  append(*app_, "ed\n");
  append(*app_, "next\n");
  EXPECT_EQ(seek(later), RecordNumber(1));
  EXPECT_EQ(seek(later - seconds(1)), RecordNumber(0));
}

TEST_F(JournalPlaces, TimesNeverDecrease) {
  append(*app_, "a\n");
  const Time first = app_->extent().last_time;
  env_->set_now(env_->now() - seconds(30));
  append(*app_, "b\n");
  EXPECT_EQ(app_->extent().last_time, first);
  reopen_journal();
  append(*app_, "c\n");
  EXPECT_EQ(app_->extent().last_time, first);
  env_->advance(seconds(31));
  append(*app_, "d\n");
  EXPECT_GT(app_->extent().last_time, first);
}

// --- positions ---

TEST_F(JournalPlaces, AByteLeadsToTheRecordThatHoldsIt) {
  append_record(*app_, "");
  for (int i = 0; i < 60; ++i) {
    append_record(*app_, std::string(static_cast<size_t>(i * 37 % 211), 'x'));
    if (i % 20 == 0) append_record(*app_, std::string(2 * kFragmentBytesMax + 5, 'y'));
  }
  ASSERT_GT(app_->info()->chunks, 2U);
  append(*app_, "still ");
  append(*app_, "open");
  const Extent extent = app_->extent();
  for (int round = 0; round < 2; ++round) {
    for (uint64_t n = 0; n < extent.end.record.value(); ++n) {
      const auto begin = app_->seek(RecordNumber(n))->offset;
      const auto end = app_->seek(RecordNumber(n + 1))->offset;
      if (begin == end) continue;  // holds no byte
      for (const ByteOffset byte : {begin, begin + (end - begin) / 2, end - 1}) {
        const auto found = app_->seek(byte);
        ASSERT_TRUE(found) << to_string(found.error());
        EXPECT_EQ(found->record, RecordNumber(n)) << "byte " << byte.value();
        EXPECT_EQ(found->offset, begin) << "byte " << byte.value();
      }
    }
    EXPECT_EQ(app_->seek(extent.end.offset).value(), extent.end);
    EXPECT_EQ(app_->seek(extent.end.offset + 1).error().code, Errc::kOutOfRange);
    reopen_journal();
  }
}

TEST_F(JournalPlaces, PositionsPastTheEndAreOutOfRange) {
  append_lines(*app_, 0, 100);
  const Location end = app_->extent().end;
  EXPECT_EQ(app_->seek(end.position).value(), end);
  const std::vector<PositionSpec> refused = {
      RecordNumber(101), AfterHere{101}, AfterHere{UINT64_MAX},
      Position{.chunk = end.position.chunk, .record = end.position.record + 1},
      Position{.chunk = end.position.chunk + 1, .record = 0}};
  for (const PositionSpec& spec : refused) {
    const auto found = app_->seek(spec);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::kOutOfRange);
  }
  EXPECT_EQ(seek(BeforeEnd{UINT64_MAX}), RecordNumber(0));
  EXPECT_EQ(seek(Position{}), RecordNumber(0));
  EXPECT_EQ(seek(AfterHere{100}), RecordNumber(100));
}

// --- full disks and failures ---

}  // namespace
}  // namespace range
