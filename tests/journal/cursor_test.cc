#include "journal/cursor.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace range {
namespace {

// A vector of records, some damaged, the last one perhaps still open, the first ones perhaps
// dropped.
class FakeJournal : public Journal {
 public:
  void add(std::string bytes) { records_.push_back(std::move(bytes)); }
  void damage(uint64_t record) { damaged_.insert(record); }
  void drop_before(uint64_t record) { begin_ = record; }
  void set_chunk_records(uint64_t records) { chunk_records_ = records; }
  void set_open(bool open) { open_ = open; }
  void set_failure(std::optional<Errc> failure) { failure_ = failure; }
  size_t reads() const { return reads_; }

  JournalId id() const override { return JournalId(1); }
  Result<ByteOffset> append(ConstBytes /*data*/, std::optional<ByteOffset> /*at*/) override {
    return Error{};
  }
  Result<ByteOffset> append_records(std::span<const ConstBytes> /*records*/) override {
    return Error{};
  }
  Extent extent() const override {
    Extent extent;
    extent.begin = location(begin_);
    extent.end = location(records_.size());
    extent.open_bytes = open_ ? 1 : 0;
    return extent;
  }
  Result<size_t> read(ByteOffset /*from*/, MutableBytes /*into*/) override { return Error{}; }
  Result<std::optional<size_t>> read_at_once(ByteOffset /*from*/, MutableBytes /*into*/) override {
    return Error{};
  }

  Status read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                      RecordBatch& batch) override {
    ++reads_;
    batch.first = first;
    batch.position = location(first.value()).position;
    batch.items.clear();
    if (failure_) return Error{*failure_, 0, {}};
    if (first.value() < begin_ || first.value() > records_.size())
      return Error{Errc::kDropped, 0, {}};
    if (damaged_.contains(first.value())) return Error{Errc::kCorrupt, 0, {}};
    const uint64_t complete = records_.size() - (open_ ? 1 : 0);
    size_t bytes = 0;
    for (uint64_t i = first.value(); i < complete && !damaged_.contains(i); ++i) {
      if (batch.items.size() == records_max || bytes > bytes_max) break;
      if (!batch.items.empty() && i % chunk_records_ == 0) break;
      batch.items.push_back({as_bytes(records_[i]), Time(std::chrono::milliseconds(i))});
      bytes += records_[i].size();
    }
    return {};
  }

  Result<Location> seek(const PositionSpec& spec, RecordNumber here) override {
    if (std::holds_alternative<AtStart>(spec)) return location(begin_);
    if (std::holds_alternative<AtEnd>(spec)) return location(records_.size());
    uint64_t to = 0;
    if (const auto* forward = std::get_if<AfterHere>(&spec)) to = here.value() + forward->records;
    if (const auto* number = std::get_if<RecordNumber>(&spec)) to = number->value();
    if (to > records_.size()) return Error{Errc::kOutOfRange, 0, {}};
    return location(to);
  }
  Result<bool> wait_for_byte(ByteOffset /*offset*/, Deadline /*deadline*/,
                             const std::stop_token& /*stop*/) override {
    return Error{};
  }
  Result<bool> wait_for_record(RecordNumber record, Deadline /*deadline*/,
                               const std::stop_token& /*stop*/) override {
    return record.value() + (open_ ? 1 : 0) < records_.size();
  }
  Result<Location> sync() override { return location(records_.size()); }
  Attributes attributes() const override { return {}; }
  Status set_attributes(const Attributes& /*attributes*/) override { return {}; }
  Status trim(ChunkId /*last*/, const ChunkVisitor& /*visit*/) override { return {}; }
  Status apply_retention() override { return {}; }
  Result<JournalInfo> info() override { return JournalInfo{}; }
  std::vector<ChunkInfo> chunks() const override { return {}; }

 private:
  static Location location(uint64_t record) {
    return {.position = {ChunkId(1), static_cast<uint32_t>(record)},
            .record = RecordNumber(record),
            .offset = {}};
  }
  std::deque<std::string> records_;  // which stay where they are
  uint64_t chunk_records_ = 1'000'000;
  std::set<uint64_t> damaged_;
  uint64_t begin_ = 0;
  bool open_ = false;
  std::optional<Errc> failure_;
  size_t reads_ = 0;
};

