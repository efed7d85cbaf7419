#include "fs/control_files.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "fs/errno_map.h"
#include "tests/support/memory_store.h"

namespace rangefs {
namespace {

using range::MemoryJournal;
using range::MemoryStore;

const Caller kSuperuser{0, 0, {}};
constexpr std::string_view kStart = "000000010000000000000000";
constexpr std::string_view kSecond = "000000010000000000000001";

class ControlFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Attributes attributes;
    attributes.mode = 0640;
    attributes.uid = 1000;
    attributes.gid = 100;
    journal_ = *store_.create("app", attributes);
    append("one\n");
    append("two\n");
    append("three\n");
  }
  void append(std::string_view text) {
    ASSERT_TRUE(journal_->append(range::as_bytes(text)).has_value());
  }
  // Looked up anew.
  ControlNode control(ControlKind kind) const {
    return {kind, journal_, kRootNode, controls_.new_snapshot(kind, true)};
  }
  ControlNode of_root(ControlKind kind) {
    return {kind, nullptr, kRootNode, controls_.new_snapshot(kind, false)};
  }
  std::string print(const ControlNode& node, const Caller& caller = kSuperuser) {
    return **controls_.open(node, caller);
  }
  // errno; whether it moved is in moved_.
  int run(const ControlNode& node, std::string_view command, const Caller& caller = kSuperuser) {
    const auto result = controls_.run(node, command, caller);
    moved_ = result && result->has_value();
    return result ? 0 : to_errno(result.error());
  }
  int move(std::string_view position) { return run(control(ControlKind::kPosition), position); }
  uint64_t base() { return tree_.bases.of(*journal_).record.value(); }

  MemoryStore store_;
  std::shared_ptr<Journal> journal_;
  Tree tree_{store_, FsOptions{"/store", "1.0"}, 1};
  Properties properties_{tree_};
  ControlFiles controls_{tree_, properties_};
  bool moved_ = false;
};

TEST_F(ControlFilesTest, PositionPrintsWhereTheNameBegins) {
  EXPECT_EQ(print(control(ControlKind::kPosition)), std::string(kStart) + '\n');
  ASSERT_EQ(move("1\n"), 0);
  EXPECT_EQ(print(control(ControlKind::kPosition)), std::string(kSecond) + '\n');
}

TEST_F(ControlFilesTest, EveryFormOfPositionMoves) {
  const auto expect = [&](std::string_view position, uint64_t record) {
    EXPECT_EQ(move(position), 0) << position;
    EXPECT_EQ(base(), record) << position;
  };
  expect("end", 3);
  expect("start", 0);
  expect("2", 2);
  expect("-1", 2);
  expect("-99", 0);
  expect("+1", 1);
  expect("+2\n", 3);
  expect("@0", 0);
  expect("2100-01-01T00:00:00Z", 3);
  expect("-1000w", 0);
  expect(kSecond, 1);
}

TEST_F(ControlFilesTest, RefusedPositionsChangeNothing) {
  ASSERT_EQ(move("1"), 0);
  for (const char* bad : {"", "\n", "x", "1 2", "1\n\n", "--1", "1.5", "-5y", "0x1"}) {
    EXPECT_EQ(move(bad), EINVAL) << bad;
  }
  for (const char* bad : {"4", "+3", "0000000100000000000000FF", "000000020000000000000000"}) {
    EXPECT_EQ(move(bad), ERANGE) << bad;
  }
  EXPECT_EQ(move(std::string(5000, '1')), EINVAL);
  EXPECT_EQ(base(), 1U);
}

TEST_F(ControlFilesTest, MovingToTheSamePlaceIsNoMove) {
  EXPECT_EQ(move("start"), 0);
  EXPECT_FALSE(moved_);
  EXPECT_EQ(move("1"), 0);
  EXPECT_TRUE(moved_);
  EXPECT_EQ(move(kSecond), 0);
  EXPECT_FALSE(moved_);
}

TEST_F(ControlFilesTest, SyncSyncsAndPrintsTheDurablePosition) {
  EXPECT_EQ(print(control(ControlKind::kSync)), "000000010000000000000003\n");
  EXPECT_EQ(journal_->extent().synced, journal_->extent().end.offset);
  append("four\n");
  EXPECT_EQ(run(control(ControlKind::kSync), "anything"), 0);
  EXPECT_EQ(journal_->extent().synced, journal_->extent().end.offset);
}

TEST_F(ControlFilesTest, SyncOfADirectorySyncsTheStoreAndPrintsNothing) {
  EXPECT_EQ(print(of_root(ControlKind::kSync)), "");
  EXPECT_EQ(run(of_root(ControlKind::kSync), "\n"), 0);
  EXPECT_EQ(store_.syncs(), 2);
}

