// The store through its public API: names, inheritance, removal, and what it refuses to open.

#include "journal/local/local_store.h"

#include <gtest/gtest.h>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"

namespace range {
namespace {

class LocalStoreTest : public EngineTest {
 protected:
  Result<std::unique_ptr<LocalStore>> open_second() {
    return LocalStore::open(*env_, "/store", options_, false);
  }

  // Opens more journals than are kept open.
  void open_many_others() {
    for (int i = 0; i < 4200; ++i) {
      journal("other" + std::to_string(i));
      // Not through the store: it only keeps the simulation quick.
      if (i % 32 == 0) {
        ASSERT_TRUE(env_->sync_filesystem("/store"));
      }
    }
  }
};

using NameSet = std::set<std::string>;

// --- what is opened ---

TEST(DescriptorsForChunks, LeaveSomeToTheProgramAndMappingsToEverybody) {
  constexpr size_t kMappingsMax = 65'530;  // vm.max_map_count
  constexpr size_t kMappingsOfAChunk = 4;  // from two descriptors
  EXPECT_EQ(descriptors_for_chunks(1024), 768U);
  for (const size_t allowed : {size_t{65'536}, size_t{1'048'576}, SIZE_MAX}) {
    EXPECT_LE(descriptors_for_chunks(allowed) / 2 * kMappingsOfAChunk, kMappingsMax / 4 * 3);
  }
}

TEST_F(LocalStoreTest, ALockedStoreNamesThePidThatHoldsIt) {
  const auto second = open_second();
  ASSERT_EQ(code(second), Errc::kLocked);
  store_.reset();
  open_store();
}

TEST_F(LocalStoreTest, AStoreOfANewerVersionIsRefusedWithBothVersions) {
  store_.reset();
  env_->write_raw("/store/format", "rangefs store, version 3\n");
  const auto opened = open_second();
  ASSERT_EQ(code(opened), Errc::kUnknownFormat);
  EXPECT_NE(to_string(opened.error()).find("version 3"), std::string::npos);
  EXPECT_NE(to_string(opened.error()).find("version 2"), std::string::npos);
}

TEST_F(LocalStoreTest, AnUnknownFormatIsRefused) {
  store_.reset();
  for (const std::string text : {"", "something else\n", "rangefs store, version \n",
                                 "rangefs store, version 2", "rangefs store, version 2x\n"}) {
    env_->write_raw("/store/format", text);
    EXPECT_EQ(code(open_second()), Errc::kUnknownFormat) << text;
  }
  env_->write_raw("/store/format", "rangefs store, version " + std::string(400, '0'));
  EXPECT_EQ(code(open_second()), Errc::kUnknownFormat);
}

TEST_F(LocalStoreTest, ADirectoryWithForeignContentsIsRefusedAndLeftAlone) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/home"));
  env.write_raw("/home/diary", "dear diary");
  EXPECT_EQ(code(LocalStore::open(env, "/home", options_, false)), Errc::kUnknownFormat);
  EXPECT_EQ(env.list("/home")->size(), 1U);
}

TEST_F(LocalStoreTest, OptionsOutOfRangeAreRefused) {
  store_.reset();
  options_.chunk_size = 0;
  EXPECT_EQ(code(open_second()), Errc::kInvalid);
  options_.chunk_size = 4096;
  for (const auto interval : {std::chrono::milliseconds(), std::chrono::milliseconds::max()}) {
    options_.sync_interval = interval;
    EXPECT_EQ(code(open_second()), Errc::kInvalid);
  }
}

TEST_F(LocalStoreTest, AReadOnlyStoreReadsAndRefusesEveryChange) {
  append_lines(*journal(), 0, 50);
  make_directory("web");
  ASSERT_TRUE(store_->close());
  options_.read_only = true;
  open_store();
  const uint64_t changes = env_->changes();
  const auto app = journal();
  EXPECT_EQ(records(app), lines(0, 50));
  EXPECT_TRUE(app->sync());
  EXPECT_EQ(code(app->append(as_bytes("x\n"))), Errc::kNotPermitted);
  EXPECT_EQ(code(app->set_attributes(app->attributes())), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->create("b", {})), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->make_directory("d", {})), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->remove("app")), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->remove_directory("web")), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->rename("app", "b", false)), Errc::kNotPermitted);
  EXPECT_EQ(code(store_->set_directory_attributes("web", {})), Errc::kNotPermitted);
  EXPECT_TRUE(store_->sync());
  EXPECT_TRUE(store_->close());
  EXPECT_EQ(env_->changes(), changes);
}

