// The tree of a store as it is on disk.

#include "journal/chunked/names.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "tests/support/engine_test.h"

namespace range {
namespace {

class NamesTest : public EngineTest {
 protected:
  // Ids of one part of STORE/chunks, and that.
  static constexpr uint64_t kOne = 0x5600'0000'0010;
  static constexpr uint64_t kTwo = 0x5600'0000'0020;
  static constexpr const char* kPart = "/store/chunks/56";

  size_t trash() { return env_->list("/store/trash")->size(); }

  // The next calls of these kinds about a path that ends so fail with EIO, one of each.
  void fail_once(std::map<CallKind, std::string> failing) {
    env_->set_fault_hook(
        [left = std::move(failing)](const Call& call) mutable -> std::optional<Fault> {
          const auto found = left.find(call.kind);
          if (found == left.end() || !call.path.ends_with(found->second)) return std::nullopt;
          left.erase(found);
          return Fault{EIO};
        });
  }
};

TEST_F(NamesTest, TheTreeIsLaidOutAsDocumented) {
  ASSERT_TRUE(store_->make_directory("web", {}));
  const std::string id = to_string(journal("web/access")->id());
  EXPECT_EQ(env_->read_symlink("/store/tree/web/access").value(),
            "../../chunks/" + id.substr(0, 2) + "/" + id);
  EXPECT_EQ(env_->stat("/store/tree/web")->kind, FileKind::kDirectory);
  EXPECT_TRUE(env_->exists("/store/tree/web/.info"));
  const Path directory = "/store/chunks/" + id.substr(0, 2) + "/" + id;
  EXPECT_EQ(env_->list(directory)->size(), 2U);  // a chunk, which has the attributes
  ASSERT_TRUE(journal("web/access")->set_attributes(journal("web/access")->attributes()));
  EXPECT_TRUE(env_->exists(directory / "attributes"));
  EXPECT_EQ(env_->read_all("/store/format"), "rangefs store, version 2\n");
  EXPECT_EQ(trash(), 0U);
}

TEST_F(NamesTest, NamesMayHaveAnyByteButSlashAndZero) {
  std::vector<std::string> odd = {"...",        ".hidden",  " ",        "@",    "a b",
                                  "\n",         "-rf",      "\xff\xfe", "tree", "chunks",
                                  "attributes", "\xC3\xA4", "c:",       "*",    "\\"};
  odd.emplace_back(255, 'x');
  for (int byte = 1; byte < 256; ++byte) {
    if (byte != '/' && byte != '.') odd.emplace_back(1, static_cast<char>(byte));
  }
  std::sort(odd.begin(), odd.end());
  odd.erase(std::unique(odd.begin(), odd.end()), odd.end());
  for (const std::string& name : odd) append(*journal(name), name + "\n");
  ASSERT_TRUE(store_->sync());
  reopen();
  EXPECT_EQ(store_->list("")->size(), odd.size());
  for (const std::string& name : odd) EXPECT_EQ(read_all(*journal(name)), name + "\n");
}

TEST_F(NamesTest, MalformedPathsAreRefused) {
  for (const std::string& path :
       {std::string("/"), std::string("/a"), std::string("a/"), std::string("a//b"),
        std::string("."), std::string(".."), std::string("a/../b"), std::string(".info"),
        std::string("a/.info"), std::string(256, 'x'), std::string("a\0b", 3)}) {
    const auto found = store_->look_up(path);
    ASSERT_FALSE(found) << path;
    EXPECT_EQ(found.error().code, Errc::kInvalid) << path;
    const auto created = store_->create(path, {});
    ASSERT_FALSE(created) << path;
    EXPECT_EQ(created.error().code, Errc::kInvalid) << path;
  }
}

TEST_F(NamesTest, NothingIsFoundBelowAJournal) {
  append(*journal(), "x\n");
  const auto below = store_->look_up("app/attributes");
  ASSERT_FALSE(below);
  EXPECT_EQ(below.error().code, Errc::kInvalid);
}

TEST_F(NamesTest, ForeignFilesInTheTreeAreLeftAlone) {
  env_->write_raw("/store/tree/README", "mine");
  ASSERT_TRUE(env_->make_symlink("/etc/passwd", "/store/tree/link"));
  journal();
  EXPECT_EQ(store_->list("")->size(), 1U);
  EXPECT_FALSE(has("README"));
  EXPECT_FALSE(has("link"));
  for (const char* name : {"README", "link"}) {
    EXPECT_EQ(code(store_->create(name, {})), Errc::kNotPermitted);
  }
  reopen();
  EXPECT_EQ(env_->read_all("/store/tree/README"), "mine");
}

TEST_F(NamesTest, AForeignFileHasItsNameAndEverybodyIsToldSoAtOnce) {
  make_directory("d");
  journal("app");
  env_->write_raw("/store/tree/d/NOTE", "mine");
  const auto created = store_->get_or_create("d/NOTE");
  ASSERT_EQ(code(created), Errc::kNotPermitted);
  EXPECT_NE(to_string(created.error()).find("/store/tree/d/NOTE is not of rangefs"),
            std::string::npos);
  EXPECT_EQ(code(store_->make_directory("d/NOTE", {})), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->rename("app", "d/NOTE", true)), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->open("d/NOTE")), Errc::kNotFound);
  EXPECT_TRUE(store_->list("d")->empty());
  const Status removed = store_->remove_directory("d");
  ASSERT_EQ(code(removed), Errc::kNotEmpty);
  EXPECT_NE(to_string(removed.error()).find("/store/tree/d/NOTE"), std::string::npos);
  ASSERT_TRUE(env_->remove_file("/store/tree/d/NOTE"));
  EXPECT_TRUE(store_->get_or_create("d/NOTE"));
}

