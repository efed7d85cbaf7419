// What stat(2) says of journals and directories, and what changes it.

#include <cerrno>
#include <chrono>

#include "tests/support/operations_test.h"

namespace rangefs {
namespace {

TEST_F(OperationsTest, ChmodInvalidatesOtherViews) {
  const Created first = create("app");
  append(first.handle, "one\n");
  ASSERT_EQ(errno_of(ops_->command(open("app.pos"), "end", kRoot)), 0);
  const NodeId second = ops_->look_up(kRootNode, "app")->node;
  ASSERT_EQ(errno_of(ops_->attributes(second, kRoot)), 0);
  AttributeChange change;
  change.mode = 0600;
  const auto changed = ops_->set_attributes(first.found.node, change);
  EXPECT_EQ(changed->st_mode, S_IFREG | 0600U);
  EXPECT_EQ(notices_.attributes, std::vector{second});
}

range::Timestamp timestamp(const timespec& time) {
  return range::Timestamp(std::chrono::seconds(time.tv_sec) +
                          std::chrono::nanoseconds(time.tv_nsec));
}

TEST_F(OperationsTest, EveryChangeOfAJournalMovesItsTimeOfChangeOnly) {
  const Created app = create("app");
  append(app.handle, "x\n");
  const NodeId node = app.found.node;
  struct stat last = *ops_->attributes(node, kRoot);
  const auto expect_moved = [&](const char* by) {
    const struct stat now = *ops_->attributes(node, kRoot);
    EXPECT_GT(timestamp(now.st_ctim), timestamp(last.st_ctim)) << by;
    EXPECT_EQ(timestamp(now.st_mtim), timestamp(last.st_mtim)) << by;
    last = now;
  };
  AttributeChange change;
  change.mode = 0600;
  ASSERT_TRUE(ops_->set_attributes(node, change));
  expect_moved("chmod");
  ASSERT_TRUE(ops_->set_attributes(node, change));
  expect_moved("chmod to what it is");
  change = {};
  change.uid = 7;
  change.gid = 8;
  ASSERT_TRUE(ops_->set_attributes(node, change));
  expect_moved("chown");
  ASSERT_TRUE(ops_->set_property(node, "user.range.keep", "1", SetMode::kAny));
  expect_moved("setxattr");
  ASSERT_TRUE(ops_->remove_property(node, "user.range.keep"));
  expect_moved("removexattr");
  ASSERT_TRUE(ops_->rename({kRootNode, "app"}, {kRootNode, "log"}, 0));
  expect_moved("rename");
  // An append moves both.
  store_.journal("log")->set_now(std::chrono::ceil<std::chrono::milliseconds>(
      timestamp(last.st_ctim) + std::chrono::milliseconds(1)));
  append(app.handle, "y\n");
  const struct stat appended = *ops_->attributes(node, kRoot);
  EXPECT_GT(timestamp(appended.st_ctim), timestamp(last.st_ctim));
  EXPECT_EQ(timestamp(appended.st_ctim), timestamp(appended.st_mtim));
}

// Times of records are in milliseconds, and the clock of this journal stands still.
TEST_F(OperationsTest, AnAppendMovesTheTimeOfChangeHoweverSoonItFollowsAnotherChange) {
  const Created app = create("app");
  append(app.handle, "x\n");
  const NodeId node = app.found.node;
  range::Timestamp last = timestamp(ops_->attributes(node, kRoot)->st_ctim);
  const timespec modified = ops_->attributes(node, kRoot)->st_mtim;
  AttributeChange chmod;
  chmod.mode = 0600;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ops_->set_attributes(node, chmod));
    for (int appends = 0; appends < 3; ++appends) {
      const range::Timestamp before =
          std::exchange(last, timestamp(ops_->attributes(node, kRoot)->st_ctim));
      EXPECT_GT(last, before);
      append(app.handle, std::string(500'000, 'x') + '\n');
    }
  }
  EXPECT_EQ(timestamp(ops_->attributes(node, kRoot)->st_mtim), timestamp(modified));
}

// The clock of the journal is ahead of the system's, as if that had been set back.
TEST_F(OperationsTest, ATimeThatIsSetMovesTheTimeOfChangeBehindAppends) {
  const Created app = create("app");
  const NodeId node = app.found.node;
  const auto ahead = std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::system_clock::now() + std::chrono::hours(1));
  store_.journal("app")->set_now(ahead);
  append(app.handle, "x\n");
  AttributeChange chmod;
  chmod.mode = 0600;
  ASSERT_TRUE(ops_->set_attributes(node, chmod));
  append(app.handle, std::string(500, 'x') + '\n');
  const range::Timestamp last = timestamp(ops_->attributes(node, kRoot)->st_ctim);
  AttributeChange touch;
  touch.modified = range::Timestamp(std::chrono::seconds(7));
  const auto touched = ops_->set_attributes(node, touch);
  ASSERT_TRUE(touched);
  EXPECT_GT(timestamp(touched->st_ctim), last);
  EXPECT_EQ(timestamp(touched->st_mtim), *touch.modified);
}

TEST_F(OperationsTest, EveryChangeOfADirectoryMovesItsTimeOfChange) {
  const NodeId web = make_directory("web");
  struct stat last = *ops_->attributes(web, kRoot);
  const auto expect_moved = [&](const char* by, bool modified) {
    const struct stat now = *ops_->attributes(web, kRoot);
    EXPECT_GT(timestamp(now.st_ctim), timestamp(last.st_ctim)) << by;
    EXPECT_EQ(timestamp(now.st_mtim) > timestamp(last.st_mtim), modified) << by;
    last = now;
  };
  AttributeChange change;
  change.mode = 0700;
  ASSERT_TRUE(ops_->set_attributes(web, change));
  expect_moved("chmod", false);
  ASSERT_TRUE(ops_->set_property(web, "user.range.keep", "0", SetMode::kAny));
  expect_moved("setxattr", false);
  ASSERT_TRUE(ops_->remove_property(web, "user.range.keep"));
  expect_moved("removexattr", false);
  ASSERT_TRUE(ops_->rename({kRootNode, "web"}, {kRootNode, "www"}, 0));
  expect_moved("rename", false);
  create("app", web);
  expect_moved("create", true);
  ASSERT_TRUE(ops_->rename({web, "app"}, {kRootNode, "app"}, 0));
  expect_moved("rename out of it", true);
  ASSERT_TRUE(ops_->rename({kRootNode, "app"}, {web, "app"}, 0));
  expect_moved("rename into it", true);
  ASSERT_TRUE(ops_->remove(web, "app"));
  expect_moved("remove", true);
  ASSERT_TRUE(ops_->make_directory(web, "d", 0755, kUser));
  expect_moved("mkdir", true);
  ASSERT_TRUE(ops_->remove_directory(web, "d"));
  expect_moved("rmdir", true);
}

TEST_F(OperationsTest, ATimeThatIsSetHoldsUntilTheNextAppend) {
  const range::Timestamp set(std::chrono::nanoseconds(1'234'567'890'123'456'789));
  const Created app = create("app");
  append(app.handle, "x\n");
  const auto appended = timestamp(ops_->attributes(app.found.node, kRoot)->st_mtim);
  AttributeChange change;
  change.modified = set;
  const auto changed = ops_->set_attributes(app.found.node, change);
  ASSERT_TRUE(changed);
  EXPECT_EQ(timestamp(changed->st_mtim), set);
  EXPECT_GT(timestamp(changed->st_ctim), appended);
  EXPECT_EQ(timestamp(ops_->look_up(kRootNode, "app")->attributes.st_mtim), set);
  append(app.handle, "y\n");
  EXPECT_EQ(timestamp(ops_->attributes(app.found.node, kRoot)->st_mtim),
            appended);  // the clock stands
  const NodeId web = make_directory("web");
  EXPECT_EQ(timestamp(ops_->set_attributes(web, change)->st_mtim), set);
  create("log", web);
  EXPECT_GT(timestamp(ops_->attributes(web, kRoot)->st_mtim), set);
}

// Programs like rsync take a file of the same size and time for the same.
TEST_F(OperationsTest, ATimeThatIsSetDoesNotHoldForWhatIsWrittenAfterAPowerLoss) {
  const Created app = create("app");
  const auto journal = store_.journal("app");
  append(app.handle, "kept\n");
  append(app.handle, "lost\n");
  AttributeChange change;
  change.modified = range::Timestamp(std::chrono::seconds(7));
  ASSERT_TRUE(ops_->set_attributes(app.found.node, change));
  journal->lose_last_record();
  const range::Time later = std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::system_clock::now() + std::chrono::hours(1));
  journal->set_now(later);
  append(app.handle, "more\n");
  const auto after = ops_->attributes(app.found.node, kRoot);
  EXPECT_EQ(after->st_size, 10);
  EXPECT_EQ(timestamp(after->st_mtim), later);
  // Nor does another change bring it back.
  change = {};
  change.mode = 0600;
  EXPECT_EQ(timestamp(ops_->set_attributes(app.found.node, change)->st_mtim), later);
}

