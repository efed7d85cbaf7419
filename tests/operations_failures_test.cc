// What the store fails to do has not been done, as far as anybody can tell.

#include <cerrno>

#include "tests/support/operations_test.h"

namespace rangefs {
namespace {

class FailingStore : public range::MemoryStore {
 public:
  Result<std::optional<range::Entry>> look_up(std::string_view path) override {
    if (lookups_left && (*lookups_left)-- == 0) {
      lookups_left.reset();
      return Error{Errc::kIo, EMFILE, std::string(path)};
    }
    return MemoryStore::look_up(path);
  }

  std::optional<int> lookups_left;  // that succeed before one fails
};

class OperationsFailures : public ::testing::Test {
 protected:
  FailingStore store_;
  RecordedNotices notices_;
  std::unique_ptr<Operations> ops_ =
      *Operations::create(store_, FsOptions{"/store", "1.0"}, notices_);
};

TEST_F(OperationsFailures, ADirectoryThatCannotBeAnsweredIsNotLeftBehind) {
  for (int n = 0;; ++n) {
    store_.lookups_left = n;
    const auto made = ops_->make_directory(kRootNode, "web", 0755, kUser);
    const bool failed = !store_.lookups_left.has_value();
    store_.lookups_left.reset();
    if (!failed) {
      EXPECT_TRUE(made);
      EXPECT_GT(n, 0);
      return;
    }
    EXPECT_EQ(errno_of(made), EIO);
    EXPECT_EQ(errno_of(ops_->look_up(kRootNode, "web")), ENOENT) << n;
  }
}

}  // namespace
}  // namespace rangefs