TEST_F(NamesTest, AForeignDirectoryInPlaceOfAttributesCostsTheAttributes) {
  make_directory("d");
  ASSERT_TRUE(env_->remove_file("/store/tree/d/.info"));
  ASSERT_TRUE(env_->make_directory("/store/tree/d/.info"));
  EXPECT_EQ(store_->directory_attributes("d")->mode, 0700U);
  append(*journal("d/app"), "x\n");
}

TEST_F(NamesTest, WhatIsForeignInARemovedJournalCostsItsOwnSpaceOnly) {
  for (const char* name : {"a", "b", "c"}) append_lines(*journal(name), 0, 50);
  const Path a = directory_of(journal("a")->id());
  const Path b = directory_of(journal("b")->id());
  const Path c = directory_of(journal("c")->id());
  ASSERT_TRUE(env_->make_directory(a / "foreign"));
  env_->write_raw(b / "NOTE", "mine");
  sync_all();
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(store_->remove(name));
  sync_all();
  append(*journal("other"), "x\n");
  sync_all();
  EXPECT_FALSE(env_->exists(c));
  EXPECT_EQ(env_->list(a)->size(), 1U) << "what is ours takes up no space";
  EXPECT_EQ(env_->read_all(b / "NOTE"), "mine");
  ASSERT_TRUE(env_->remove_file(b / "NOTE"));
  reopen();
  EXPECT_FALSE(env_->exists(b));
  EXPECT_TRUE(env_->exists(a / "foreign"));
  sync_all();
}

TEST_F(NamesTest, ARemovedDirectoryThatGotSomethingForeignFailsNoSync) {
  make_directory("a");
  make_directory("b");
  ASSERT_TRUE(store_->remove_directory("a"));
  const auto trashed = env_->list("/store/trash");
  ASSERT_EQ(trashed->size(), 1U);
  env_->write_raw(Path("/store/trash") / trashed->front().name / "NOTE", "mine");
  ASSERT_TRUE(store_->remove_directory("b"));
  sync_all();
  sync_all();
  EXPECT_EQ(trash(), 1U);
}

