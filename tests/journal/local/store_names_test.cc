// How names of a store come, go and move: what is refused, and what is left.

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

class StoreNames : public EngineTest {};

using NameSet = std::set<std::string>;

// --- making ---

// The name is there: an error would say that it is not.
TEST_F(StoreNames, ADirectoryIsMadeWhetherOrNotItCanBeLookedAt) {
  const auto seen = store_->make_directory("seen", {});
  const auto found = store_->look_up("seen");
  ASSERT_TRUE(seen && found && *found);
  EXPECT_EQ(seen->id, (*found)->id);
  EXPECT_EQ(seen->modified, (*found)->modified);
  EXPECT_EQ(seen->changed, (*found)->changed);
  bool named = false;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (named) return Fault{ENOMEM};
    named = call.kind == CallKind::kRename;
    return std::nullopt;
  });
  const auto unseen = store_->make_directory("unseen", {});
  env_->set_fault_hook({});
  ASSERT_TRUE(named);
  ASSERT_TRUE(unseen);
  EXPECT_EQ(unseen->kind, EntryKind::kDirectory);
  EXPECT_EQ(unseen->id, store_->look_up("unseen").value()->id);
  EXPECT_EQ(unseen->changed, Timestamp(store_->directory_attributes("unseen")->created));
}

// --- removing ---

TEST_F(StoreNames, ARemovedJournalIsReadableUntilItIsLetGoOf) {
  auto app = journal();
  append_lines(*app, 0, 50);
  const JournalId id = app->id();
  ASSERT_TRUE(store_->remove("app"));
  EXPECT_FALSE(has("app"));
  ASSERT_TRUE(store_->sync_and_reclaim());
  ASSERT_TRUE(store_->sync_and_reclaim());
  EXPECT_EQ(records(app), lines(0, 50));
  append(*app, "still\n");
  EXPECT_EQ(store_->open(id, "app").value(), app);
  ASSERT_TRUE(store_->sync_and_reclaim());
  ASSERT_TRUE(store_->sync_and_reclaim());
  app.reset();
  EXPECT_EQ(code(store_->open(id, "app")), Errc::kNotFound);
  ASSERT_TRUE(store_->sync_and_reclaim());
  EXPECT_FALSE(env_->exists(directory_of(id)));
  EXPECT_EQ(code(store_->open(id, "app")), Errc::kNotFound);
}

// It holds up whoever looks anything up, and appends to what is removed.
TEST(StoreNamesAtOnce, RemovingWaitsForNoSync) {
  SimEnv machine;
  GateEnv env(machine);
  auto store = *LocalStore::open(env, "/store", {}, /*background=*/false);
  ASSERT_TRUE(store->create("app", {}));
  ASSERT_TRUE(store->sync());
  ASSERT_TRUE(store->make_directory("d", {}));
  env.close_gate();
  std::thread syncing([&] { EXPECT_TRUE(store->sync()); });
  env.wait_until_reached();
  EXPECT_TRUE(store->remove("app"));
  EXPECT_FALSE(store->look_up("app").value());
  env.open_gate();
  syncing.join();
}

TEST_F(StoreNames, ADirectoryThatCannotBeDeletedIsDeletedLater) {
  make_directory("d");
  ASSERT_TRUE(store_->remove_directory("d"));
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kRemoveDirectory) return Fault{EIO};
    return std::nullopt;
  });
  EXPECT_TRUE(store_->sync_and_reclaim());
  EXPECT_TRUE(store_->sync_and_reclaim());
  EXPECT_FALSE(env_->list("/store/trash")->empty());
  env_->set_fault_hook({});
  EXPECT_TRUE(store_->sync_and_reclaim());
  EXPECT_TRUE(env_->list("/store/trash")->empty());
}

TEST_F(StoreNames, ReclaimGivesTheSpaceBack) {
  sync_all();
  const uint64_t before = store_->space()->bytes_free;
  append_lines(*journal(), 0, 500);
  sync_all();
  sync_all();
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->sync_and_reclaim());
  EXPECT_EQ(store_->space()->bytes_free, before);
}

TEST_F(StoreNames, ANameThatComesBackByPowerLossHasItsRecords) {
  append_lines(*journal(), 0, 5);
  const JournalId id = journal()->id();
  sync_all();
  sync_all();  // nothing holds it any more
  ASSERT_TRUE(store_->remove("app"));
  ASSERT_TRUE(store_->reclaim());
  ASSERT_FALSE(env_->exists(directory_of(id)));
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto later = env_->after_power_loss(Survival::of(seed));
    const auto store = LocalStore::open(*later, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    const auto entry = (*store)->look_up("app").value();
    if (!entry) continue;
    const auto app = (*store)->open(JournalId(entry->id), "app").value();
    EXPECT_EQ(records(app), lines(0, 5)) << to_string(Survival::of(seed));
  }
}

