// Sizes of control files, and what their opens give.
#include "fs/snapshot.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/support/operations_test.h"

namespace rangefs {
namespace {

class SnapshotTest : public OperationsTest {
 protected:
  void SetUp() override {
    OperationsTest::SetUp();
    app_ = create("app");
    append(app_.handle, "one\n");
    web_ = make_directory("web");
    append(create("access", web_).handle, "two\n");
  }
  NodeId node(std::string_view name, NodeId parent = kRootNode) {
    return ops_->look_up(parent, name)->node;
  }
  size_t size(NodeId node, const Caller& caller = kRoot) {
    return static_cast<size_t>(ops_->attributes(node, caller)->st_size);
  }
  HandleId open_node(NodeId node, const Caller& caller = kRoot) {
    return *ops_->open(node, Access{true}, caller);
  }
  // Changes what each of the files below prints, and how long it is.
  void change() {
    append(app_.handle, std::string(2000, 'x'));
    for (const NodeId directory : {kRootNode, web_}) {
      create("another" + std::to_string(++changes_), directory);
      for (int i = 0; i < 10; ++i) create("more" + std::to_string(++changes_), directory);
    }
  }

  static constexpr const char* kVarying[] = {"app.info", ".info", ".pos"};
  Created app_;
  NodeId web_{};
  int changes_ = 0;
};

TEST_F(SnapshotTest, EveryControlFileHasItsTrueSize) {
  for (const char* name : {"app.pos", "app.sync", "app.info", ".pos", ".sync", ".info"}) {
    const NodeId found = node(name);
    const size_t told = size(found);
    EXPECT_EQ(read_all(open_node(found)).size(), told) << name;
    EXPECT_EQ(told > 0, std::string_view(name) != ".sync") << name;
  }
  for (const char* name : {".pos", ".info"})
    EXPECT_EQ(size(node(name, web_)), contents(name, web_).size());
}

TEST_F(SnapshotTest, SizesAreOfNamesInTheirEscape) {
  create("a\nb\\", web_);
  EXPECT_EQ(size(node(".pos", web_)), contents(".pos", web_).size());
}

TEST_F(SnapshotTest, AnOpenGivesWhatTheSizeWasToldOf) {
  for (const char* name : kVarying) {
    const NodeId found = node(name);
    const size_t told = size(found);
    change();
    const HandleId handle = open_node(found);
    EXPECT_EQ(read_all(handle).size(), told) << name;
    EXPECT_EQ(size(found), told) << name;
    EXPECT_NE(contents(name), read_all(handle)) << name << ", looked up anew";
  }
}

TEST_F(SnapshotTest, OpensOfOneLookUpGiveTheSame) {
  for (const char* name : kVarying) {
    const NodeId found = node(name);
    const HandleId first = open_node(found);
    const std::string text = read_all(first);
    change();
    const HandleId second = open_node(found);
    EXPECT_EQ(read_all(second), text) << name;
    ops_->close(first);
    EXPECT_EQ(size(found), text.size()) << name;
    ops_->close(second);
    // Nobody has it any more, and nothing keeps it.
    EXPECT_NE(read_all(open_node(found)), text) << name;
  }
}

TEST_F(SnapshotTest, WhatWasMadeToTellASizeGoesWithTheNode) {
  for (const char* name : {"app.info", ".info"}) {
    const NodeId found = node(name);
    size(found);
    const auto snapshot = std::get<ControlNode>(*ops_->nodes().find(found)).snapshot;
    std::weak_ptr<const std::string> unread;
    {
      const range::MutexLock lock(snapshot->mutex);
      unread = snapshot->unread;
    }
    EXPECT_FALSE(unread.expired());
    ops_->forget(found, 1);
    EXPECT_EQ(snapshot.use_count(), 1) << name;
  }
}

TEST_F(SnapshotTest, RootIsToldASizeWithoutAnyJournalBeingOpened) {
  const NodeId found = node(".pos", web_);
  const int before = store_.opens();
  const size_t told = size(found);
  EXPECT_EQ(store_.opens(), before);
  EXPECT_EQ(read_all(open_node(found)).size(), told);
  EXPECT_GT(store_.opens(), before);
}

TEST_F(SnapshotTest, NobodyIsGivenWhatWasMadeForSomebodyElse) {
  AttributeChange change;
  change.mode = 0600;  // kUser's
  ASSERT_EQ(errno_of(ops_->set_attributes(app_.found.node, change)), 0);
  const Caller other{1001, 1001, {}};
  const NodeId found = node(".pos");
  const size_t told = size(found);
  const HandleId opened = open_node(found);
  const HandleId by_other = open_node(found, other);
  EXPECT_EQ(read_all(opened).size(), told);
  EXPECT_EQ(read_all(by_other), "");
  const NodeId again = node(".pos");
  EXPECT_EQ(size(again), told);
  EXPECT_EQ(size(again, other), 0U);
  EXPECT_EQ(read_all(open_node(again, other)), "");
}

// A program that was given the open file by somebody else, as by sudo.
TEST_F(SnapshotTest, WhoIsGivenAnOpenFileIsToldItsSize) {
  AttributeChange change;
  change.mode = 0600;
  ASSERT_EQ(errno_of(ops_->set_attributes(app_.found.node, change)), 0);
  const NodeId found = node(".pos");
  const HandleId opened = open_node(found);
  EXPECT_EQ(size(found, Caller{1001, 1001, {}}), read_all(opened).size());
}

TEST_F(SnapshotTest, AJournalThatIsRemovedMeanwhileIsLeftOut) {
  const Created second = create("second", web_);
  ops_->close(second.handle);
  ops_->forget(second.found.node, 1);
  const NodeId found = node(".pos", web_);
  const size_t told = size(found);
  ASSERT_EQ(errno_of(ops_->remove(web_, "second")), 0);
  const HandleId opened = open_node(found);
  EXPECT_LT(read_all(opened).size(), told);
  EXPECT_EQ(size(found), read_all(opened).size());
}

TEST_F(SnapshotTest, ThoseOfARemovedDirectoryAreEmpty) {
  for (const char* name : {".pos", ".info", ".sync"}) {
    const NodeId empty = make_directory("empty");
    const NodeId found = node(name, empty);
    ASSERT_EQ(errno_of(ops_->remove_directory(kRootNode, "empty")), 0);
    EXPECT_EQ(size(found), 0U) << name;
  }
}

TEST_F(SnapshotTest, TruncationOfOneWaitsForNothing) {
  AttributeChange change;
  change.size = 0;
  for (const char* name : kVarying) {
    const NodeId found = node(name);
    EXPECT_EQ(errno_of(ops_->set_attributes(found, change)), 0) << name;
    const auto snapshot = std::get<ControlNode>(*ops_->nodes().find(found)).snapshot;
    const range::MutexLock lock(snapshot->mutex);
    EXPECT_FALSE(snapshot->unread != nullptr || snapshot->listing) << name;
    EXPECT_TRUE(ops_->attributes_wait(found)) << name;
  }
  EXPECT_FALSE(ops_->attributes_wait(node("app.pos")));
  EXPECT_FALSE(ops_->attributes_wait(node("app")));
}

}  // namespace
}  // namespace rangefs