TEST_F(LocalStoreTest, ReadersKeepWritersAwayAndWritersReaders) {
  journal();
  StoreOptions reading = options_;
  reading.read_only = true;
  const auto open = [&] { return LocalStore::open(*env_, "/store", reading, false); };
  EXPECT_EQ(code(open()), Errc::kLocked);
  store_.reset();
  auto first = open();
  auto second = open();
  ASSERT_TRUE(first && second);
  EXPECT_TRUE((*first)->close());
  EXPECT_EQ(code(open_second()), Errc::kLocked);
  EXPECT_TRUE((*second)->close());
  EXPECT_TRUE(open_second());
}

TEST_F(LocalStoreTest, WhatKeepsAReaderFromTheLockDoesNotKeepItFromReading) {
  append_lines(*journal(), 0, 5);
  store_.reset();
  options_.read_only = true;
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    return call.kind == CallKind::kLockShared ? std::optional(Fault{ENOLCK}) : std::nullopt;
  });
  open_store();
  EXPECT_EQ(records(journal()), lines(0, 5));
  store_.reset();
  env_->set_fault_hook({});
  ASSERT_TRUE(env_->remove_file("/store/lock"));
  open_store();
  EXPECT_EQ(records(journal()), lines(0, 5));
}

TEST_F(LocalStoreTest, AReadOnlyStoreReadsATailThatNeedsRepairWithoutRepairingIt) {
  append_lines(*journal(), 0, 5);
  env_->power_off_at_change(env_->changes() + 1, 2 * kEntryBytes);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  options_.read_only = true;
  kill();
  const uint64_t changes = env_->changes();
  EXPECT_EQ(records(journal()), lines(0, 5));
  EXPECT_EQ(env_->changes(), changes);
}

// --- journals ---

TEST_F(LocalStoreTest, FramingIsInheritedFromTheNearestDirectoryThatSetsIt) {
  Attributes binary;
  binary.framing = Framing::kWrite;
  ASSERT_TRUE(store_->make_directory("a", binary));
  make_directory("a/b");
  EXPECT_EQ(journal("a/b/c")->attributes().framing, Framing::kWrite);
  EXPECT_EQ(journal("top")->attributes().framing, Framing::kLine);
  ASSERT_TRUE(store_->set_directory_attributes("a", {}));
  EXPECT_EQ(journal("a/b/later")->attributes().framing, Framing::kLine);
  EXPECT_EQ(journal("a/b/c")->attributes().framing, Framing::kWrite) << "fixed at creation";
}

TEST_F(LocalStoreTest, AttributesSurviveReopening) {
  Attributes wanted;
  wanted.mode = 02751;
  wanted.uid = 4294967294;
  wanted.gid = 1000;
  wanted.created = env_->now();
  wanted.framing = Framing::kWrite;
  wanted.keep = true;
  ASSERT_TRUE(journal()->set_attributes(wanted));
  Attributes directory = wanted;
  directory.keep = false;
  ASSERT_TRUE(store_->make_directory("d", directory));
  reopen();
  EXPECT_EQ(journal()->attributes(), wanted);
  EXPECT_EQ(*store_->directory_attributes("d"), directory);
  lose_power(Survival::drop_all());
  EXPECT_EQ(journal()->attributes(), wanted);
  EXPECT_EQ(*store_->directory_attributes("d"), directory);
}

TEST_F(LocalStoreTest, AttributesOfANameOfTheOtherKindAreRefused) {
  const JournalId id = journal()->id();
  EXPECT_EQ(code(store_->directory_attributes("app")), Errc::kInvalid);
  EXPECT_EQ(code(store_->set_directory_attributes("app", {})), Errc::kInvalid);
  EXPECT_EQ(code(store_->list("app")), Errc::kInvalid);
  EXPECT_EQ(code(store_->directory_attributes("none")), Errc::kNotFound);
  EXPECT_EQ(code(store_->set_directory_attributes("none", {})), Errc::kNotFound);
  EXPECT_EQ(code(store_->list("none")), Errc::kNotFound);
  EXPECT_EQ(files(id, ".info").size(), 0U);
}

