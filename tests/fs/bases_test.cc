#include "fs/bases.h"

#include <gtest/gtest.h>

#include "tests/support/memory_store.h"

namespace rangefs {
namespace {

// Whose oldest records are dropped.
class TrimmedJournal : public range::MemoryJournal {
 public:
  using MemoryJournal::MemoryJournal;

  range::Extent extent() const override {
    range::Extent extent = MemoryJournal::extent();
    if (begin) extent.begin = *begin;
    return extent;
  }

  std::optional<Location> begin;
};

class BasesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(journal_.append(range::as_bytes("a\nb\nc\nd\n"), std::nullopt));
  }

  // As `+N` written to a .pos file.
  auto forward(uint64_t records) {
    return [this, records](const Location& from) {
      return journal_.seek(range::AfterHere{records}, from.record);
    };
  }
  uint64_t record() { return bases_.of(journal_).record.value(); }

  static Attributes by_line() {
    Attributes attributes;
    attributes.framing = range::Framing::kLine;
    return attributes;
  }

  TrimmedJournal journal_{JournalId(7), by_line()};
  Bases bases_;
};

TEST_F(BasesTest, AJournalBeginsWithItsOldestRecordUntilItIsMoved) {
  EXPECT_EQ(record(), 0U);
  EXPECT_TRUE(*bases_.move(journal_, forward(3)));
  EXPECT_EQ(record(), 3U);
  EXPECT_FALSE(*bases_.move(journal_, forward(0)));
  bases_.erase(journal_.id());
  EXPECT_EQ(record(), 0U);
}

TEST_F(BasesTest, AMoveThatFailsMovesNothing) {
  EXPECT_TRUE(*bases_.move(journal_, forward(1)));
  EXPECT_FALSE(bases_.move(journal_, forward(4)));
  EXPECT_EQ(record(), 1U);
}

TEST_F(BasesTest, WhereTheBaseWasDroppedTheOldestRecordThatIsLeftIsTheFirst) {
  ASSERT_TRUE(*bases_.move(journal_, forward(1)));
  journal_.begin = *journal_.seek(range::RecordNumber(2), {});
  EXPECT_EQ(bases_.of(journal_), *journal_.begin);
  EXPECT_TRUE(*bases_.move(journal_, forward(0))) << "the name may lead to what was dropped";
  EXPECT_FALSE(*bases_.move(journal_, forward(0)));
  EXPECT_TRUE(*bases_.move(journal_, forward(1)));
  EXPECT_EQ(record(), 3U);
  journal_.begin = *journal_.seek(range::RecordNumber(3), {});
  EXPECT_EQ(record(), 3U);
}

TEST_F(BasesTest, TwoMovesAtOnceHappenOneAfterTheOther) {
  int looked = 0;
  const auto moved = bases_.move(journal_, [&](const Location& from) {
    // Another one comes while the first is looking for its record.
    if (++looked == 1) {
      EXPECT_TRUE(*bases_.move(journal_, forward(1)));
    }
    return forward(2)(from);
  });
  EXPECT_TRUE(*moved);
  EXPECT_EQ(looked, 2);
  EXPECT_EQ(record(), 3U);
}

}  // namespace
}  // namespace rangefs
