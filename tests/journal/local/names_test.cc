// The tree of a store as it is on disk.

#include "journal/local/names.h"

#include <gtest/gtest.h>

#include "tests/support/engine_test.h"

namespace range {
namespace {

class NamesTest : public EngineTest {
 protected:
  size_t trash() { return env_->list("/store/trash")->size(); }
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

// How long it may be, each file system says.
TEST_F(NamesTest, ALinkThatIsTooLongForTheFileSystemSaysOnlyThePlaceInTheStore) {
  make_directory("web");
  int links = 0;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    const bool first = call.kind == CallKind::kMakeSymlink && ++links == 1;
    return first ? std::optional(Fault{ENAMETOOLONG}) : std::nullopt;
  });
  const auto app = journal("web/app");
  append(*app, "x\n");
  env_->set_fault_hook({});
  const std::string id = to_string(app->id());
  EXPECT_EQ(env_->read_symlink("/store/tree/web/app").value(),
            "chunks/" + id.substr(0, 2) + "/" + id);
  reopen();
  EXPECT_EQ(read_all(*journal("web/app")), "x\n");
}

TEST_F(NamesTest, ANameOfWhichTheDiskGivesNoMoreHidesNoOthers) {
  for (const char* name : {"a", "b", "c"}) journal(name);
  ASSERT_TRUE(store_->make_directory("d", {}));
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    const bool bad = call.path == "/store/tree/b" || call.path == "/store/tree/d";
    const bool looks = call.kind == CallKind::kReadSymlink || call.kind == CallKind::kStat;
    return bad && looks ? std::optional(Fault{EIO}) : std::nullopt;
  });
  const auto listed = store_->list("");
  ASSERT_TRUE(listed) << to_string(listed.error());
  std::map<std::string, bool> known;
  for (const NamedEntry& entry : *listed) known[entry.name] = entry.entry.id != 0;
  EXPECT_EQ(known,
            (std::map<std::string, bool>{{"a", true}, {"b", false}, {"c", true}, {"d", false}}));
  std::set<std::string> visited;
  const auto visit = [&](const std::string& path, JournalId) {
    visited.insert(path);
    return true;
  };
  Status unreadable;
  EXPECT_TRUE(store_->visit("", visit, &unreadable));
  EXPECT_EQ(visited, (std::set<std::string>{"a", "c"}));
  EXPECT_EQ(code(unreadable), Errc::kIo);
  EXPECT_EQ(code(store_->visit("", visit)), Errc::kIo);
}

// Where a journal ended is that of its last failure.
TEST_F(NamesTest, AFailureIsNotedAnew) {
  const JournalId id = journal()->id();
  ASSERT_TRUE(store_->close());
  store_.reset();
  const Logger log{LogSink()};
  Names names(*env_, log, "/store");
  EXPECT_EQ(names.failure_noted(id).value(), std::nullopt);
  for (const ByteOffset end : {ByteOffset(800), ByteOffset(1100)}) {
    ASSERT_TRUE(names.note_failure(id, end));
    EXPECT_EQ(names.failure_noted(id).value(), end);
  }
  EXPECT_EQ(names.failed_journals().value(), std::vector{id});
  ASSERT_TRUE(names.forget_failure(id));
  EXPECT_EQ(names.failure_noted(id).value(), std::nullopt);
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

// Attributes that were set are told to be set; what fails to change a time changes nothing.
TEST_F(NamesTest, AnErrorAboutADirectoryMeansThatNothingHasChanged) {
  ASSERT_TRUE(store_->make_directory("d", {}));
  Attributes attributes;
  for (const CallKind fails : {CallKind::kCreate, CallKind::kWrite, CallKind::kSyncData,
                               CallKind::kRename, CallKind::kSetModified}) {
    ++attributes.mode;
    env_->set_fault_hook([fails](const Call& call) {
      return call.kind == fails ? std::optional(Fault()) : std::nullopt;
    });
    const Attributes before = *store_->directory_attributes("d");
    const bool set = store_->set_directory_attributes("d", attributes).has_value();
    EXPECT_EQ(*store_->directory_attributes("d"), set ? attributes : before);
    EXPECT_EQ(set, fails == CallKind::kSetModified) << env_->first_failed();
  }
  const Timestamp present = (*store_->look_up("d"))->modified;
  EXPECT_EQ(code(Result<int>(store_->set_directory_modified("d", Timestamp()).error())), Errc::kIo);
  EXPECT_EQ((*store_->look_up("d"))->modified, present);
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
