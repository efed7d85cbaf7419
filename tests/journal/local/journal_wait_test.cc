// Waiting for what is appended.

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/engine_test.h"

namespace range {
namespace {

using std::chrono::steady_clock;

class JournalWait : public EngineTest {
 protected:
  static constexpr auto kNow = Journal::Deadline();  // is over
  static constexpr auto kNever = Journal::Deadline::max();

  void SetUp() override {
    EngineTest::SetUp();
    app_ = journal();
  }
  void TearDown() override { app_.reset(); }

  std::shared_ptr<Journal> app_;
};

TEST_F(JournalWait, WhatIsThereIsNotWaitedFor) {
  append(*app_, "one\ntwo\nthr");
  EXPECT_TRUE(app_->wait_for_byte(ByteOffset(10), kNever).value());
  EXPECT_TRUE(app_->wait_for_record(RecordNumber(1), kNever).value());
}

TEST_F(JournalWait, WhatIsNotThereInTimeIsNot) {
  append(*app_, "one\ntwo\nthr");
  EXPECT_FALSE(app_->wait_for_byte(ByteOffset(11), kNow).value());
  EXPECT_FALSE(app_->wait_for_record(RecordNumber(2), kNow).value()) << "it is still open";
  EXPECT_FALSE(
      app_->wait_for_byte(ByteOffset(11), steady_clock::now() + std::chrono::milliseconds(1))
          .value());
}

TEST_F(JournalWait, AnAppendWakesThoseWhomItConcerns) {
  std::jthread byte([&] { EXPECT_TRUE(app_->wait_for_byte(ByteOffset(5), kNever).value()); });
  std::jthread record([&] {
    EXPECT_TRUE(app_->wait_for_record(RecordNumber(2), kNever).value());
    EXPECT_EQ(app_->extent().end.record, RecordNumber(3));
  });
  append(*app_, "one\n");
  append(*app_, "two\nthr");
  byte.join();
  append(*app_, "ee\n");
}

// In many rounds, because in some the append is there before anybody waits.
TEST_F(JournalWait, AnotherFramingCompletesTheOpenRecord) {
  Attributes attributes = app_->attributes();
  for (uint64_t round = 0; round < 100; ++round) {
    append(*app_, "open");
    std::jthread waiting(
        [&] { EXPECT_TRUE(app_->wait_for_record(RecordNumber(round), kNever).value()); });
    attributes.framing = Framing::kWrite;
    ASSERT_TRUE(app_->set_attributes(attributes));
    waiting.join();
    attributes.framing = Framing::kLine;
    ASSERT_TRUE(app_->set_attributes(attributes));
  }
}

TEST_F(JournalWait, AStopEndsTheWait) {
  std::stop_source stop;
  std::jthread waiting([&] {
    EXPECT_FALSE(app_->wait_for_record(RecordNumber(), kNever, stop.get_token()).value());
  });
  stop.request_stop();
}

TEST_F(JournalWait, AFailureEndsTheWait) {
  append(*app_, "one\n");
  std::jthread waiting([&] {
    const auto waited = app_->wait_for_record(RecordNumber(1), kNever);
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code, Errc::kIo);
  });
  env_->fail_change(env_->changes(), EIO);
  EXPECT_FALSE(app_->append(as_bytes("two\n")));
  waiting.join();
  EXPECT_TRUE(app_->wait_for_record(RecordNumber(0), kNever).value()) << "it is there";
}

TEST_F(JournalWait, ACursorFollowsAJournalAcrossChunks) {
  constexpr int kLines = 200;
  std::jthread reader([&] {
    Cursor cursor(app_);
    for (int i = 0; i < kLines; ++i) {
      ASSERT_TRUE(cursor.wait(kNever).value());
      const auto record = cursor.next();
      ASSERT_TRUE(record && *record);
      ASSERT_EQ(as_text((*record)->bytes), line(i));
    }
  });
  append_lines(*app_, 0, kLines);
  reader.join();
  EXPECT_GT(app_->info()->chunks, 3U);
}

}  // namespace
}  // namespace range
