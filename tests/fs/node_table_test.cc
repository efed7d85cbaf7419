#include "fs/node_table.h"

#include <gtest/gtest.h>

#include "fs/names.h"
#include "tests/support/memory_store.h"

namespace rangefs {
namespace {

using range::MemoryJournal;

constexpr uint64_t kRootInode = 1;

std::shared_ptr<Journal> make_journal(uint64_t id) {
  return std::make_shared<MemoryJournal>(JournalId(id), Attributes());
}

class NodeTableTest : public ::testing::Test {
 protected:
  NodeTable table_{kRootInode};
  std::shared_ptr<Journal> journal_ = make_journal(7);
};

TEST_F(NodeTableTest, RootIsThereAndCannotBeForgotten) {
  table_.forget(kRootNode, 100);
  ASSERT_TRUE(table_.find(kRootNode).has_value());
  EXPECT_EQ(std::get<DirectoryNode>(*table_.find(kRootNode)).inode, kRootInode);
  EXPECT_EQ(table_.path(kRootNode), "");
}

TEST_F(NodeTableTest, SameViewIsSameNodeAndAnotherBaseIsAnother) {
  const NodeId first = table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"});
  EXPECT_EQ(table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"}), first);
  const NodeId moved = table_.enter_view(journal_, ByteOffset(10), {kRootNode, "app"});
  EXPECT_NE(moved, first);
  EXPECT_EQ(std::get<ViewNode>(*table_.find(moved)).base, ByteOffset(10));
}

TEST_F(NodeTableTest, NodeLivesUntilForgottenAsOftenAsEntered) {
  const NodeId id = table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"});
  table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"});
  table_.forget(id, 1);
  EXPECT_TRUE(table_.find(id).has_value());
  table_.forget(id, 1);
  EXPECT_FALSE(table_.find(id).has_value());
  EXPECT_EQ(table_.journal(JournalId(7)), nullptr);
  EXPECT_EQ(journal_.use_count(), 1);
}

TEST_F(NodeTableTest, IdsAreNeverUsedTwice) {
  const NodeId id = table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"});
  table_.forget(id, 1);
  EXPECT_NE(table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"}), id);
}

TEST_F(NodeTableTest, PathsFollowRenamesOfDirectoriesAbove) {
  const NodeId a = table_.enter_directory(100, {kRootNode, "a"});
  const NodeId b = table_.enter_directory(101, {a, "b"});
  EXPECT_EQ(table_.path(b), "a/b");
  table_.directory_moved(100, {kRootNode, "c"});
  EXPECT_EQ(table_.path(b), "c/b");
  table_.directory_moved(101, {kRootNode, "d"});
  EXPECT_EQ(table_.path(b), "d");
}

TEST_F(NodeTableTest, RemovedDirectoryHasNoPathAndItsNumberMayComeBack) {
  const NodeId old_node = table_.enter_directory(100, {kRootNode, "a"});
  table_.directory_removed(100, std::nullopt);
  EXPECT_EQ(table_.path(old_node), std::nullopt);
  const NodeId new_node = table_.enter_directory(100, {kRootNode, "b"});
  EXPECT_NE(new_node, old_node);
  table_.forget(old_node, 1);
  EXPECT_EQ(table_.enter_directory(100, {kRootNode, "b"}), new_node);
}

TEST_F(NodeTableTest, PlaceOfJournalFollowsMovesAndEndsWithRemoval) {
  table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"});
  EXPECT_EQ(table_.place(JournalId(7)), (Place{kRootNode, "app"}));
  table_.journal_moved(JournalId(7), {NodeId{5}, "other"});
  EXPECT_EQ(table_.place(JournalId(7)), (Place{NodeId{5}, "other"}));
  EXPECT_EQ(table_.journal(JournalId(7)), journal_);
  table_.journal_removed(JournalId(7));
  EXPECT_EQ(table_.place(JournalId(7)), std::nullopt);
  EXPECT_EQ(table_.journal(JournalId(7)), nullptr) << "no name leads to it";
}

TEST_F(NodeTableTest, OnlyAnsweredOtherViewsAreTakenAndOnlyOnce) {
  const NodeId a = table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"});
  const NodeId b = table_.enter_view(journal_, ByteOffset(4), {kRootNode, "app"});
  const NodeId c = table_.enter_view(journal_, ByteOffset(8), {kRootNode, "app"});
  table_.attributes_answered(a);
  table_.attributes_answered(b);
  EXPECT_EQ(table_.take_answered(JournalId(7), a), std::vector{b});
  EXPECT_TRUE(table_.take_answered(JournalId(7), a).empty());
  EXPECT_EQ(table_.take_answered(JournalId(7), c), std::vector{a});
}

TEST_F(NodeTableTest, EachLookUpOfAControlFileIsANodeThatLivesUntilItIsForgotten) {
  const ControlNode position{ControlKind::kPosition, journal_, kRootNode};
  const NodeId first = table_.enter_control(position);
  const NodeId second = table_.enter_control(position);
  EXPECT_NE(first, second);
  table_.forget(first, 1);
  EXPECT_FALSE(table_.find(first).has_value());
  EXPECT_EQ(std::get<ControlNode>(*table_.find(second)).journal, journal_);
}

TEST_F(NodeTableTest, ClearLetsGoOfEveryJournal) {
  table_.enter_view(journal_, ByteOffset(0), {kRootNode, "app"});
  table_.enter_control({ControlKind::kInfo, journal_, kRootNode});
  table_.clear();
  EXPECT_EQ(journal_.use_count(), 1);
  EXPECT_EQ(table_.size(), 1U);
}

TEST(ControlNames, AreTakenApart) {
  EXPECT_EQ(parse_control_name("app.pos")->journal, "app");
  EXPECT_EQ(parse_control_name("app.pos")->kind, ControlKind::kPosition);
  EXPECT_EQ(parse_control_name(".sync")->journal, "");
  EXPECT_EQ(parse_control_name("a.pos.info")->journal, "a.pos");
  EXPECT_FALSE(parse_control_name("app").has_value());
  EXPECT_FALSE(parse_control_name("app.posx").has_value());
  EXPECT_FALSE(parse_control_name("app.follow").has_value());
}

TEST(ControlNames, ReservedNamesIncludeThoseOfLaterVersions) {
  for (const char* name :
       {"a.pos", "a.sync", "a.follow", "a.info", "a.stamped", ".pos", ".follow"}) {
    EXPECT_TRUE(is_reserved(name, false)) << name;
  }
  for (const char* name : {".at", ".cursor", ".stats"}) {
    EXPECT_TRUE(is_reserved(name, true)) << name;
    EXPECT_FALSE(is_reserved(name, false)) << name;
  }
  for (const char* name : {"pos", "a.positions", ".atx", "@", " ", ".hidden", "format"}) {
    EXPECT_FALSE(is_reserved(name, true)) << name;
  }
}

}  // namespace
}  // namespace rangefs