class CursorTest : public ::testing::Test {
 protected:
  void add_records(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) journal_->add("r" + std::to_string(i));
  }
  Cursor cursor_at(uint64_t record) {
    Cursor cursor(journal_);
    EXPECT_TRUE(cursor.seek(RecordNumber(record)));
    return cursor;
  }

  using Move = Result<std::optional<Record>> (Cursor::*)();
  // All records that `move` gives until there is nothing: their numbers, "!" for a damaged one.
  // Stops at any other error, "E".
  static std::string walk(Cursor& cursor, Move move) {
    std::string seen;
    while (true) {
      const auto record = (cursor.*move)();
      if (!record && record.error().code != Errc::kCorrupt) return seen + "E";
      if (!record) {
        seen += "! ";
        continue;
      }
      if (!*record) return seen;
      EXPECT_EQ(as_text((*record)->bytes), "r" + std::to_string((*record)->number.value()));
      seen += std::to_string((*record)->number.value()) + ' ';
    }
  }

  std::shared_ptr<FakeJournal> journal_ = std::make_shared<FakeJournal>();
};

TEST_F(CursorTest, AnEmptyJournalGivesNothing) {
  Cursor cursor(journal_);
  EXPECT_EQ(walk(cursor, &Cursor::next), "");
  EXPECT_EQ(walk(cursor, &Cursor::previous), "");
}

TEST_F(CursorTest, ReadsForwardAndBackward) {
  add_records(3);
  Cursor cursor(journal_);
  EXPECT_EQ(walk(cursor, &Cursor::next), "0 1 2 ");
  EXPECT_EQ(cursor.record(), RecordNumber(3));
  EXPECT_EQ(walk(cursor, &Cursor::previous), "2 1 0 ");
  EXPECT_EQ(cursor.record(), RecordNumber(0));
  EXPECT_EQ(walk(cursor, &Cursor::next), "0 1 2 ");
}

TEST_F(CursorTest, NextAndPreviousReturnTheSameRecord) {
  add_records(5);
  Cursor cursor = cursor_at(2);
  EXPECT_EQ((*cursor.next())->number, RecordNumber(2));
  EXPECT_EQ((*cursor.previous())->number, RecordNumber(2));
  EXPECT_EQ((*cursor.next())->number, RecordNumber(2));
}

TEST_F(CursorTest, RecordsCarryTimeAndPosition) {
  add_records(5);
  Cursor cursor = cursor_at(3);
  const auto record = cursor.next();
  EXPECT_EQ((*record)->time, Time(std::chrono::milliseconds(3)));
  EXPECT_EQ((*record)->position, (Position{ChunkId(1), 3}));
}

TEST_F(CursorTest, EmptyRecordsAreRecords) {
  journal_->add("");
  journal_->add("");
  Cursor cursor(journal_);
  EXPECT_TRUE((*cursor.next())->bytes.empty());
  EXPECT_TRUE(cursor.next()->has_value());
  EXPECT_FALSE(cursor.next()->has_value());
}