TEST_F(NamesTest, ADanglingLinkIsAnEmptyJournalThatCanBeUsed) {
  ASSERT_TRUE(env_->make_symlink("../chunks/00/0000000000ab", "/store/tree/lost"));
  const auto lost = journal("lost");
  EXPECT_EQ(lost->id(), JournalId(0xAB));
  EXPECT_EQ(lost->extent().end, Location());
  EXPECT_EQ(read_all(*lost), "");
  append(*lost, "x\n");
  ASSERT_TRUE(lost->sync());
  EXPECT_EQ(read_all(*lost), "x\n");
}

TEST_F(NamesTest, RemovedJournalsLeftByAKillAreDeletedAtTheNextOpening) {
  append(*journal(), "x\n");
  const Path directory = directory_of(journal()->id());
  ASSERT_TRUE(store_->remove("app"));
  EXPECT_EQ(trash(), 1U);
  EXPECT_TRUE(env_->exists(directory));
  kill();
  EXPECT_EQ(trash(), 0U);
  EXPECT_FALSE(env_->exists(directory));
}

// Each costs a few milliseconds, and there may be 100,000 of them.
TEST_F(NamesTest, RemovedJournalsShareTheSyncsOfTheirDeletion) {
  constexpr uint64_t kJournals = 50;
  int syncs = 0;
  const auto count_syncs = [&syncs](const Call& call) -> std::optional<Fault> {
    syncs += call.kind == CallKind::kSyncDirectory || call.kind == CallKind::kSyncFilesystem;
    return std::nullopt;
  };
  for (const int apart : {0, 1}) {  // all in one part of STORE/chunks, or each in another one
    for (const bool killed : {false, true}) {
      std::vector<uint64_t> ids;
      for (uint64_t i = 1; i <= kJournals; ++i) {
        ids.push_back((0x56 + i * static_cast<uint64_t>(apart)) << 40 | 2 * i);
      }
      env_->script_random(ids);
      for (const uint64_t id : ids) append(*journal(std::to_string(id)), "x\n");
      sync_all();
      for (const uint64_t id : ids) ASSERT_TRUE(store_->remove(std::to_string(id)));
      syncs = 0;
      if (killed) {
        store_.reset();
        env_ = env_->after_kill();
      }
      env_->set_fault_hook(count_syncs);
      if (killed) open_store();
      ASSERT_TRUE(store_->sync_and_reclaim());
      EXPECT_EQ(trash(), 0U);
      EXPECT_TRUE(env_->list("/store/chunks/56")->empty());
      EXPECT_LT(syncs, 10) << apart << killed;
      env_->set_fault_hook({});
    }
  }
}

TEST_F(NamesTest, ARemovedJournalLeavesNoDirectoryThatNothingLeadsTo) {
  append(*journal(), "x\n");
  const Path directory = directory_of(journal()->id());
  sync_all();
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->sync_and_reclaim());
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = ChunkedStore::open(*later, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    EXPECT_FALSE(later->exists(directory)) << to_string(Survival::of(seed));
  }
}

// The kernel tells of a failure once: who hears of it must not keep it from others.
TEST_F(NamesTest, AFailureAtDeletingConcernsAllThatIsUnsyncedBesideIt) {
  sync_all();
  env_->script_random({kOne, kTwo});
  const auto kept = journal("kept");
  fail_once({{CallKind::kRename, to_string(JournalId(kTwo))}, {CallKind::kSyncDirectory, kPart}});
  EXPECT_FALSE(store_->create("failing", {}));
  env_->set_fault_hook({});
  EXPECT_FALSE(kept->sync());
  EXPECT_TRUE(journal("other")->sync());
}