TEST_F(LocalStoreTest, EverybodyGetsTheSameJournalWhileAnybodyHasIt) {
  const auto first = journal();
  open_many_others();
  EXPECT_EQ(journal(), first);
}

TEST_F(LocalStoreTest, AnEvictedJournalIsReopenedAsItWas) {
  append_lines(*journal(), 0, 50);
  append(*journal(), "half ");
  sync_all();
  sync_all();
  const std::weak_ptr<Journal> old = journal();
  open_many_others();
  ASSERT_TRUE(old.expired());
  EXPECT_EQ(journal()->extent().synced, ByteOffset(5005));
  append(*journal(), "line\n");
  EXPECT_EQ(records(journal()).size(), 51U);
  EXPECT_EQ(records(journal()).back(), "half line\n");
}

TEST_F(LocalStoreTest, AJournalWithUnsyncedAppendsStaysOpenUntilItIsSynced) {
  append(*journal(), "x\n");
  const std::weak_ptr<Journal> old = journal();
  open_many_others();
  EXPECT_FALSE(old.expired());
}

TEST_F(LocalStoreTest, ManyJournalsShareFewDescriptors) {
  constexpr int kJournals = 2000;
  GateEnv counting(*env_);
  store_.reset();
  options_.open_files_max = 20;
  auto opened = LocalStore::open(counting, "/store", options_, false);
  ASSERT_TRUE(opened);
  store_ = *std::move(opened);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < kJournals; ++i) append(*journal(std::to_string(i)), line(round));
  }
  // Those of the journals in use, of which two are looked at in a moment, and of single calls.
  EXPECT_LE(counting.open_files_max(), 20 + 8);
  for (int i = 0; i < kJournals; i += 99) {
    EXPECT_EQ(records(journal(std::to_string(i))), lines(0, 2));
  }
  ASSERT_TRUE(store_->close());
  store_.reset();
  env_ = env_->after_power_loss(Survival::drop_all());
  open_store();
  for (int i = 0; i < kJournals; i += 99) {
    EXPECT_EQ(records(journal(std::to_string(i))), lines(0, 2));
  }
  store_.reset();  // before the environment that it uses
}

TEST_F(LocalStoreTest, WhatNobodyHasUsedForAWhileIsLetGoOf) {
  GateEnv counting(*env_);
  store_.reset();
  auto opened = LocalStore::open(counting, "/store", options_, false);
  ASSERT_TRUE(opened);
  store_ = *std::move(opened);
  const int with_none = counting.open_files();
  auto used = journal("used");
  append(*used, line(0));
  append(*journal("idle"), line(0));
  const std::weak_ptr<Journal> idle = journal("idle");
  sync_all();
  sync_all();
  EXPECT_EQ(counting.open_files(), with_none + 4);
  store_->let_go_of_idle();
  EXPECT_FALSE(idle.expired()) << "it was just used";
  EXPECT_EQ(records(used), lines(0, 1));
  store_->let_go_of_idle();
  EXPECT_TRUE(idle.expired());
  EXPECT_EQ(counting.open_files(), with_none + 2);
  store_->let_go_of_idle();
  EXPECT_EQ(counting.open_files(), with_none);
  EXPECT_EQ(records(used), lines(0, 1));
  EXPECT_EQ(records(journal("idle")), lines(0, 1));
  used.reset();
  store_.reset();  // before the environment that it uses
}

TEST_F(LocalStoreTest, AFullDiskDoesNotPinDescriptors) {
  constexpr int kJournals = 100;
  GateEnv counting(*env_);
  store_.reset();
  options_.open_files_max = 20;
  auto opened = LocalStore::open(counting, "/store", options_, false);
  ASSERT_TRUE(opened);
  store_ = *std::move(opened);
  for (int i = 0; i < kJournals; ++i) append(*journal(std::to_string(i)), "x\n");
  sync_all();
  sync_all();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kWrite && call.path.ends_with(".dat")) return Fault{ENOSPC};
    return std::nullopt;
  });
  for (int i = 0; i < kJournals; ++i) {
    EXPECT_EQ(code(journal(std::to_string(i))->append(as_bytes("y\n"))), Errc::kNoSpace);
  }
  EXPECT_LE(counting.open_files_max(), 20 + 8);
  env_->set_fault_hook({});
  for (int i = 0; i < kJournals; ++i) append(*journal(std::to_string(i)), "y\n");
  store_.reset();  // before the environment that it uses
}

}  // namespace
}  // namespace range
