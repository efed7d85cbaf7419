// What names do in the log: nothing but stand there, on the line they belong to.

#include <gtest/gtest.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

constexpr std::string_view kName = "web/a\nrangefs: b\\\x1b[2K";
constexpr std::string_view kPrinted = "web/a\\nrangefs: b\\\\\\x1b[2K";

class Log : public RecoveryTest {
 protected:
  void SetUp() override {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink_));
    sink_->set_pattern("%v");
    RecoveryTest::SetUp();
    make_directory("web");
    append_lines(*journal(kName), 0, 10);
  }
  void TearDown() override { spdlog::set_default_logger(before_); }

  // Lines with `what`; all lines so far stay on theirs.
  size_t lines_with(std::string_view what) {
    size_t count = 0;
    for (std::string line : sink_->last_formatted()) {
      if (line.ends_with('\n')) line.pop_back();
      EXPECT_TRUE(std::ranges::none_of(line, [](char c) { return c >= 0 && c < ' '; })) << line;
      count += line.find(what) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  JournalId id() { return journal(kName)->id(); }
  std::string named(std::string_view rest) const {
    return "journal " + std::string(kPrinted) + std::string(rest);
  }

  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(1000);
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

TEST_F(Log, ADamagedRecord) {
  damage_line(files(id(), ".dat").front(), 3);
  EXPECT_EQ(records(journal(kName))[3], "(corrupt)");
  EXPECT_EQ(lines_with(named(": ")), 1U);
}

TEST_F(Log, ATornTail) {
  ASSERT_TRUE(journal(kName)->sync());
  append_lines(*journal(kName), 10, 10);
  const Path dat = files(id(), ".dat").front();
  lose_power(Survival::keep_all());
  damage_line(dat, 15);
  append(*journal(kName), "more\n");
  EXPECT_EQ(lines_with(named(": power was lost")), 1U);
}

TEST_F(Log, AChunkWithoutItsPlace) {
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

TEST_F(Log, AJournalThatFails) {
  const auto journal = this->journal(kName);
  env_->set_fault_hook([](const auto&) { return std::optional(Fault{EIO}); });
  EXPECT_FALSE(journal->sync());
  EXPECT_EQ(lines_with(named(": takes no more appends")), 1U);
}

TEST_F(Log, AStrayFileAmongTheNames) {
  ASSERT_TRUE(env_->open(Path("/store/tree/web") / "str\nay", Env::OpenMode::kCreateNew));
  EXPECT_TRUE(has("web"));
  names("web");
  EXPECT_TRUE(store_->look_up("web/str\nay"));
  EXPECT_GE(lines_with("/store/tree/web/str\\nay: neither"), 1U);
}

TEST_F(Log, AStrayFileAmongTheChunks) {
  ASSERT_TRUE(env_->open(directory_of(id()) / "str\nay", Env::OpenMode::kCreateNew));
  kill();
  records(journal(kName));
  EXPECT_EQ(lines_with("/str\\nay: not a file of rangefs"), 1U);
}

}  // namespace
}  // namespace range