TEST_F(NamesTest, AFailureAtDeletingIsNoneOfTheStore) {
  env_->script_random({kOne, kTwo});
  journal("app");
  make_directory("d");
  sync_all();
  for (const bool directory : {false, true}) {
    ASSERT_TRUE(directory ? store_->remove_directory("d") : store_->remove("app"));
    fail_once({{CallKind::kSyncDirectory, kPart}});
    (void)store_->sync_and_reclaim();
    EXPECT_TRUE(store_->sync()) << directory;
    EXPECT_TRUE(store_->sync_and_reclaim()) << directory;
    EXPECT_EQ(trash(), 0U) << directory;
  }
}

// Nothing would lead to what comes back by a power loss.
TEST_F(NamesTest, WhatIsDeletedIsSyncedBeforeTheTrashForgetsItAlsoAtTheNextTry) {
  env_->script_random({kOne, kTwo});
  const Path directory = directory_of(journal("app")->id());
  make_directory("d");
  sync_all();
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->remove_directory("d"));
  // None of these syncs gets as far as the disk.
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    const bool hit = call.kind == CallKind::kOpen && call.path == kPart;
    return hit ? std::optional(Fault{EMFILE}) : std::nullopt;
  });
  for (int i = 0; i < 3; ++i) (void)store_->sync_and_reclaim();
  env_->set_fault_hook({});
  EXPECT_EQ(trash(), 2U);
  ASSERT_TRUE(store_->sync_and_reclaim());
  ASSERT_TRUE(store_->sync_and_reclaim());
  EXPECT_EQ(trash(), 0U);
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = ChunkedStore::open(*later, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    EXPECT_TRUE(later->list(kPart)->empty()) << to_string(Survival::of(seed)) << later->dump();
  }
}

TEST_F(NamesTest, ARemovedDirectoryComesBackWithItsAttributesOrNotAtAll) {
  ASSERT_TRUE(store_->close());
  store_.reset();
  Names names(*env_, "/store");
  Attributes attributes;
  attributes.mode = 0750;
  ASSERT_TRUE(names.create_directory("d", attributes));
  ASSERT_TRUE(names.sync());
  ASSERT_TRUE(names.discard("d"));
  ASSERT_TRUE(names.reclaim_directories());
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    Names found(*later, "/store");
    if (!*found.look_up("d")) continue;
    EXPECT_EQ(found.directory_attributes("d")->mode, 0750U) << to_string(Survival::of(seed));
  }
}

TEST_F(NamesTest, WhatCannotBeDeletedFromTheTrashDoesNotKeepTheStoreShut) {
  append(*journal(), "x\n");
  const Path directory = directory_of(journal()->id());
  ASSERT_TRUE(env_->make_directory(directory / "foreign"));
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(env_->make_directory("/store/trash/gone-1"));
  env_->write_raw("/store/trash/gone-1/NOTE", "mine");
  ASSERT_TRUE(env_->make_symlink("elsewhere", "/store/trash/link"));
  kill();
  EXPECT_FALSE(has("app"));
  EXPECT_EQ(env_->read_all("/store/trash/gone-1/NOTE"), "mine");
  append(*journal("other"), "x\n");
}

TEST_F(NamesTest, DamagedAttributesLockEverybodyOutButLoseNothing) {
  append(*journal(), "x\n");
  const Path file = directory_of(journal()->id()) / "attributes";
  ASSERT_TRUE(journal()->set_attributes(journal()->attributes()));
  ASSERT_TRUE(store_->make_directory("d", {}));
  reopen();
  // What the chunks have is not what was set last.
  env_->corrupt(file, 7, 0x01);
  env_->corrupt("/store/tree/d/.info", 7, 0x01);
  EXPECT_EQ(journal()->attributes().mode, 0600U);
  EXPECT_EQ(store_->directory_attributes("d")->mode, 0700U);
  EXPECT_EQ(read_all(*journal()), "x\n");
  ASSERT_TRUE(store_->set_directory_attributes("d", Attributes()));
  EXPECT_EQ(store_->directory_attributes("d")->mode, 0644U);
}

