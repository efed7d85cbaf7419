// The ids of what is in the tree: unique in a store, and kept.

#include <gtest/gtest.h>

#include "journal/chunk/format.h"
#include "journal/local/names.h"
#include "tests/support/engine_test.h"

namespace range {
namespace {

class NamesIds : public EngineTest {
 protected:
  static constexpr uint64_t kFree = 0x5678'9ABC'DEF0;

  uint64_t id(std::string_view path) {
    const auto entry = store_->look_up(path);
    EXPECT_TRUE(entry && *entry) << path;
    return entry && *entry ? (*entry)->id : 0;
  }

  // Creates something when first the id `taken` is drawn, and then another one.
  void expect_drawn_again(uint64_t taken, const char* what) {
    env_->script_random({taken, kFree});
    EXPECT_EQ(journal("drawn")->id(), JournalId(kFree)) << what;
    env_->script_random({taken, kFree, kFree + 2});
    const auto directory = store_->make_directory("drawn too", {});
    ASSERT_TRUE(directory) << what << ": " << to_string(directory.error());
    EXPECT_EQ(id("drawn too"), kFree + 2) << what;
    ASSERT_TRUE(store_->remove("drawn"));
    ASSERT_TRUE(store_->remove_directory("drawn too"));
    ASSERT_TRUE(store_->sync_and_reclaim());
  }

  // By id, what STORE/chunks and STORE/trash have of directories of the tree.
  std::set<std::string> claims(SimEnv& env) {
    std::set<std::string> found;
    const std::vector<DirectoryEntry> parts = env.list("/store/chunks").value();
    for (const DirectoryEntry& part : parts) {
      const auto entries = env.list(Path("/store/chunks") / part.name).value();
      for (const DirectoryEntry& entry : entries) {
        if (entry.kind == FileKind::kSymlink) found.insert(entry.name);
      }
    }
    return found;
  }

  // The same of a store in which there is nothing but "d", if that.
  static std::set<std::string> expected_claims(Store& store) {
    const auto entry = store.look_up("d").value();
    return entry ? std::set<std::string>{to_string(JournalId(entry->id))} : std::set<std::string>();
  }

  void copy_tree(const Path& from, const Path& to) {
    ASSERT_TRUE(env_->make_directory(to));
    const std::vector<DirectoryEntry> entries = env_->list(from).value();
    for (const DirectoryEntry& entry : entries) {
      if (entry.kind == FileKind::kDirectory) copy_tree(from / entry.name, to / entry.name);
      if (entry.kind == FileKind::kRegular) {
        env_->write_raw(to / entry.name, env_->read_all(from / entry.name));
      }
      if (entry.kind == FileKind::kSymlink) {
        ASSERT_TRUE(env_->make_symlink(*env_->read_symlink(from / entry.name), to / entry.name));
      }
    }
  }
};

TEST_F(NamesIds, FitInto48BitsAndSpreadOverChunks) {
  std::set<std::string> parts;
  for (uint64_t i = 0; i < 1000; ++i) {
    const JournalId drawn = journal("app " + std::to_string(i))->id();
    EXPECT_LT(drawn.value(), uint64_t{1} << 48);
    EXPECT_EQ(to_string(drawn).size(), 12U);
    parts.insert(to_string(drawn).substr(0, 2));
  }
  EXPECT_GT(parts.size(), 240U);  // of 256
  make_directory("d");
  EXPECT_LT(id("d"), uint64_t{1} << 48);
  EXPECT_LT(id(""), uint64_t{1} << 48);
}

TEST_F(NamesIds, WhatIsTakenIsDrawnAgain) {
  expect_drawn_again(0, "no id");
  expect_drawn_again(id(""), "the root's");
  const auto app = journal("app");
  expect_drawn_again(app->id().value(), "a journal's");
  make_directory("d");
  const uint64_t directory = id("d");
  expect_drawn_again(directory, "a directory's");
  // Only the low bits of what is drawn count.
  expect_drawn_again(directory | uint64_t{1} << 60 | 1, "a directory's");
  ASSERT_TRUE(store_->rename("d", "e", false));
  expect_drawn_again(directory, "a renamed directory's");
  ASSERT_TRUE(store_->remove("app"));
  expect_drawn_again(app->id().value(), "a removed journal's that is open");
}

// Another number for one look-up would be another file to whoever keeps it.
TEST_F(NamesIds, AreNotMadeUpForWantOfMemory) {
  make_directory("d");
  reopen();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kOpen && call.path.ends_with("d/.info")) return Fault{ENOMEM};
    return std::nullopt;
  });
  EXPECT_EQ(code(store_->look_up("d")), Errc::kIo);
  env_->set_fault_hook({});
  EXPECT_LT(id("d") % 2, 1U) << "as drawn";
}

