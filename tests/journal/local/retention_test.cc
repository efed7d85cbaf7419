// Dropping old chunks by the limits of journals and directories.

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "tests/support/gate_env.h"
#include "tests/support/trimming_test.h"

namespace range {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class Retention : public TrimmingTest {};

TEST_F(Retention, AJournalHoldsNoMoreThanItsLimits) {
  const auto app = filled(200);
  set(*app, [](Attributes& attributes) { attributes.max_bytes = 10'000; });
  apply();
  EXPECT_EQ(first_line(*app), 3 * kLinesInChunk);  // 7,700 bytes, a chunk more would be 11,800
  set(*app, [](Attributes& attributes) { attributes.max_records = 40; });
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk);
  set(*app, [](Attributes& attributes) { attributes.max_records = 1; });
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk) << "the chunk that takes appends stays";
}

TEST_F(Retention, WhatTheSystemRefusesIsTold) {
  set(*filled(100), [](Attributes& attributes) { attributes.max_records = 10; });
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    return call.kind == CallKind::kWrite ? std::optional(Fault{EROFS}) : std::nullopt;
  });
  const Status applied = store_->apply_retention();
  env_->set_fault_hook({});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().sys_errno, EROFS);
}

// A chunk has those of the journal as it was begun.
TEST_F(Retention, LimitsOfALostFileAreThoseOfTheNewestChunk) {
  auto app = filled(2 * kLinesInChunk);
  set(*app, [](Attributes& attributes) { attributes.max_records = kLinesInChunk; });
  append_lines(*app, 2 * kLinesInChunk, 2 * kLinesInChunk);
  sync_all();
  ASSERT_TRUE(env_->remove_file(directory_of(app->id()) / "attributes"));
  app.reset();
  kill();
  apply();
  EXPECT_GT(first_line(*journal()), 0);
}

TEST_F(Retention, WhatStaysIsDurableBeforeAnythingGoes) {
  auto app = journal();
  set(*app, [](Attributes& attributes) { attributes.max_records = 80; });
  append_lines(*app, 0, 80);
  sync_all();
  append_lines(*app, 80, 80);
  apply();
  const std::vector<std::string> held = records(app);
  ASSERT_LT(held.size(), 160U);
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal()), held);
}

TEST_F(Retention, AJournalThatWasBusyIsLookedAtAgain) {
  const auto app = filled(4 * kLinesInChunk);
  set(*app, [](Attributes& attributes) { attributes.max_records = 2 * kLinesInChunk; });
  Status applied;
  const auto apply_meanwhile = [&](const ChunkInfo&) {
    std::thread([&] { applied = store_->apply_retention_where_due(); }).join();
    return applied;
  };
  ASSERT_TRUE(app->trim(app->chunks().front().id, apply_meanwhile));
  EXPECT_EQ(first_line(*app), kLinesInChunk);
  ASSERT_TRUE(store_->apply_retention_where_due());
  EXPECT_EQ(first_line(*app), 2 * kLinesInChunk);
}

TEST_F(Retention, ChunksAreBegunEarlySoThatLittleIsDroppedAtOnce) {
  const auto app = journal();
  set(*app, [](Attributes& attributes) { attributes.max_records = 80; });
  ASSERT_TRUE(store_->apply_retention_where_due());
  for (int i = 0; i < 200; ++i) {
    append(*app, line(i));
    ASSERT_TRUE(store_->apply_retention_where_due());
    ASSERT_LE(i - first_line(*app), 80);
    ASSERT_GE(i - first_line(*app), std::min(i, 69));
  }
}