TEST_F(StoreNames, ANameThatWasRemovedIsFreeAtOnce) {
  append(*journal(), "old\n");
  const auto old = journal();
  ASSERT_TRUE(store_->remove("app"));
  append(*journal(), "new\n");
  EXPECT_NE(journal()->id(), old->id());
  EXPECT_EQ(read_all(*journal()), "new\n");
  EXPECT_EQ(read_all(*old), "old\n");
}

TEST_F(StoreNames, KeepProtectsRecordsNotEmptyJournals) {
  Attributes keep;
  keep.keep = true;
  ASSERT_TRUE(store_->make_directory("logs", keep));
  make_directory("logs/deep");
  journal("logs/deep/empty");
  append(*journal("logs/deep/full"), "x\n");
  append(*journal("logs/free"), "x\n");
  Attributes free = journal("logs/free")->attributes();
  free.keep = false;
  ASSERT_TRUE(journal("logs/free")->set_attributes(free));
  EXPECT_TRUE(store_->remove("logs/deep/empty"));
  EXPECT_EQ(code(store_->remove("logs/deep/full")), Errc::kNotPermitted);
  EXPECT_TRUE(store_->remove("logs/free"));
  EXPECT_TRUE(has("logs/deep/full"));
}

TEST_F(StoreNames, RemoveAnswersWithTheErrorOfTheCase) {
  make_directory("d");
  journal("d/app");
  EXPECT_EQ(code(store_->remove("none")), Errc::kNotFound);
  EXPECT_EQ(code(store_->remove("none/app")), Errc::kNotFound);
  EXPECT_EQ(code(store_->remove("d")), Errc::kInvalid);
  EXPECT_EQ(code(store_->remove("")), Errc::kInvalid);
  EXPECT_EQ(code(store_->remove("d//app")), Errc::kInvalid);
  EXPECT_EQ(code(store_->remove_directory("d")), Errc::kNotEmpty);
  EXPECT_EQ(code(store_->remove_directory("d/app")), Errc::kInvalid);
  EXPECT_EQ(code(store_->remove_directory("")), Errc::kInvalid);
  ASSERT_TRUE(store_->remove("d/app"));
  EXPECT_TRUE(store_->remove_directory("d"));
  EXPECT_FALSE(has("d"));
}

TEST_F(StoreNames, ADirectoryWithAForeignFileIsNotRemoved) {
  make_directory("d");
  env_->write_raw("/store/tree/d/NOTE", "hands off");
  EXPECT_EQ(code(store_->remove_directory("d")), Errc::kNotEmpty);
  EXPECT_TRUE(has("d"));
  reopen();
  EXPECT_TRUE(has("d"));
  EXPECT_EQ(env_->read_all("/store/tree/d/NOTE"), "hands off");
}

TEST_F(StoreNames, ADirectoryMadeByHandCanBeRemoved) {
  ASSERT_TRUE(env_->make_directory("/store/tree/d"));
  EXPECT_EQ(store_->directory_attributes("d")->mode, 0700U);
  EXPECT_TRUE(store_->remove_directory("d"));
  EXPECT_FALSE(has("d"));
  reopen();
}

// --- renaming ---

TEST_F(StoreNames, ARenamedJournalIsTheSame) {
  const auto app = journal();
  append(*app, "x\n");
  make_directory("d");
  ASSERT_TRUE(store_->rename("app", "d/app", false));
  EXPECT_FALSE(has("app"));
  EXPECT_EQ(journal("d/app"), app);
  append(*app, "y\n");
  reopen();
  EXPECT_EQ(read_all(*journal("d/app")), "x\ny\n");
}

TEST_F(StoreNames, ARenamedDirectoryTakesItsJournalsAlong) {
  make_directory("a");
  make_directory("a/b");
  append(*journal("a/b/app"), "x\n");
  make_directory("to");
  ASSERT_TRUE(store_->rename("a", "to/c", false));
  EXPECT_EQ(read_all(*journal("to/c/b/app")), "x\n");
  sync_all();
  lose_power(Survival::drop_all());
  EXPECT_EQ(read_all(*journal("to/c/b/app")), "x\n");
  EXPECT_EQ(names(""), NameSet{"to"});
}