TEST_F(ControlFilesTest, FailedSyncIsAnError) {
  store_.journal("app")->fail_with(range::system_error(EIO, "fdatasync"));
  EXPECT_FALSE(controls_.open(control(ControlKind::kSync), kSuperuser).has_value());
  EXPECT_EQ(run(control(ControlKind::kSync), "x"), EIO);
}

TEST_F(ControlFilesTest, InfoPrintsKeysAndTakesNoCommands) {
  const std::string text = print(control(ControlKind::kInfo));
  EXPECT_NE(text.find("framing: line\n"), std::string::npos);
  EXPECT_NE(text.find("records: 3\n"), std::string::npos);
  EXPECT_NE(text.find("state: ok\n"), std::string::npos);
  EXPECT_EQ(run(control(ControlKind::kInfo), "framing: write"), EINVAL);
  const std::string root = print(of_root(ControlKind::kInfo));
  EXPECT_NE(root.find("journals: 1\n"), std::string::npos);
  EXPECT_NE(root.find("store: /store\n"), std::string::npos);
}

TEST_F(ControlFilesTest, InfoHasALineForAKeyWhateverIsInItsValue) {
  Tree tree(store_, FsOptions{"/st\nrecords: 9\\", "1.0"}, 1);
  Properties properties(tree);
  ControlFiles controls(tree, properties);
  const std::string root = **controls.open(of_root(ControlKind::kInfo), kSuperuser);
  EXPECT_NE(root.find("store: /st\\nrecords: 9\\\\\n"), std::string::npos) << root;
  store_.journal("app")->fail_with(range::system_error(EIO, "write /st\nstate: ok"));
  const std::string info = print(control(ControlKind::kInfo));
  EXPECT_EQ(info.find("\nstate: ok"), std::string::npos) << info;
  EXPECT_NE(info.find("write /st\\nstate: ok"), std::string::npos) << info;
}

// What changes attributes is refused then, and removal, too.
TEST_F(ControlFilesTest, InfoTellsOfAttributesThatCannotBeRead) {
  const auto app = store_.journal("app");
  app->lose_attributes(Error{Errc::kCorrupt, EIO, "attributes of app"});
  const std::string info = print(control(ControlKind::kInfo));
  EXPECT_EQ(info.find("\nstate: ok"), std::string::npos) << info;
  EXPECT_NE(info.find("\nstate: damaged: "), std::string::npos) << info;
  EXPECT_NE(info.find("attributes of app"), std::string::npos) << info;
}

TEST_F(ControlFilesTest, DirectoryListsPositionsByName) {
  ASSERT_TRUE(store_.create("a b", Attributes()).has_value());
  ASSERT_TRUE(store_.make_directory("web", Attributes()).has_value());
  ASSERT_EQ(move("1"), 0);
  EXPECT_EQ(print(of_root(ControlKind::kPosition)),
            std::string(kStart) + " a b\n" + std::string(kSecond) + " app\n");
}

TEST_F(ControlFilesTest, DirectoryMovesOneByNameAlsoWithSpaces) {
  ASSERT_EQ(run(of_root(ControlKind::kPosition), "app 2\n"), 0);
  EXPECT_TRUE(moved_);
  EXPECT_EQ(base(), 2U);
  ASSERT_TRUE(store_.rename("app", "my app ", false).has_value());
  ASSERT_EQ(run(of_root(ControlKind::kPosition), "my app  start"), 0);
  EXPECT_EQ(base(), 0U);
}

TEST_F(ControlFilesTest, DirectoryListsNamesInAnEscapeAndReadsThemSo) {
  const std::string forging = "x\n" + std::string(kSecond) + " \x1b[2Kapp\\";
  ASSERT_TRUE(store_.rename("app", forging, false).has_value());
  const std::string line = print(of_root(ControlKind::kPosition));
  EXPECT_EQ(line, std::string(kStart) + " x\\n" + std::string(kSecond) + " \\x1b[2Kapp\\\\\n");
  const std::string listed = line.substr(kStart.size() + 1, line.size() - kStart.size() - 2);
  ASSERT_EQ(run(of_root(ControlKind::kPosition), listed + " 2\n"), 0);
  EXPECT_EQ(base(), 2U);
  EXPECT_EQ(run(of_root(ControlKind::kPosition), forging + " 1"), EINVAL);  // ends in a backslash
  EXPECT_EQ(base(), 2U);
}

TEST_F(ControlFilesTest, DirectoryRefusesMalformedEscapes) {
  ASSERT_TRUE(store_.create("\\", Attributes()).has_value());
  const ControlNode node = of_root(ControlKind::kPosition);
  for (const char* name : {"\\", "a\\", "\\x4", "\\q", "\\x4g"}) {
    EXPECT_EQ(run(node, std::string(name) + " 0"), EINVAL) << name;
  }
  EXPECT_EQ(run(node, "\\x61pp 1"), 0);
  EXPECT_EQ(base(), 1U);
  EXPECT_EQ(run(node, "..\\x2fapp 0"), ENOENT);
  EXPECT_EQ(run(node, "app\\x00 0"), ENOENT);
  // What is too long is the name, not how it is written.
  EXPECT_EQ(run(node, std::string(256, 'a') + " 0"), ENAMETOOLONG);
  std::string longest;
  for (int i = 0; i < 255; ++i) longest += "\\x01";
  EXPECT_EQ(run(node, longest + " 0"), ENOENT);
}

