// Syncs of a journal: what it syncs without having been asked, and what else syncs its files.

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <thread>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"

namespace range {
namespace {

class JournalSync : public EngineTest {
 protected:
  bool found_intact() {
    const std::vector<std::string> found = records(journal());
    return std::ranges::find(found, "(corrupt)") == found.end();
  }
};

TEST_F(JournalSync, WhatAnAppenderSyncsBecauseItIsMuchIsDurable) {
  auto app = journal();
  sync_all();
  int count = 0;
  for (; app->extent().synced == ByteOffset() && count < 10'000; ++count) append(*app, line(count));
  const ByteOffset synced = app->extent().synced;
  ASSERT_GT(synced, ByteOffset()) << "after " << count << " lines";
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_GE(journal()->extent().end.offset, synced);
}

// An append that is refused cuts its entries off again, with a sync of its own. The kernel tells
// one caller only of a writeback that failed.
TEST_F(JournalSync, HearsOfAFailureThatWasToldToAnAppendThatIsRefused) {
  SimEnv machine;
  GateEnv env(machine);
  auto store = LocalStore::open(env, "/store", options_, false).value();
  const auto app = store->create("app", {}).value();
  ASSERT_TRUE(app->append(as_bytes("one\n")));
  ASSERT_TRUE(store->sync());
  ASSERT_TRUE(app->append(as_bytes("two\n")));
  machine.set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (!call.path.ends_with(".idx")) return std::nullopt;
    if (call.kind == CallKind::kWrite) return Fault{.sys_errno = ENOSPC, .prefix_bytes = 0};
    if (call.kind == CallKind::kSyncData) return Fault{.sys_errno = EIO, .prefix_bytes = 0};
    return std::nullopt;
  });
  env.close_gate();
  std::jthread syncing([&] { EXPECT_FALSE(app->sync()); });
  env.wait_until_reached();
  EXPECT_FALSE(app->append(as_bytes("three\n")));
  machine.set_fault_hook({});
  env.open_gate();
  syncing.join();
  EXPECT_EQ(app->extent().synced, ByteOffset(4));
}

// The kernel tells of a failure once: another sync would succeed, and a mark vouch for what is
// lost.
TEST_F(JournalSync, WhatFailedIsNotSyncedAgainWithTheStore) {
  auto app = journal();
  append_lines(*app, 0, 5);
  bool failing = true;
  size_t syncs = 0;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (call.kind != CallKind::kSyncData || !call.path.ends_with(".dat")) return std::nullopt;
    ++syncs;
    return failing ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_FALSE(app->sync());
  EXPECT_EQ(syncs, 1U);
  failing = false;
  EXPECT_FALSE(store_->sync());
  EXPECT_EQ(syncs, 1U);
  env_->set_fault_hook({});
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_TRUE(found_intact());
}

// The answer is known.
TEST_F(JournalSync, OfAJournalThatFailedWaitsForNobody) {
  const auto app = journal();
  append(*app, "x\n");
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    return call.kind == CallKind::kSyncData ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_FALSE(app->sync());
  env_->set_fault_hook({});
  const auto appending = std::static_pointer_cast<LocalJournal>(app)->hold_appends();
  EXPECT_FALSE(app->sync());
}

}  // namespace
}  // namespace range