TEST_F(Retention, WhatIsTooOldGoesEvenIfNothingIsAppended) {
  const auto app = journal();
  set(*app, [](Attributes& attributes) { attributes.max_age = hours(8); });
  apply();
  for (int i = 0; i < 24; ++i) {
    append(*app, line(i));
    env_->advance(hours(1));
    apply();
  }
  // The last record of a chunk counts as old as the first of the next.
  EXPECT_EQ(records(app), lines(15, 9));
  env_->advance(hours(4));
  apply();
  EXPECT_EQ(records(app), lines(19, 5));
  env_->advance(hours(5));
  apply();
  EXPECT_TRUE(records(app).empty());
  const auto chunks = app->chunks();
  env_->advance(hours(100));
  apply();
  EXPECT_EQ(app->chunks(), chunks) << "an empty chunk is not replaced by another";
  append(*app, line(24));
  EXPECT_EQ(first_line(*app), 24);
}

TEST_F(Retention, NothingIsTooOldWhileTheClocksDisagree) {
  const auto app = filled(10);
  set(*app, [](Attributes& attributes) { attributes.max_age = hours(1); });
  env_->advance(minutes(11));
  env_->set_now(env_->now() + hours(24));
  apply();
  EXPECT_EQ(records(app), lines(0, 10));
  env_->advance(minutes(11));
  append(*app, line(10));  // stamped with the new time, which has been adopted
  env_->advance(hours(2));
  env_->set_now(env_->now() - hours(24));
  apply();
  EXPECT_EQ(records(app), lines(0, 11)) << "the new time was wrong, or the old one was";
  env_->set_now(env_->now() + hours(24));
  apply();
  EXPECT_TRUE(records(app).empty());
}

TEST_F(Retention, NothingIsTooOldRightAfterTheStoreWasOpened) {
  options_.retention.max_age = hours(24);
  reopen();
  filled(10);
  for (const bool rebooted : {false, true}) {
    ASSERT_TRUE(store_->close());
    store_.reset();
    env_->set_now(env_->now() + hours(24 * 3650));  // its battery is dead
    if (rebooted) env_ = env_->after_power_loss(Survival::keep_all());
    open_store();
    apply();
    EXPECT_EQ(records(journal()), lines(0, 10));
  }
  env_->advance(minutes(11));
  apply();
  EXPECT_TRUE(records(journal()).empty()) << "it has lasted long enough";
}

TEST_F(Retention, LimitsAreInheritedOneByOne) {
  make_directory("web");
  make_directory("web/deep");
  const auto app = journal("web/deep/app");
  append_lines(*app, 0, 300);
  set_directory("", [](Attributes& attributes) { attributes.max_records = 10; });
  set_directory("web", [](Attributes& attributes) {
    attributes.max_records = 150;
    attributes.max_bytes = 25'000;
  });
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk);
  set(*app, [](Attributes& attributes) { attributes.max_records = 0; });
  append_lines(*app, 300, 100);
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk) << "unlimited here, whatever stands above";
  append_lines(*app, 400, 100);
  apply();
  EXPECT_GT(first_line(*app), 4 * kLinesInChunk) << "max_bytes still holds";
}

TEST_F(Retention, LimitsOfTheStoreHoldWhereNothingElseIsSet) {
  filled(200);
  options_.retention.max_records = 100;
  reopen();
  apply();
  EXPECT_EQ(first_line(*journal()), 3 * kLinesInChunk);
}

TEST_F(Retention, AJournalThatIsMovedComesUnderTheLimitsOfItsNewPlace) {
  make_directory("short");
  make_directory("short/lived");
  set_directory("short", [](Attributes& attributes) { attributes.max_records = 50; });
  const auto app = filled(100);
  ASSERT_TRUE(store_->rename("app", "short/lived/app", false));
  ASSERT_TRUE(app->apply_retention());
  EXPECT_EQ(first_line(*app), 2 * kLinesInChunk);
  ASSERT_TRUE(store_->rename("short/lived", "lived", false));
  append_lines(*app, 100, 100);
  ASSERT_TRUE(app->apply_retention());
  EXPECT_EQ(first_line(*app), 2 * kLinesInChunk);
}

