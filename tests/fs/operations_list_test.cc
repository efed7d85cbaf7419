#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "tests/support/operations_test.h"
#include "tests/support/temporary_directory.h"

namespace rangefs {
namespace {

using range::NamesPage;
using range::Store;

struct Shown {
  std::string name;
  uint64_t inode = 0;
  bool is_directory = false;
  uint64_t next = 0;
};

// Up to `room` entries, as one request of the kernel gets them.
std::vector<Shown> list(Operations& ops, HandleId handle, uint64_t offset, size_t room) {
  std::vector<Shown> shown;
  const Status listed = ops.list(handle, offset, room, [&](const ListedEntry& entry) {
    if (shown.size() == room) return false;
    shown.push_back({entry.name, entry.inode, entry.is_directory, entry.next});
    return true;
  });
  EXPECT_EQ(errno_of(listed), 0);
  return shown;
}

// The same through a handle of its own, as servers do that keep no directory open.
std::vector<Shown> piece(Operations& ops, NodeId directory, uint64_t offset, size_t room) {
  const HandleId handle = *ops.open_directory(directory);
  auto shown = list(ops, handle, offset, room);
  ops.close(handle);
  return shown;
}

std::vector<std::string> sorted_names(const std::vector<Shown>& shown) {
  std::vector<std::string> names;
  for (const Shown& each : shown) names.push_back(each.name);
  std::ranges::sort(names);
  return names;
}

// A store that notes how much is asked of it at once.
class PagedStore : public range::MemoryStore {
 public:
  using MemoryStore::list;
  Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max) override {
    ++pages;
    largest = std::max(largest, entries_max);
    return MemoryStore::list(directory, from, entries_max);
  }
  size_t pages = 0;
  size_t largest = 0;
};

// A store whose offsets are those that file systems give.
class OddOffsets : public range::MemoryStore {
 public:
  // In this order: of tmpfs, ext4 (the last is also the end), btrfs and xfs.
  static constexpr std::array<uint64_t, 12> kOffsets{
      1,
      10,
      2,
      0x7fffffff,
      3,
      0x16a18ce8474d6db6,
      0x7ffffffe'00000001,
      0x7ffffffe'ffffffff,
      4,
      0x80000000,
      0x1'00000000,
      0x7fffffff'ffffffff,
  };
  using MemoryStore::list;
  Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max) override {
    auto all = MemoryStore::list(directory, 0, 1000);
    const auto behind = std::ranges::find(kOffsets, from);
    size_t index =
        behind == kOffsets.end() ? 0 : static_cast<size_t>(behind - kOffsets.begin()) + 1;
    NamesPage page;
    for (; index < all->entries.size() && page.entries.size() < entries_max; ++index) {
      page.entries.push_back(all->entries[index]);
      page.entries.back().next = kOffsets.at(index);
    }
    if (page.entries.size() == entries_max) page.next = page.entries.back().next;
    return page;
  }
};

class OperationsListTest : public OperationsTest {
 protected:
  // All entries of the root through one handle, `room` at a time.
  std::vector<Shown> whole(size_t room) {
    std::vector<Shown> all;
    const HandleId handle = *ops_->open_directory(kRootNode);
    for (uint64_t offset = 0;;) {
      const auto some = list(*ops_, handle, offset, room);
      if (some.empty()) break;
      all.insert(all.end(), some.begin(), some.end());
      offset = all.back().next;
    }
    ops_->close(handle);
    return all;
  }
};

TEST_F(OperationsListTest, EveryEntryIsListedOnceWhateverTheRoom) {
  for (int i = 0; i < 20; ++i) create("j" + std::to_string(i));
  const NodeId directory = make_directory("d");
  std::vector<std::string> expected{".", "..", "d"};
  for (int i = 0; i < 20; ++i) expected.push_back("j" + std::to_string(i));
  std::ranges::sort(expected);
  for (size_t room = 1; room < 30; ++room) EXPECT_EQ(sorted_names(whole(room)), expected) << room;
  for (const Shown& each : whole(7)) {
    EXPECT_EQ(each.is_directory, each.name == "d" || each.name.starts_with('.')) << each.name;
    if (each.name != "d") continue;
    EXPECT_EQ(each.inode, ops_->attributes(directory, kRoot)->st_ino);
  }
}

