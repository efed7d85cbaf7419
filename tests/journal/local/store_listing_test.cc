// Listing the names of a store, page by page, and visiting all of them.

#include <gtest/gtest.h>

#include "tests/support/engine_test.h"

namespace range {
namespace {

using StoreListing = EngineTest;

TEST_F(StoreListing, ADirectoryIsListedInPages) {
  make_directory("d");
  std::set<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    const std::string name = "j" + std::to_string(i);
    journal("d/" + name);
    expected.insert(name);
  }
  make_directory("d/sub");
  expected.insert("sub");
  std::set<std::string> found;
  size_t pages = 0;
  for (std::optional<uint64_t> next = 0; next; ++pages) {
    const auto page = store_->list("d", *next, 10);
    ASSERT_TRUE(page) << to_string(page.error());
    ASSERT_LE(page->entries.size(), 10U);
    for (const NamedEntry& entry : page->entries) EXPECT_TRUE(found.insert(entry.name).second);
    next = page->next;
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(pages, 3U);
  EXPECT_EQ(code(store_->list("d", 0, 0)), Errc::kInvalid);
  EXPECT_EQ(code(store_->remove_directory("d")), Errc::kNotEmpty);
}

TEST_F(StoreListing, EntriesSayWhereToGoOnWhateverCameAndWentSince) {
  make_directory("d");
  for (int i = 0; i < 30; ++i) journal("d/j" + std::to_string(i));
  std::vector<std::string> expected;
  const auto all = store_->list("d", 0, 1000).value();
  for (const NamedEntry& entry : all.entries) expected.push_back(entry.name);
  for (size_t i = 0; i < 30; i += 3) {
    ASSERT_TRUE(store_->remove("d/" + expected[i]));
    journal("d/new" + std::to_string(i));
    const auto rest = store_->list("d", all.entries[i].next, 2).value();
    ASSERT_EQ(rest.entries.size(), 2U);
    EXPECT_EQ(rest.entries[0].name, expected[i + 1]);
    EXPECT_EQ(rest.entries[1].name, expected[i + 2]);
  }
}

TEST_F(StoreListing, VisitSeesEveryJournalOfATree) {
  make_directory("web");
  make_directory("web/old");
  make_directory("empty");
  std::set<std::string> expected;
  for (const char* path : {"app", "web/access", "web/error", "web/old/access"}) {
    ASSERT_TRUE(store_->create(path, {}));
    expected.insert(path);
  }
  std::set<std::string> visited;
  const auto visit = [&](const std::string& path, JournalId id) {
    EXPECT_EQ(store_->look_up(path).value()->id, id.value());
    visited.insert(path);
    return true;
  };
  EXPECT_TRUE(store_->visit("", visit));
  EXPECT_EQ(visited, expected);
  visited.clear();
  EXPECT_TRUE(store_->visit("web/old", visit));
  EXPECT_EQ(visited, std::set<std::string>{"web/old/access"});
  int calls = 0;
  EXPECT_TRUE(store_->visit("", [&](const std::string&, JournalId) { return ++calls < 2; }));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(code(store_->visit("none", visit)), Errc::kNotFound);
}

}  // namespace
}  // namespace range