TEST_F(ControlFilesTest, DirectoryRefusesWhatItCannotMove) {
  ASSERT_TRUE(store_.make_directory("web", Attributes()).has_value());
  const ControlNode node = of_root(ControlKind::kPosition);
  EXPECT_EQ(run(node, "app"), EINVAL);
  EXPECT_EQ(run(node, " 1"), EINVAL);
  EXPECT_EQ(run(node, "app x"), EINVAL);
  EXPECT_EQ(run(node, "app 9"), ERANGE);
  EXPECT_EQ(run(node, "nobody 1"), ENOENT);
  EXPECT_EQ(run(node, "web 1"), ENOENT);
  EXPECT_EQ(run(node, "../app 1"), ENOENT);
  EXPECT_EQ(run(node, ". 1"), ENOENT);
  EXPECT_EQ(run(node, std::string(300, 'a') + " 1"), ENAMETOOLONG);
  EXPECT_EQ(base(), 0U);
}

TEST_F(ControlFilesTest, DirectoryMovesOnlyWhatTheCallerMayWrite) {
  const ControlNode node = of_root(ControlKind::kPosition);
  const auto in_group = [](uint32_t gid) { return gid == 100; };
  EXPECT_EQ(run(node, "app 1", Caller{1000, 1000, {}}), 0);
  EXPECT_EQ(run(node, "app 2", Caller{1001, 100, {}}), EACCES);
  EXPECT_EQ(run(node, "app 2", Caller{1001, 1001, in_group}), EACCES);
  Attributes attributes = journal_->attributes();
  attributes.mode = 0460;
  ASSERT_TRUE(journal_->set_attributes(attributes).has_value());
  EXPECT_EQ(run(node, "app 2", Caller{1000, 100, {}}), EACCES);  // the owner's bits decide
  EXPECT_EQ(run(node, "app 2", Caller{1001, 1001, in_group}), 0);
  EXPECT_EQ(run(node, "app 0", Caller{1001, 1001, {}}), EACCES);
  EXPECT_EQ(base(), 2U);
}

TEST_F(ControlFilesTest, DirectoryListsOnlyWhatTheCallerMayRead) {
  const auto lists = [&](const Caller& caller) {
    const ControlNode node = of_root(ControlKind::kPosition);
    const uint64_t size = *controls_.size(node, caller);
    const std::string text = print(node, caller);
    EXPECT_EQ(size, text.size());
    return !text.empty();
  };
  const auto set_mode = [&](uint32_t mode) {
    Attributes attributes = journal_->attributes();
    attributes.mode = mode;
    ASSERT_TRUE(journal_->set_attributes(attributes).has_value());
  };
  const Caller owner{1000, 1000, {}};
  const Caller group{1001, 100, {}};
  const Caller in_group{1001, 1001, [](uint32_t gid) { return gid == 100; }};
  const Caller other{1001, 1001, [](uint32_t) { return false; }};
  set_mode(0404);
  EXPECT_TRUE(lists(owner));
  EXPECT_FALSE(lists(group));
  EXPECT_FALSE(lists(in_group));
  EXPECT_TRUE(lists(other));
  set_mode(0040);
  EXPECT_FALSE(lists(owner));
  EXPECT_TRUE(lists(group));
  EXPECT_TRUE(lists(in_group));
  EXPECT_FALSE(lists(other));
  set_mode(0333);  // writing alone shows nothing
  for (const Caller& caller : {owner, group, in_group, other}) EXPECT_FALSE(lists(caller));
  EXPECT_TRUE(lists(kSuperuser));
}

TEST_F(ControlFilesTest, WhatMayTakeLongWaits) {
  EXPECT_TRUE(controls_.open_waits(control(ControlKind::kSync)));
  EXPECT_TRUE(controls_.open_waits(of_root(ControlKind::kSync)));
  EXPECT_TRUE(controls_.open_waits(of_root(ControlKind::kPosition)));
  EXPECT_TRUE(controls_.open_waits(control(ControlKind::kInfo)));
  EXPECT_TRUE(controls_.open_waits(of_root(ControlKind::kInfo)));
  EXPECT_FALSE(controls_.open_waits(control(ControlKind::kPosition)));
  EXPECT_FALSE(ControlFiles::size_waits(control(ControlKind::kSync)));  // it does not sync
}

}  // namespace
}  // namespace rangefs