TEST_F(OperationsTest, WhatChangesAJournalInvalidatesItsOtherViews) {
  const Created first = create("app");
  append(first.handle, "one\n");
  ASSERT_EQ(errno_of(ops_->command(open("app.pos"), "end", kRoot)), 0);
  const NodeId second = ops_->look_up(kRootNode, "app")->node;
  const auto expect_notice = [&](const char* by, const Status& done) {
    EXPECT_TRUE(done) << by;
    EXPECT_TRUE(std::ranges::count(notices_.attributes, second) == 1) << by;
    notices_.attributes.clear();
    ASSERT_TRUE(ops_->attributes(second, kRoot));
  };
  ASSERT_TRUE(ops_->attributes(second, kRoot));
  const NodeId node = first.found.node;
  AttributeChange change;
  change.modified = range::Timestamp();
  const auto set = ops_->set_attributes(node, change);
  expect_notice("utimensat", set ? Status() : Status(set.error()));
  expect_notice("setxattr", ops_->set_property(node, "user.range.keep", "0", SetMode::kAny));
  expect_notice("removexattr", ops_->remove_property(node, "user.range.keep"));
  expect_notice("rename", ops_->rename({kRootNode, "app"}, {kRootNode, "log"}, 0));
}

TEST_F(OperationsTest, JournalsHaveNoSetIdBits) {
  const auto made = ops_->create(kRootNode, "app", 07755, false, kUser);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->found.attributes.st_mode, S_IFREG | 01755U);
  AttributeChange change;
  change.mode = 06711;
  EXPECT_EQ(ops_->set_attributes(made->found.node, change)->st_mode, S_IFREG | 0711U);
  const NodeId web = make_directory("web");
  change.mode = 07777;
  EXPECT_EQ(ops_->set_attributes(web, change)->st_mode, S_IFDIR | 07777U);
}