TEST_F(NamesTest, DamagedAttributesInAChunkLockEverybodyOutToo) {
  append(*journal(), "x\n");
  const Path idx = files(journal()->id(), ".idx").front();
  reopen();
  env_->corrupt(idx, kAttributesAt[0] + 7, 0x01);
  EXPECT_EQ(journal()->attributes().mode, 0644U) << "there is a copy";
  reopen();
  env_->corrupt(idx, kAttributesAt[1] + 7, 0x01);
  EXPECT_EQ(journal()->attributes().mode, 0600U);
  EXPECT_EQ(read_all(*journal()), "x\n");
}

TEST_F(NamesTest, AnEmptyJournalKeepsItsAttributes) {
  Attributes attributes;
  attributes.mode = 0640;
  attributes.uid = 7;
  attributes.keep = true;
  attributes.max_age = std::chrono::hours(1);
  attributes.changed = Timestamp(std::chrono::nanoseconds(1'763'802'000'123'456'789));
  attributes.modified = {Timestamp(std::chrono::nanoseconds(-1)), ByteOffset(7)};
  ASSERT_TRUE(store_->create("app", attributes));
  attributes = journal()->attributes();
  kill();
  EXPECT_EQ(journal()->attributes(), attributes);
  ASSERT_TRUE(store_->sync());
  lose_power(Survival::drop_all());
  EXPECT_EQ(journal()->attributes(), attributes);
}

TEST_F(NamesTest, ADirectoryTellsWhenItWasChangedAlsoAfterALossOfPower) {
  ASSERT_TRUE(store_->make_directory("d", {}));
  Entry last = **store_->look_up("d");
  const auto expect_changed = [&](const char* by, bool modified) {
    const Entry now = **store_->look_up("d");
    EXPECT_GT(now.changed, last.changed) << by;
    EXPECT_EQ(now.modified > last.modified, modified) << by;
    last = now;
  };
  journal("d/app");
  expect_changed("create", true);
  ASSERT_TRUE(store_->set_directory_attributes("d", {}));
  expect_changed("attributes", false);
  ASSERT_TRUE(store_->remove("d/app"));
  expect_changed("remove", true);
  const Timestamp set(std::chrono::nanoseconds(1'234'567'890'123'456'789));
  ASSERT_TRUE(store_->set_directory_modified("d", set));
  expect_changed("time", false);
  EXPECT_EQ(last.modified, set);
  EXPECT_EQ(code(Result<int>(store_->set_directory_modified("none", set).error())),
            Errc::kNotFound);
  reopen();
  EXPECT_EQ((*store_->look_up("d"))->modified, set);
}

TEST_F(NamesTest, AttributesOutliveTheChunkThatHadThem) {
  Attributes attributes;
  attributes.mode = 0640;
  ASSERT_TRUE(store_->create("app", attributes));
  append_lines(*journal(), 0, 50);
  const auto chunks = files(journal()->id(), ".idx");
  ASSERT_EQ(chunks.size(), 2U);
  kill();
  // So the second chunk has no place in the journal and is set aside.
  ASSERT_TRUE(env_->remove_file(chunks.front()));
  append(*journal(), "x\n");
  EXPECT_FALSE(env_->exists(chunks.back()));
  kill();
  EXPECT_EQ(journal()->attributes().mode, 0640U);
  EXPECT_EQ(read_all(*journal()), "x\n");
}

TEST_F(NamesTest, ACreationThatFailsLeavesNothing) {
  for (uint64_t n = 0; n < 6; ++n) {
    env_->fail_change(env_->changes() + n, ENOSPC);
    const auto created = store_->create("new", {});
    ASSERT_FALSE(created) << n;
    EXPECT_EQ(created.error().code, Errc::kNoSpace);
    EXPECT_FALSE(has("new"));
    EXPECT_EQ(trash(), 0U);
  }
  append(*journal("new"), "x\n");
}

}  // namespace
}  // namespace range
