#include "journal/local/journal_life.h"

#include <gtest/gtest.h>

namespace range {
namespace {

using Stage = JournalLife::Stage;

TEST(JournalLifeTest, IsExaminedBeforeItIsReady) {
  JournalLife life(std::nullopt);
  EXPECT_EQ(life.stage(), Stage::kExamined);
  life.make_ready();
  EXPECT_EQ(life.stage(), Stage::kReady);
  EXPECT_TRUE(life.failure());
  EXPECT_FALSE(life.unreadable());
}

TEST(JournalLifeTest, TheFirstFailureIsTheOneThatCounts) {
  JournalLife life(std::nullopt);
  life.make_ready();
  EXPECT_TRUE(life.fail(Error{Errc::kIo, 0, "first"}));
  EXPECT_FALSE(life.fail(Error{Errc::kIo, 0, "second"}));
  EXPECT_EQ(life.stage(), Stage::kFailed);
  EXPECT_EQ(life.failure().error().context, "first");
}

TEST(JournalLifeTest, NothingMakesAFailedOneReadyAgain) {
  JournalLife life(std::nullopt);
  ASSERT_TRUE(life.fail(Error{Errc::kIo, 0, "write"}));
  life.make_ready();
  EXPECT_EQ(life.stage(), Stage::kFailed);
}

TEST(JournalLifeTest, OneWhoseEndIsUnreadableStaysSo) {
  JournalLife life(Error{Errc::kCorrupt, 5, "tail"});
  EXPECT_EQ(life.stage(), Stage::kEndUnreadable);
  life.make_ready();
  EXPECT_EQ(life.stage(), Stage::kEndUnreadable);
  EXPECT_TRUE(life.failure());
  EXPECT_EQ(life.unreadable()->context, "tail");
}

}  // namespace
}  // namespace range