TEST_F(Retention, JournalsThatAreNotInUseAreLookedAtToo) {
  for (int i = 0; i < 5; ++i) append_lines(*journal("j" + std::to_string(i)), 0, 100);
  set_directory("", [](Attributes& attributes) { attributes.max_records = 50; });
  reopen();
  apply();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(first_line(*journal("j" + std::to_string(i))), 82);
}

TEST(RetentionInAPass, HoldsForWhereAJournalIsWhenItsTurnComes) {
  SimEnv machine;
  GateEnv env(machine);
  StoreOptions options;
  options.chunk_size = 4096;
  auto store = *LocalStore::open(env, "/store", options, /*background=*/false);
  Attributes limited;
  limited.max_records = 50;
  ASSERT_TRUE(store->make_directory("short", limited));
  ASSERT_TRUE(store->make_directory("long", {}));
  const std::vector<std::byte> record(100);
  for (const char* path : {"short/a", "short/b"}) {
    const auto journal = *store->create(path, {});
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(journal->append_records({{record}}));
  }
  ASSERT_TRUE(store->close());
  store = *LocalStore::open(env, "/store", options, /*background=*/false);
  // While the first of them is trimmed, both are moved.
  env.close_gate();
  std::thread pass([&] { EXPECT_TRUE(store->apply_retention()); });
  env.wait_until_reached();
  size_t trimmed = 0;
  for (const std::string name : {"a", "b"}) {
    ASSERT_TRUE(store->rename("short/" + name, "long/" + name, false));
  }
  env.open_gate();
  pass.join();
  for (const std::string name : {"a", "b"}) {
    const auto journal = *store->get_or_create("long/" + name);
    if (journal->extent().begin.record > RecordNumber()) ++trimmed;
  }
  EXPECT_EQ(trimmed, 1U);
}

TEST_F(Retention, AnAppendDoesNotFailForLimitsThatCannotBeRead) {
  make_directory("web");
  append(*journal("web/app"), "x\n");
  reopen();
  auto app = journal("web/app");
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.path.ends_with("web/.info")) return Fault{EMFILE, 0};
    return {};
  });
  append(*app, "y\n");
  env_->set_fault_hook({});
  set_directory("web", [](Attributes& attributes) { attributes.max_records = 50; });
  ASSERT_TRUE(store_->apply_retention_where_due());  // where they are read again
  append_lines(*app, 0, 100);
  ASSERT_TRUE(store_->apply_retention_where_due());
  EXPECT_GT(first_line(*app), 0);
  app.reset();
  reopen();
  app = journal("web/app");
  ASSERT_TRUE(store_->remove("web/app"));
  ASSERT_TRUE(store_->remove_directory("web"));
  append(*app, "z\n");
}

TEST_F(Retention, ADirectoryThatCannotBeReadIsTheOnlyOneLeftOut) {
  set_directory("", [](Attributes& attributes) { attributes.max_records = 50; });
  for (const char* directory : {"a", "b", "c"}) {
    make_directory(directory);
    append_lines(*journal(std::string(directory) + "/app"), 0, 100);
  }
  reopen();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kList && call.path == "/store/tree/b") return Fault{EIO, 0};
    return {};
  });
  EXPECT_EQ(code(store_->apply_retention()), Errc::kIo);
  env_->set_fault_hook({});
  EXPECT_GT(first_line(*journal("a/app")), 0);
  EXPECT_GT(first_line(*journal("c/app")), 0);
}

TEST_F(Retention, JournalsWithNothingToDropAreLeftAsTheyAre) {
  set_directory("", [](Attributes& attributes) { attributes.max_records = 1000; });
  for (int i = 0; i < 20; ++i) append_lines(*journal("j" + std::to_string(i)), 0, 3);
  ASSERT_TRUE(store_->close());
  lose_power(Survival::keep_all());
  const uint64_t before = env_->changes();
  apply();
  EXPECT_EQ(env_->changes(), before);
}
}  // namespace
}  // namespace range
