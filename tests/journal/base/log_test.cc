// What names do in the log: nothing but stand there, on the line they belong to.

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

constexpr std::string_view kName = "web/a\nrangefs: b\\\x1b[2K";
constexpr std::string_view kPrinted = "web/a\\nrangefs: b\\\\\\x1b[2K";

class LogTest : public RecoveryTest {
 protected:
  void SetUp() override {
    RecoveryTest::SetUp();
    make_directory("web");
    append_lines(*journal(kName), 0, 10);
  }

  // Lines with `what` since the last call; all lines stay on theirs.
  size_t lines_with(std::string_view what) {
    size_t count = 0;
    for (const std::string& line : log_.take()) {
      EXPECT_TRUE(std::ranges::none_of(line, [](char c) { return c >= 0 && c < ' '; })) << line;
      count += line.find(what) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  JournalId id() { return journal(kName)->id(); }
  std::string named(std::string_view rest) const {
    return "journal " + std::string(kPrinted) + std::string(rest);
  }
};

TEST_F(LogTest, ADamagedRecord) {
  damage_line(files(id(), ".dat").front(), 3);
  EXPECT_EQ(records(journal(kName))[3], "(corrupt)");
  EXPECT_EQ(lines_with(named(": ")), 1U);
}

TEST_F(LogTest, ATornTail) {
  ASSERT_TRUE(journal(kName)->sync());
  append_lines(*journal(kName), 10, 10);
  const Path dat = files(id(), ".dat").front();
  lose_power(Survival::keep_all());
  damage_line(dat, 15);
  append(*journal(kName), "more\n");
  EXPECT_EQ(lines_with(named(": power was lost")), 1U);
}

TEST_F(LogTest, AChunkWithoutItsPlace) {
  append_lines(*journal(kName), 10, 40);
  const std::vector<Path> idx = files(id(), ".idx");
  ASSERT_EQ(idx.size(), 2U);
  ASSERT_TRUE(env_->remove_file(idx[0]));
  ASSERT_TRUE(env_->remove_file(files(id(), ".dat")[0]));
  for (const uint64_t at : kHeaderAt) damage_sector(idx[1], at);
  lose_power(Survival::keep_all());
  append(*journal(kName), "more\n");
  EXPECT_EQ(lines_with(named(": chunk ")), 1U);
}

TEST_F(LogTest, AJournalThatFails) {
  const auto journal = this->journal(kName);
  env_->set_fault_hook([](const auto&) { return std::optional(Fault{EIO}); });
  EXPECT_FALSE(journal->sync());
  EXPECT_EQ(lines_with(named(": takes no more appends")), 1U);
}

TEST_F(LogTest, AStrayFileAmongTheNames) {
  ASSERT_TRUE(env_->open(Path("/store/tree/web") / "str\nay", Env::OpenMode::kCreateNew));
  EXPECT_TRUE(has("web"));
  names("web");
  EXPECT_TRUE(store_->look_up("web/str\nay"));
  EXPECT_GE(lines_with("/store/tree/web/str\\nay: neither"), 1U);
}

TEST_F(LogTest, AStrayFileAmongTheChunks) {
  ASSERT_TRUE(env_->open(directory_of(id()) / "str\nay", Env::OpenMode::kCreateNew));
  kill();
  records(journal(kName));
  EXPECT_EQ(lines_with("/str\\nay: not a file of rangefs"), 1U);
}

TEST_F(LogTest, WithoutASinkNothingIsTold) {
  options_.log = {};
  damage_line(files(id(), ".dat").front(), 3);
  reopen();
  log_.take();
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(records(journal(kName))[3], "(corrupt)");
  EXPECT_EQ(testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(log_.take().empty());
}

}  // namespace
}  // namespace range