TEST_F(NamesIds, WhatIsInTheTrashIsDrawnAgain) {
  const uint64_t app = journal("app")->id().value();
  make_directory("d");
  const uint64_t directory = id("d");
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->remove_directory("d"));
  env_->script_random({app, directory, kFree, app, directory, kFree + 2});
  EXPECT_EQ(journal("new")->id(), JournalId(kFree));
  make_directory("new d");
  EXPECT_EQ(id("new d"), kFree + 2);
  ASSERT_TRUE(store_->sync_and_reclaim());
  // Both are gone for good now.
  env_->script_random({app});
  EXPECT_EQ(journal("again")->id(), JournalId(app));
  env_->script_random({directory});
  make_directory("again too");
  EXPECT_EQ(id("again too"), directory);
}

TEST_F(NamesIds, DyingWhileATakenIdIsDrawnHarmsNobody) {
  append(*journal("app"), "x\n");
  make_directory("d");
  const uint64_t app = id("app");
  const uint64_t directory = id("d");
  sync_all();
  for (const uint64_t taken : {app, directory}) {
    for (uint64_t n = 0; n < 10; ++n) {
      kill();
      env_->script_random({taken, kFree + 2 * n, taken, kFree + 2 * n + 2});
      env_->power_off_at_change(env_->changes() + n);
      (void)store_->create("new", {});
      (void)store_->make_directory("new d", {});
      kill();
      EXPECT_EQ(read_all(*journal("app")), "x\n") << n;
      EXPECT_EQ(id("app"), app);
      EXPECT_EQ(id("d"), directory);
      EXPECT_TRUE(claims(*env_).contains(to_string(JournalId(directory))));
      EXPECT_TRUE(!has("new") || store_->remove("new"));
      EXPECT_TRUE(!has("new d") || store_->remove_directory("new d"));
      ASSERT_TRUE(store_->sync_and_reclaim());
    }
  }
}

TEST_F(NamesIds, OfADirectoryAreKeptWhateverHappensToIt) {
  make_directory("a");
  make_directory("b");
  make_directory("b/c");
  const uint64_t a = id("a");
  const uint64_t c = id("b/c");
  EXPECT_NE(a, c);
  ASSERT_TRUE(store_->rename("a", "b/a", false));
  EXPECT_EQ(id("b/a"), a);
  ASSERT_TRUE(store_->rename("b", "z", false));
  ASSERT_TRUE(store_->set_directory_attributes("z/c", Attributes()));
  EXPECT_EQ(id("z/a"), a);
  EXPECT_EQ(id("z/c"), c);
  const std::vector<NamedEntry> listed = store_->list("z").value();
  for (const NamedEntry& entry : listed) {
    EXPECT_EQ(entry.entry.id, entry.name == "a" ? a : c);
  }
  reopen();
  EXPECT_EQ(id("z/a"), a);
  sync_all();
  lose_power(Survival::drop_all());
  EXPECT_EQ(id("z/a"), a);
  EXPECT_EQ(id("z/c"), c);
}

TEST_F(NamesIds, AreTheSameInACopyOfTheStore) {
  make_directory("a");
  make_directory("a/b");
  journal("a/app");
  const uint64_t root = id("");
  const uint64_t b = id("a/b");
  const uint64_t app = id("a/app");
  ASSERT_TRUE(store_->close());
  ASSERT_TRUE(env_->make_directory("/elsewhere"));  // so that inodes are others
  copy_tree("/store", "/copy");
  const auto copy = LocalStore::open(*env_, "/copy", options_, false);
  ASSERT_TRUE(copy) << to_string(copy.error());
  EXPECT_EQ((*copy)->look_up("").value()->id, root);
  EXPECT_EQ((*copy)->look_up("a/b").value()->id, b);
  EXPECT_EQ((*copy)->look_up("a/app").value()->id, app);
  env_->script_random({b, app, kFree});
  EXPECT_EQ((*copy)->create("new", {}).value()->id(), JournalId(kFree));
}

TEST_F(NamesIds, OfDirectoriesMadeByHandAreOddAndStayWhatTheyAre) {
  for (const char* name : {"a", "b"}) {
    ASSERT_TRUE(env_->make_directory(Path("/store/tree") / name));
  }
  const uint64_t a = id("a");
  EXPECT_EQ(a % 2, 1U);
  EXPECT_EQ(id("b") % 2, 1U);
  EXPECT_NE(a, id("b"));
  EXPECT_FALSE(env_->exists("/store/tree/a/.info"));
  ASSERT_TRUE(store_->set_directory_attributes("a", Attributes()));
  EXPECT_EQ(id("a"), a);
  make_directory("d");
  ASSERT_TRUE(store_->rename("a", "d/a", false));
  reopen();
  EXPECT_EQ(id("d/a"), a);
  EXPECT_EQ(store_->directory_attributes("d/a")->mode, Attributes().mode);
  ASSERT_TRUE(store_->remove_directory("d/a"));
  ASSERT_TRUE(store_->sync_and_reclaim());
  EXPECT_TRUE(env_->list("/store/trash")->empty()) << env_->dump();
}

