#include "journal/local/append_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/support/sim_env.h"

namespace range {
namespace {

// Windows of one page and then two, after two writes.
class AppendWindowTest : public testing::Test {
 protected:
  AppendWindowTest() {
    env_.set_fault_hook([this](const Call& call) -> std::optional<Fault> {
      if (call.kind == CallKind::kWrite) calls_ += 'w';
      if (call.kind == CallKind::kStore) calls_ += 's';
      if (call.kind == CallKind::kMap) calls_ += 'm';
      return std::nullopt;
    });
  }

  Status try_append(std::string_view text) {
    const ConstBytes part = as_bytes(text);
    Status appended = window_.append(*file_, expected_.size(), {&part, 1}, text.size(), false);
    if (appended) expected_ += text;
    return appended;
  }
  void append(std::string_view text) {
    const Status appended = try_append(text);
    ASSERT_TRUE(appended) << to_string(appended.error());
  }
  void append_times(int times, std::string_view text) {
    for (int i = 0; i < times; ++i) append(text);
  }

  // What the file holds is what was appended, and zeros.
  void expect_contents() {
    const std::string contents = env_.read_all("/file");
    ASSERT_GE(contents.size(), expected_.size());
    EXPECT_EQ(contents.substr(0, expected_.size()), expected_);
    EXPECT_EQ(contents.find_first_not_of('\0', expected_.size()), std::string::npos);
  }

  static const MappingSizes kSizes;
  SimEnv env_;
  std::unique_ptr<File> file_ = env_.open("/file", Env::OpenMode::kCreateNew).value();
  AppendWindow window_{kSizes};
  std::string expected_;
  std::string calls_;  // w: written, s: stored, m: mapped
};

const MappingSizes AppendWindowTest::kSizes{.writes_before = 2,
                                            .append_bytes_max = 1000,
                                            .window_bytes_first = page_bytes(),
                                            .window_bytes_max = 2 * page_bytes()};

TEST_F(AppendWindowTest, TheFirstAppendsAreWrittenAndThenTheyAreStored) {
  append_times(4, "some line\n");
  EXPECT_EQ(calls_, "wwwmss") << "of three writes the last makes room";
  expect_contents();
  EXPECT_EQ(env_.read_all("/file").size(), page_bytes());
}

TEST_F(AppendWindowTest, AWindowThatIsFullIsFollowedByOneTwiceAsLarge) {
  const std::string line(100, 'x');
  append_times(3, line);
  while (expected_.size() + 100 <= page_bytes()) append(line);
  calls_.clear();
  append(line);
  EXPECT_EQ(calls_, "swms") << "a part still fits";
  EXPECT_EQ(env_.read_all("/file").size(), 3 * page_bytes());
  while (expected_.size() < 20 * page_bytes()) append(line);
  EXPECT_LE(env_.read_all("/file").size(), 22 * page_bytes());
  expect_contents();
}

TEST_F(AppendWindowTest, LargeAppendsAreWrittenInBetween) {
  append_times(3, "line\n");
  calls_.clear();
  append(std::string(1001, 'x'));
  append("line\n");
  append(std::string(3 * page_bytes(), 'y'));
  append("line\n");
  EXPECT_EQ(calls_, "wswwms");
  expect_contents();
}

TEST_F(AppendWindowTest, ClosingTellsWhetherThereIsRoomLeft) {
  append("line\n");
  EXPECT_FALSE(window_.close(expected_.size()));
  append_times(3, "line\n");
  ASSERT_TRUE(window_.close(expected_.size()));
  ASSERT_TRUE(file_->truncate(expected_.size()));
  EXPECT_EQ(env_.read_all("/file"), expected_);
  calls_.clear();
  append_times(3, "line\n");
  EXPECT_EQ(calls_, "wwwms") << "it begins anew";
  expect_contents();
}

TEST_F(AppendWindowTest, WithoutSpaceForRoomAheadAppendsAreWrittenOn) {
  append_times(2, "line\n");
  env_.set_capacity(kDiskSectorBytes, /*partial=*/true);
  append_times(90, "line\n");
  EXPECT_EQ(env_.read_all("/file"), expected_) << "what could be had of the room was given back";
  EXPECT_EQ(calls_.find_first_of("ms"), std::string::npos);
  EXPECT_EQ(std::count(calls_.begin(), calls_.end(), 'w'), 93) << "it is tried once";
}

TEST_F(AppendWindowTest, AFailureToMakeRoomIsOneOfTheAppend) {
  append_times(2, "line\n");
  env_.fail_change(env_.changes(), EIO);
  EXPECT_FALSE(try_append("line\n"));
}

TEST_F(AppendWindowTest, WhereNothingCanBeMappedAppendsAreWritten) {
  env_.set_fault_hook([](const Call& call) -> std::optional<Fault> {
    return call.kind == CallKind::kMap ? std::optional(Fault{.sys_errno = ENODEV}) : std::nullopt;
  });
  append_times(100, "line\n");
  expect_contents();
}

}  // namespace
}  // namespace range
