// Parts of files in memory, on the real system: also where the file below them is gone.

#include "journal/base/region.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <numeric>

#include "journal/env/env.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

class RegionTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = posix_env().open(path_, Env::OpenMode::kCreateNew).value();
    ASSERT_TRUE(file_->write_at(0, std::vector<std::byte>(3 * page_bytes(), std::byte{'x'})));
  }

  std::unique_ptr<Region> map(File::Access access) {
    auto region = file_->map(page_bytes(), 2 * page_bytes(), access);
    EXPECT_TRUE(region) << to_string(region.error());
    return *std::move(region);
  }

  static void touch(const Region& region) {
    static_cast<void>(*static_cast<const volatile std::byte*>(region.bytes().data()));
  }

  std::string read(uint64_t at, size_t size) {
    std::vector<std::byte> bytes(size);
    EXPECT_EQ(file_->read_at(at, bytes).value(), size);
    return std::string(as_text(bytes));
  }

  TemporaryDirectory directory_;
  Path path_ = directory_.path() / "file";
  std::unique_ptr<File> file_;
};

TEST_F(RegionTest, WhatIsStoredIsInTheFileAndTheOtherWayRound) {
  const auto region = map(File::Access::kReadWrite);
  ASSERT_TRUE(region->store(3, as_bytes("one")));
  ASSERT_TRUE(region->store_words(16, as_bytes("12345678abcdefgh")));
  EXPECT_EQ(read(page_bytes() + 2, 5), "xonex");
  EXPECT_EQ(read(page_bytes() + 15, 18), "x12345678abcdefghx");
  ASSERT_TRUE(file_->write_at(page_bytes(), as_bytes("two")));
  EXPECT_EQ(as_text(region->bytes().first(6)), "twoone");
  EXPECT_FALSE(region->failed());
}

TEST_F(RegionTest, ARegionOutlivesItsFileAndShowsWhatOthersStore) {
  const auto reader = map(File::Access::kRead);
  const auto writer = map(File::Access::kReadWrite);
  file_.reset();
  ASSERT_TRUE(writer->store(0, as_bytes("new")));
  EXPECT_EQ(as_text(reader->bytes().first(3)), "new");
}

TEST_F(RegionTest, ReadingWhatIsGoneFailsInsteadOfEndingTheProcess) {
  const auto region = map(File::Access::kRead);
  ASSERT_TRUE(file_->truncate(page_bytes()));
  const RegionGuard guard(region.get());
  const ConstBytes bytes = region->bytes();
  EXPECT_EQ(std::accumulate(bytes.begin(), bytes.end(), 0,
                            [](int sum, std::byte b) { return sum + static_cast<int>(b); }),
            0);
  EXPECT_TRUE(region->failed());
}

TEST_F(RegionTest, AStoreIntoWhatIsGoneIsAnError) {
  const auto region = map(File::Access::kReadWrite);
  ASSERT_TRUE(file_->truncate(2 * page_bytes()));
  EXPECT_TRUE(region->store(0, as_bytes("there")));
  const Status stored = region->store(page_bytes(), as_bytes("gone"));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, Errc::kIo);
  EXPECT_EQ(stored.error().sys_errno, EIO);
  EXPECT_NE(stored.error().context.find(path_.string()), std::string::npos);
}

TEST_F(RegionTest, OnlyRegionsOfAGuardFail) {
  const auto region = map(File::Access::kRead);
  const auto other = map(File::Access::kRead);
  ASSERT_TRUE(file_->truncate(page_bytes()));
  const RegionGuard outer(region.get(), other.get());
  {
    const RegionGuard inner(nullptr);
    touch(*region);
  }
  EXPECT_TRUE(region->failed());
  EXPECT_FALSE(other->failed());
}

// In a process of its own, where the handler that is there first is the test's.
TEST_F(RegionTest, WithoutAGuardTheEarlierHandlerIsCalled) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr int kCalled = 42;
  EXPECT_EXIT(
      {
        boost::filesystem::remove_all(directory_.path());  // no destructor does it here
        struct sigaction action {};
        action.sa_handler = [](int /*signal*/) { _exit(kCalled); };
        if (::sigaction(SIGBUS, &action, nullptr) != 0) _exit(1);
        const auto region = map(File::Access::kRead);
        const auto other = map(File::Access::kRead);
        if (!file_->truncate(page_bytes())) _exit(2);
        const RegionGuard guard(other.get());
        touch(*region);
      },
      testing::ExitedWithCode(kCalled), "");
}

}  // namespace
}  // namespace range