TEST_F(StoreNames, RenameReplacesOnlyWhatIsEmpty) {
  append(*journal("from"), "x\n");
  append(*journal("full"), "y\n");
  const auto empty = journal("empty");
  EXPECT_EQ(code(store_->rename("from", "empty", false)), Errc::kExists);
  EXPECT_EQ(code(store_->rename("from", "full", false)), Errc::kExists);
  EXPECT_EQ(code(store_->rename("from", "full", true)), Errc::kNotPermitted);
  EXPECT_EQ(names(""), (NameSet{"from", "full", "empty"}));
  ASSERT_TRUE(store_->rename("from", "empty", true));
  EXPECT_EQ(names(""), (NameSet{"full", "empty"}));
  EXPECT_EQ(read_all(*journal("empty")), "x\n");
  EXPECT_NE(journal("empty"), empty);
}

TEST_F(StoreNames, RenameAnswersWithTheErrorOfTheCase) {
  make_directory("d");
  make_directory("d/sub");
  make_directory("full");
  journal("full/x");
  make_directory("empty");
  journal("app");
  EXPECT_EQ(code(store_->rename("none", "b", true)), Errc::kNotFound);
  EXPECT_EQ(code(store_->rename("app", "none/b", true)), Errc::kNotFound);
  EXPECT_EQ(code(store_->rename("app", "app/b", true)), Errc::kInvalid);
  EXPECT_EQ(code(store_->rename("d", "d/sub/d", true)), Errc::kInvalid);
  EXPECT_EQ(code(store_->rename("d/sub", "d", true)), Errc::kNotEmpty);
  EXPECT_EQ(code(store_->rename("d", "full", true)), Errc::kNotEmpty);
  EXPECT_EQ(code(store_->rename("d", "app", true)), Errc::kInvalid);
  EXPECT_EQ(code(store_->rename("app", "empty", true)), Errc::kInvalid);
  EXPECT_EQ(code(store_->rename("", "b", true)), Errc::kInvalid);
  EXPECT_EQ(code(store_->rename("app", "", true)), Errc::kInvalid);
  EXPECT_EQ(code(store_->rename("app", "a//b", true)), Errc::kInvalid);
  EXPECT_EQ(code(store_->rename("app", "app", false)), Errc::kExists);
  EXPECT_TRUE(store_->rename("app", "app", true));
  EXPECT_TRUE(store_->rename("d", "empty", true));
  EXPECT_EQ(names(""), (NameSet{"app", "empty", "full"}));
  EXPECT_EQ(names("empty"), NameSet{"sub"});
}

TEST_F(StoreNames, CreateAnswersWithTheErrorOfTheCase) {
  journal("app");
  make_directory("d");
  EXPECT_EQ(code(store_->create("app", {})), Errc::kExists);
  EXPECT_EQ(code(store_->create("d", {})), Errc::kExists);
  EXPECT_EQ(code(store_->make_directory("app", {})), Errc::kExists);
  EXPECT_EQ(code(store_->make_directory("d", {})), Errc::kExists);
  EXPECT_EQ(code(store_->create("none/app", {})), Errc::kNotFound);
  EXPECT_EQ(code(store_->create("app/x", {})), Errc::kInvalid);
  EXPECT_EQ(code(store_->make_directory("app/x", {})), Errc::kInvalid);
  EXPECT_EQ(code(store_->create("", {})), Errc::kInvalid);
  EXPECT_TRUE(env_->list("/store/trash")->empty()) << env_->dump();
}

TEST_F(StoreNames, GetOrCreateLeadsToOneJournal) {
  const auto created = store_->get_or_create("app");
  ASSERT_TRUE(created) << to_string(created.error());
  EXPECT_EQ(store_->get_or_create("app").value(), *created);
  EXPECT_EQ(store_->open("app").value(), *created);
  EXPECT_EQ(code(store_->open("none")), Errc::kNotFound);
  EXPECT_EQ(code(store_->get_or_create("none/app")), Errc::kNotFound);
  make_directory("web");
  EXPECT_EQ(code(store_->open("web")), Errc::kInvalid);
  EXPECT_EQ(code(store_->get_or_create("web")), Errc::kInvalid);
  EXPECT_EQ(code(store_->get_or_create("")), Errc::kInvalid);
}

// 1,400 times "../" is more than a link can be long.
TEST(StoreNamesInDepth, JournalsAreAsDeepAsDirectories) {
  const TemporaryDirectory directory;
  const Logger log{LogSink()};
  Env& env = posix_env();
  Names names(env, log, directory.path());
  ASSERT_TRUE(names.create_layout({}));
  std::string path;
  for (int i = 0; i < 1400; ++i) {
    path += i == 0 ? "d" : "/d";
    ASSERT_TRUE(env.make_directory(directory.path() / "tree" / path));
  }
  path += "/app";
  const auto id = names.create_journal(
      path, [&](JournalId made) -> Result<Path> { return names.journal_directory(made); });
  ASSERT_TRUE(id) << to_string(id.error());
  EXPECT_TRUE(names.leads_to(path, *id).value());
}

}  // namespace
}  // namespace range