TEST_F(CursorTest, ManyRecordsComeInFewReads) {
  add_records(100'000);
  Cursor cursor(journal_);
  uint64_t count = 0;
  while (cursor.next()->has_value()) ++count;
  EXPECT_EQ(count, 100'000U);
  EXPECT_LT(journal_->reads(), 110U);
  while (cursor.previous()->has_value()) --count;
  EXPECT_EQ(count, 0U);
  EXPECT_LT(journal_->reads(), 230U);
}

TEST_F(CursorTest, ChunksAreCrossedInBothDirections) {
  add_records(10'000);
  journal_->set_chunk_records(777);
  Cursor cursor(journal_);
  uint64_t count = 0;
  for (auto record = *cursor.next(); record; record = *cursor.next()) {
    ASSERT_EQ(record->number, RecordNumber(count++));
  }
  EXPECT_EQ(count, 10'000U);
  for (auto record = *cursor.previous(); record; record = *cursor.previous()) {
    ASSERT_EQ(record->number, RecordNumber(--count));
  }
  EXPECT_EQ(count, 0U);
  EXPECT_LT(journal_->reads(), 100U);
}

TEST_F(CursorTest, LargeRecordsAreReadBackwardInFewReads) {
  for (int i = 0; i < 100; ++i) journal_->add(std::string(700'000, 'x'));
  Cursor cursor = cursor_at(100);
  for (uint64_t i = 100; i > 0; --i) ASSERT_EQ((*cursor.previous())->number, RecordNumber(i - 1));
  EXPECT_FALSE(cursor.previous()->has_value());
  EXPECT_LE(journal_->reads(), 101U);
}

TEST_F(CursorTest, FollowsWhatIsAppended) {
  add_records(1);
  Cursor cursor(journal_);
  EXPECT_EQ(walk(cursor, &Cursor::next), "0 ");
  journal_->add("r1");
  EXPECT_EQ(walk(cursor, &Cursor::next), "1 ");
}

TEST_F(CursorTest, WaitsForTheRecordThatComesNext) {
  add_records(2);
  Cursor cursor = cursor_at(1);
  EXPECT_TRUE(cursor.wait({}).value());
  EXPECT_EQ(walk(cursor, &Cursor::next), "1 ");
  EXPECT_FALSE(cursor.wait({}).value());
}

TEST_F(CursorTest, AnOpenRecordComesOnceItIsComplete) {
  add_records(3);
  journal_->set_open(true);
  Cursor cursor(journal_);
  EXPECT_EQ(walk(cursor, &Cursor::next), "0 1 ");
  journal_->set_open(false);
  EXPECT_EQ(walk(cursor, &Cursor::next), "2 ");
}

TEST_F(CursorTest, GoingBackFromTheEndSkipsAnOpenRecord) {
  add_records(40);
  journal_->set_open(true);
  Cursor cursor = cursor_at(40);
  EXPECT_EQ((*cursor.previous())->number, RecordNumber(38));
  EXPECT_EQ(journal_->reads(), 1U);
}

TEST_F(CursorTest, AnOpenRecordAloneIsNothing) {
  add_records(1);
  journal_->set_open(true);
  Cursor cursor = cursor_at(1);
  EXPECT_EQ(walk(cursor, &Cursor::previous), "");
  EXPECT_EQ(walk(cursor, &Cursor::next), "");
}

TEST_F(CursorTest, DamageIsReportedOnceInBothDirections) {
  add_records(10);
  journal_->damage(3);
  journal_->damage(6);
  journal_->damage(7);
  Cursor cursor(journal_);
  EXPECT_EQ(walk(cursor, &Cursor::next), "0 1 2 ! 4 5 ! ! 8 9 ");
  EXPECT_EQ(walk(cursor, &Cursor::previous), "9 8 ! ! 5 4 ! 2 1 0 ");
}

TEST_F(CursorTest, DamageAtTheEndsIsPassed) {
  add_records(4);
  journal_->damage(0);
  journal_->damage(3);
  Cursor cursor(journal_);
  EXPECT_EQ(walk(cursor, &Cursor::next), "! 1 2 ! ");
  EXPECT_EQ(walk(cursor, &Cursor::previous), "! 2 1 ! ");
}

TEST_F(CursorTest, DamageAmongManyRecordsCostsFewReadsBackward) {
  add_records(10'000);
  for (uint64_t i = 500; i < 10'000; i += 1000) journal_->damage(i);
  Cursor cursor = cursor_at(10'000);
  size_t records = 0;
  size_t damaged = 0;
  for (auto record = cursor.previous(); !record || *record; record = cursor.previous()) {
    ++(record ? records : damaged);
  }
  EXPECT_EQ(records, 9990U);
  EXPECT_EQ(damaged, 10U);
  EXPECT_LT(journal_->reads(), 400U);
}

TEST_F(CursorTest, RetentionMovesTheCursorToTheOldestRecord) {
  add_records(10);
  Cursor cursor = cursor_at(2);
  journal_->drop_before(5);
  EXPECT_EQ(walk(cursor, &Cursor::previous), "");
  EXPECT_EQ((*cursor.next())->number, RecordNumber(5));
}

TEST_F(CursorTest, GoingBackStopsAtTheOldestRecord) {
  add_records(10);
  journal_->drop_before(5);
  Cursor cursor = cursor_at(8);
  EXPECT_EQ(walk(cursor, &Cursor::previous), "7 6 5 ");
}

TEST_F(CursorTest, ANewCursorBeginsAtTheOldestRecord) {
  add_records(10);
  journal_->drop_before(5);
  EXPECT_EQ(Cursor(journal_).record(), RecordNumber(5));
}

TEST_F(CursorTest, AFailedSeekLeavesTheCursorWhereItWas) {
  add_records(3);
  Cursor cursor = cursor_at(1);
  EXPECT_EQ(cursor.seek(RecordNumber(4)).error().code, Errc::kOutOfRange);
  EXPECT_EQ(cursor.record(), RecordNumber(1));
  EXPECT_TRUE(cursor.seek(AfterHere{2}));
  EXPECT_EQ(cursor.record(), RecordNumber(3));
}

TEST_F(CursorTest, OtherErrorsDoNotMoveTheCursor) {
  add_records(3);
  Cursor cursor = cursor_at(1);
  journal_->set_failure(Errc::kIo);
  EXPECT_EQ(cursor.next().error().code, Errc::kIo);
  EXPECT_EQ(cursor.previous().error().code, Errc::kIo);
  journal_->set_failure(std::nullopt);
  EXPECT_EQ((*cursor.next())->number, RecordNumber(1));
}

}  // namespace
}  // namespace range
