#include "mount/memory_return.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rangefs {
namespace {

class MemoryReturnTest : public ::testing::Test {
 protected:
  // From now on so much is in use. What was is still there.
  void use(size_t bytes) {
    in_use_ = bytes;
    resident_ = std::max(resident_, bytes + stuck_);
  }
  // Looks when so much is in use, and time has passed; returns whether memory was given back.
  bool gives_back(size_t in_use) {
    use(in_use);
    now_ += MemoryReturn::kInterval;
    return looks();
  }
  bool looks() {
    const int before = given_back_;
    memory_.look();
    return given_back_ > before;
  }

  static constexpr size_t kMuch = size_t{100} << 20;
  size_t in_use_ = 0;
  size_t stuck_ = 0;  // lies so that it cannot be given back
  size_t resident_ = kMuch;
  int given_back_ = 0;
  MemoryReturn::Clock::time_point now_{};
  std::chrono::nanoseconds takes_{};
  std::chrono::nanoseconds cpu_time_{};
  MemoryReturn memory_{{.usage =
                            [this] {
                              cpu_time_ += takes_;
                              return MemoryReturn::Usage{.resident = resident_, .in_use = in_use_};
                            },
                        .give_back =
                            [this] {
                              ++given_back_;
                              resident_ = in_use_ + stuck_;
                            },
                        .now = [this] { return now_; },
                        .cpu_time = [this] { return cpu_time_; }}};
};

TEST_F(MemoryReturnTest, GivesBackWhatIsNotInUseAnyMoreOnce) {
  EXPECT_FALSE(gives_back(kMuch));
  EXPECT_TRUE(gives_back(0));
  EXPECT_FALSE(gives_back(0));
  EXPECT_FALSE(gives_back(kMuch));
  EXPECT_TRUE(gives_back(kMuch / 2));
}

// Between two looks.
TEST_F(MemoryReturnTest, GivesBackWhatNobodySawInUse) {
  EXPECT_TRUE(gives_back(0));
  use(kMuch);
  EXPECT_TRUE(gives_back(0));
  EXPECT_FALSE(gives_back(0));
}

TEST_F(MemoryReturnTest, DoesNotTryAgainWhereNothingCanBeGivenBack) {
  stuck_ = kMuch / 2;
  EXPECT_TRUE(gives_back(0));
  EXPECT_FALSE(gives_back(0));
  EXPECT_FALSE(gives_back(kMuch / 2));
  stuck_ = 0;
  use(kMuch);
  EXPECT_TRUE(gives_back(0));
}

// It lay between pieces that were in use: there was more of it than of what is freed at last.
TEST_F(MemoryReturnTest, GivesBackWhatWasStuckWhenTheRestIsFreed) {
  EXPECT_FALSE(gives_back(kMuch));
  stuck_ = kMuch / 2;
  EXPECT_TRUE(gives_back(MemoryReturn::kKept));
  EXPECT_FALSE(gives_back(MemoryReturn::kKept));
  stuck_ = 0;
  EXPECT_TRUE(gives_back(MemoryReturn::kKept / 32 * 31));
  EXPECT_EQ(resident_, in_use_);
  EXPECT_FALSE(gives_back(0)) << "it is little";
}

// A store deletes what was removed long after everybody has let go of it.
TEST_F(MemoryReturnTest, GivesBackWhatIsFreedHoursLater) {
  EXPECT_FALSE(gives_back(kMuch));
  for (int i = 0; i < 10'000; ++i) ASSERT_FALSE(gives_back(kMuch));
  EXPECT_TRUE(gives_back(0));
}

TEST_F(MemoryReturnTest, GivesBackWhatIsFreedLittleByLittle) {
  EXPECT_FALSE(gives_back(kMuch));
  size_t given_back = 0;
  for (size_t in_use = kMuch; in_use > 0; in_use -= MemoryReturn::kKept / 4) {
    given_back += gives_back(in_use) ? 1 : 0;
  }
  EXPECT_GE(given_back, kMuch / MemoryReturn::kKept / 2);
}

TEST_F(MemoryReturnTest, DoesNothingForALittleOrTooSoon) {
  EXPECT_FALSE(gives_back(kMuch));
  EXPECT_FALSE(gives_back(kMuch - MemoryReturn::kKept));
  use(0);
  EXPECT_FALSE(looks());
  EXPECT_TRUE(gives_back(0));
}

TEST_F(MemoryReturnTest, LooksLessOftenWhereThatTakesLong) {
  takes_ = std::chrono::seconds(1);
  EXPECT_FALSE(gives_back(kMuch));
  for (int i = 1; i < 20; ++i) EXPECT_FALSE(gives_back(0)) << i;
  EXPECT_TRUE(gives_back(0));
}

}  // namespace
}  // namespace rangefs