TEST_F(OperationsTest, ARemovedDirectoryHasItsLastAttributesWhereItIsOpen) {
  const NodeId web = make_directory("web", 0711);
  const NodeId replaced = make_directory("replaced", 0700);
  const struct stat before = *ops_->attributes(web, kRoot);
  ASSERT_TRUE(ops_->rename({kRootNode, "web"}, {kRootNode, "replaced"}, 0));
  ASSERT_TRUE(ops_->remove_directory(kRootNode, "replaced"));
  const auto after = ops_->attributes(web, kRoot);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->st_nlink, 0U);
  EXPECT_EQ(after->st_mode, before.st_mode);
  EXPECT_EQ(after->st_ino, before.st_ino);
  EXPECT_EQ(ops_->attributes(replaced, kRoot)->st_nlink, 0U);
  EXPECT_EQ(ops_->attributes(replaced, kRoot)->st_mode, S_IFDIR | 0700U);
  EXPECT_EQ(errno_of(ops_->create(web, "log", 0644, false, kUser)), ENOENT);
}

TEST_F(OperationsTest, SizeCanOnlyBeSetToWhatItIs) {
  const Created created = create("app");
  AttributeChange change;
  change.size = 0;
  EXPECT_EQ(errno_of(ops_->set_attributes(created.found.node, change)), 0);
  append(created.handle, "one\n");
  EXPECT_EQ(errno_of(ops_->set_attributes(created.found.node, change)), EPERM);
  change.size = 5;
  EXPECT_EQ(errno_of(ops_->set_attributes(created.found.node, change)), EPERM);
  change.size = 4;
  EXPECT_EQ(errno_of(ops_->set_attributes(created.found.node, change)), 0);
  EXPECT_EQ(read_all(created.handle), "one\n");
}

}  // namespace
}  // namespace rangefs
