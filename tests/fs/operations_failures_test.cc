// What the store fails to do has not been done, as far as anybody can tell.

#include <cerrno>

#include "tests/support/operations_test.h"

namespace rangefs {
namespace {

// Without descriptors, say: what would be asked to put things right fails, too.
class FailingStore : public range::MemoryStore {
 public:
  Result<std::optional<range::Entry>> look_up(std::string_view path) override {
    if (fails()) return failure(path);
    return MemoryStore::look_up(path);
  }
  Result<Attributes> directory_attributes(std::string_view path) override {
    if (fails()) return failure(path);
    return MemoryStore::directory_attributes(path);
  }
  Result<range::Framing> framing_in(std::string_view directory) override {
    if (fails()) return failure(directory);
    return MemoryStore::framing_in(directory);
  }
  Status remove_directory(std::string_view path) override {
    if (failed) return failure(path);
    return MemoryStore::remove_directory(path);
  }

  std::optional<int> questions_left;  // that succeed before all fail
  bool failed = false;

 private:
  bool fails() {
    failed = failed || (questions_left && (*questions_left)-- == 0);
    return failed;
  }
  static Error failure(std::string_view path) {
    return Error{Errc::kIo, EMFILE, std::string(path)};
  }
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
    store_.questions_left = n;
    const auto made = ops_->make_directory(kRootNode, "web", 0755, kUser);
    store_.questions_left.reset();
    if (!std::exchange(store_.failed, false)) {
      ASSERT_TRUE(made);
      EXPECT_GT(n, 0);
      EXPECT_EQ(made->attributes.st_mode, S_IFDIR | 0755U);
      EXPECT_EQ(ops_->look_up(kRootNode, "web")->node, made->node);
      return;
    }
    EXPECT_EQ(errno_of(made), EIO);
    EXPECT_EQ(errno_of(ops_->look_up(kRootNode, "web")), ENOENT) << n;
  }
}

// It would be stored, and records be divided by it from then on.
TEST_F(OperationsFailures, AFramingThatCannotBeKnownIsNotTakenForUnset) {
  constexpr const char* kFraming = "user.range.framing";
  ASSERT_TRUE(ops_->set_property(kRootNode, kFraming, "write", SetMode::kAny));
  const NodeId app = ops_->create(kRootNode, "app", 0644, false, kUser)->found.node;
  ASSERT_TRUE(ops_->set_property(app, kFraming, "line", SetMode::kAny));
  store_.failed = true;
  EXPECT_EQ(errno_of(ops_->remove_property(app, kFraming)), EIO);
  EXPECT_EQ(errno_of(ops_->property_names(app)), EIO);
  EXPECT_EQ(errno_of(ops_->set_property(app, kFraming, "line", SetMode::kCreate)), EIO);
  EXPECT_TRUE(ops_->set_property(app, "user.range.keep", "1", SetMode::kCreate));
  store_.failed = false;
  EXPECT_EQ(*ops_->property(app, kFraming), "line");
  ASSERT_TRUE(ops_->remove_property(app, kFraming));
  EXPECT_EQ(*ops_->property(app, kFraming), "write");
}

}  // namespace
}  // namespace rangefs