TEST_F(OperationsListTest, SelfAndParentHaveTheirOwnNumbers) {
  const uint64_t root = ops_->attributes(kRootNode, kRoot)->st_ino;
  const NodeId a = make_directory("a");
  const NodeId b = ops_->make_directory(a, "b", 0755, kUser)->node;
  const auto numbers = [&](NodeId directory) {
    const auto shown = piece(*ops_, directory, 0, 2);
    return std::pair(shown.at(0).inode, shown.at(1).inode);
  };
  const uint64_t inode_a = ops_->attributes(a, kRoot)->st_ino;
  const uint64_t inode_b = ops_->attributes(b, kRoot)->st_ino;
  EXPECT_EQ(numbers(kRootNode), std::pair(root, root));
  EXPECT_EQ(numbers(a), std::pair(inode_a, root));
  EXPECT_EQ(numbers(b), std::pair(inode_b, inode_a));
  ASSERT_EQ(errno_of(ops_->rename({a, "b"}, {kRootNode, "b"}, 0)), 0);
  EXPECT_EQ(numbers(b), std::pair(inode_b, root));
}

TEST_F(OperationsListTest, NumbersAreThoseThatStatGives) {
  create("a");
  const NodeId web = make_directory("web");
  create("log", web);
  for (const NodeId directory : {kRootNode, web}) {
    for (const Shown& each : piece(*ops_, directory, 0, 100)) {
      if (each.name == "..") continue;
      const auto st = each.name == "." ? *ops_->attributes(directory, kRoot)
                                       : ops_->look_up(directory, each.name)->attributes;
      EXPECT_EQ(each.inode, st.st_ino) << each.name;
      EXPECT_LT(each.inode, uint64_t{1} << 53);
    }
  }
}

TEST_F(OperationsListTest, RewindingShowsWhatIsNew) {
  create("old");
  const HandleId handle = *ops_->open_directory(kRootNode);
  EXPECT_EQ(sorted_names(list(*ops_, handle, 0, 9)), (std::vector<std::string>{".", "..", "old"}));
  create("new");
  ASSERT_EQ(errno_of(ops_->remove(kRootNode, "old")), 0);
  EXPECT_EQ(sorted_names(list(*ops_, handle, 0, 9)), (std::vector<std::string>{".", "..", "new"}));
}

TEST_F(OperationsListTest, WhatFileSystemsGiveAsOffsetsIsNoneOfOurs) {
  OddOffsets store;
  auto ops = *Operations::create(store, FsOptions{"/store", "1.0"}, notices_);
  std::vector<std::string> expected{".", ".."};
  for (size_t i = 0; i < OddOffsets::kOffsets.size(); ++i) {
    const std::string name = "j" + std::to_string(i);
    ASSERT_EQ(errno_of(ops->make_journal(kRootNode, name, 0644, kUser)), 0);
    expected.push_back(name);
  }
  std::ranges::sort(expected);
  for (size_t room = 1; room < 16; ++room) {
    std::vector<Shown> all;
    for (uint64_t offset = 0; all.size() <= expected.size(); offset = all.back().next) {
      const auto some = piece(*ops, kRootNode, offset, room);
      if (some.empty()) break;
      all.insert(all.end(), some.begin(), some.end());
    }
    EXPECT_EQ(sorted_names(all), expected) << room;
    for (const Shown& each : all) EXPECT_LE(each.next, uint64_t{INT64_MAX}) << each.name;
  }
}

TEST_F(OperationsListTest, NamesThatNobodyCouldHaveMadeAreHidden) {
  for (const char* name : {"x.pos", ".info", "a.follow", ".at", ".cursor", "shown"}) {
    ASSERT_TRUE(store_.create(name, Attributes()).has_value());
  }
  EXPECT_EQ(sorted_names(whole(1)), (std::vector<std::string>{".", "..", "shown"}));
}