TEST_F(NamesIds, ADirectoryWhoseAttributesCannotBeReadIsListed) {
  make_directory("bad");
  make_directory("good");
  reopen();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    const bool bad = call.path.ends_with("bad/.info") && call.kind == CallKind::kOpen;
    return bad ? std::optional(Fault{EIO, 0}) : std::nullopt;
  });
  EXPECT_EQ(names(""), (std::set<std::string>{"bad", "good"}));
  EXPECT_EQ(id("bad") % 2, 1U);
  EXPECT_EQ(id("good") % 2, 0U);
  EXPECT_EQ(store_->directory_attributes("bad")->mode, 0700U) << "whatever is below can be reached";
  EXPECT_EQ(code(store_->set_directory_attributes("bad", {})), Errc::kCorrupt)
      << "its id would be lost";
}

TEST_F(NamesIds, ARemovedDirectoryLeavesNoClaimThatNothingLeadsTo) {
  make_directory("d");
  sync_all();
  ASSERT_TRUE(store_->remove_directory("d"));
  ASSERT_TRUE(store_->sync_and_reclaim());
  EXPECT_EQ(claims(*env_).size(), 0U);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = LocalStore::open(*later, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    EXPECT_EQ(claims(*later), expected_claims(**store)) << to_string(Survival::of(seed));
  }
}

// The same when it was the next opening that deleted it.
TEST_F(NamesIds, EmptyingTheTrashLeavesNoClaimThatNothingLeadsTo) {
  make_directory("d");
  sync_all();
  ASSERT_TRUE(store_->remove_directory("d"));
  kill();
  EXPECT_EQ(claims(*env_).size(), 0U);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = LocalStore::open(*later, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    EXPECT_EQ(claims(*later), expected_claims(**store)) << to_string(Survival::of(seed));
  }
}

TEST_F(NamesIds, WhereverItDiesADirectoryAndItsClaimGoTogether) {
  for (uint64_t n = 0; n < 16; ++n) {
    env_->power_off_at_change(env_->changes() + n);
    if (store_->make_directory("d", {})) (void)store_->remove_directory("d");
    (void)store_->sync_and_reclaim();
    kill();
    EXPECT_EQ(claims(*env_), expected_claims(*store_)) << n << env_->dump();
    EXPECT_TRUE(env_->list("/store/trash")->empty()) << n;
    EXPECT_TRUE(!has("d") || store_->remove_directory("d"));
    ASSERT_TRUE(store_->sync_and_reclaim());
  }
}

TEST_F(NamesIds, AClaimThatPowerLossTookIsMadeAgain) {
  sync_all();
  env_->script_random({kFree});
  make_directory("d");
  const std::string claim = to_string(JournalId(kFree));
  size_t lost = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = LocalStore::open(*later, "/store", options_, /*background=*/false).value();
    lost += claims(*later).contains(claim) ? 0 : 1;
    const auto entry = store->look_up("d").value();
    if (!entry || entry->id != kFree) continue;
    EXPECT_TRUE(claims(*later).contains(claim)) << to_string(Survival::of(seed));
    later->script_random({kFree, kFree + 2});
    EXPECT_EQ(store->create("new", {}).value()->id(), JournalId(kFree + 2));
    // It is as durable as if nothing had happened to it.
    ASSERT_TRUE(store->sync());
    const auto again = later->after_power_loss(Survival::drop_all());
    EXPECT_TRUE(claims(*again).contains(claim)) << to_string(Survival::of(seed));
  }
  EXPECT_GT(lost, 0U);
}

// Whoever only reads makes nothing, and what cannot be made keeps nobody from reading.
TEST_F(NamesIds, AClaimThatCannotBeMadeAgainKeepsNobodyFromReading) {
  env_->script_random({kFree});
  make_directory("d");
  sync_all();
  const Path claim = directory_of(JournalId(kFree));
  ASSERT_TRUE(env_->remove_file(claim));
  reopen();
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    return call.path == claim ? std::optional(Fault{ENOSPC}) : std::nullopt;
  });
  EXPECT_EQ(id("d"), kFree);
  env_->set_fault_hook({});
  options_.read_only = true;
  reopen();
  const uint64_t changes = env_->changes();
  EXPECT_EQ(id("d"), kFree);
  EXPECT_EQ(env_->changes(), changes);
  EXPECT_FALSE(env_->exists(claim));
  options_.read_only = false;
  reopen();
  EXPECT_EQ(id("d"), kFree);
  EXPECT_TRUE(env_->exists(claim));
}

TEST_F(NamesIds, ACreationThatFailsReleasesWhatItClaimed) {
  for (uint64_t n = 0; n < 5; ++n) {
    env_->fail_change(env_->changes() + n, ENOSPC);
    EXPECT_EQ(code(Result<int>(store_->make_directory("d", {}).error())), Errc::kNoSpace) << n;
    EXPECT_EQ(claims(*env_).size(), 0U) << n;
    EXPECT_TRUE(env_->list("/store/trash")->empty()) << n;
  }
  make_directory("d");
}

TEST_F(NamesIds, LinksThatNameNoIdAreNoJournals) {
  for (const char* id : {"000000000000", "0123456789AB", "0123456789abcdef", "directory"}) {
    ASSERT_TRUE(env_->make_symlink(std::string("../chunks/01/") + id, "/store/tree/link"));
    EXPECT_FALSE(has("link")) << id;
    ASSERT_TRUE(env_->remove_file("/store/tree/link"));
  }
}

}  // namespace
}  // namespace range