TEST(OperationsList, NoMoreThanAPageIsReadOrKept) {
  PagedStore store;
  RecordedNotices notices;
  auto ops = *Operations::create(store, FsOptions{"/store", "1.0"}, notices);
  constexpr size_t kNames = 5000;
  for (size_t i = 0; i < kNames; ++i) {
    ASSERT_TRUE(store.create("j" + std::to_string(i), Attributes()).has_value());
  }
  for (const size_t room : {size_t{100}, size_t{800}, size_t{100'000}}) {
    const HandleId handle = *ops->open_directory(kRootNode);
    store.pages = store.largest = 0;
    size_t shown = 0;
    for (uint64_t offset = 0;;) {
      const auto some = list(*ops, handle, offset, room);
      if (some.empty()) break;
      shown += some.size();
      offset = some.back().next;
    }
    EXPECT_EQ(shown, kNames + 2);
    EXPECT_LE(store.largest, 1024U);
    EXPECT_LE(store.pages, 7U) << "a page is read more than once, for room " << room;
    ops->close(handle);
  }
}

TEST(OperationsList, APieceReadsNoMoreThanItHasRoomFor) {
  PagedStore store;
  RecordedNotices notices;
  auto ops = *Operations::create(store, FsOptions{"/store", "1.0"}, notices);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(store.create("j" + std::to_string(i), Attributes()).has_value());
  }
  const auto first = piece(*ops, kRootNode, 0, 5);
  EXPECT_EQ(piece(*ops, kRootNode, first.back().next, 5).size(), 5U);
  EXPECT_EQ(store.largest, 5U);
}

// Reads a directory of `store` in pieces while names come and go, with `reopen` called now and
// then.
void expect_names_once(std::unique_ptr<Operations>& ops, const std::function<void()>& reopen) {
  ASSERT_EQ(errno_of(ops->make_directory(kRootNode, "d", 0755, kUser)), 0);
  NodeId directory = ops->look_up(kRootNode, "d")->node;
  const auto make = [&](const std::string& name) {
    ASSERT_EQ(errno_of(ops->make_journal(directory, name, 0644, kUser)), 0);
  };
  for (int i = 0; i < 150; ++i) {
    make("stay-" + std::to_string(i));
    make("go-" + std::to_string(i));
  }
  std::map<std::string, int> found;
  uint64_t offset = 0;
  for (int pieces = 0;; ++pieces) {
    const auto some = piece(*ops, directory, offset, 4);
    if (some.empty()) break;
    for (const Shown& each : some) ++found[each.name];
    offset = some.back().next;
    if (pieces < 150) {
      ASSERT_EQ(errno_of(ops->remove(directory, "go-" + std::to_string(pieces))), 0);
      make("come-" + std::to_string(pieces));
    }
    if (pieces % 40 == 39) {
      reopen();
      directory = ops->look_up(kRootNode, "d")->node;
    }
  }
  for (int i = 0; i < 150; ++i) EXPECT_EQ(found["stay-" + std::to_string(i)], 1) << i;
  EXPECT_EQ(found["."], 1);
  EXPECT_EQ(found[".."], 1);
}

TEST(OperationsList, PiecesGiveEveryNameOnceWhileOthersComeAndGo) {
  range::MemoryStore store;
  RecordedNotices notices;
  std::unique_ptr<Operations> ops;
  const auto reopen = [&] {
    ops = *Operations::create(store, FsOptions{"/store", "1.0"}, notices);
  };
  reopen();
  expect_names_once(ops, reopen);
}

TEST(OperationsList, PiecesGiveEveryNameOnceAlsoOfAStoreThatIsClosedMeanwhile) {
  const range::TemporaryDirectory directory;
  RecordedNotices notices;
  std::unique_ptr<Store> store;
  std::unique_ptr<Operations> ops;
  const auto reopen = [&] {
    ops.reset();
    ASSERT_TRUE(!store || store->close());
    store.reset();
    store = *range::open_store(directory.path() / "store", {});
    ops = *Operations::create(*store, FsOptions{"/store", "1.0"}, notices);
  };
  reopen();
  expect_names_once(ops, reopen);
}

}  // namespace
}  // namespace rangefs
