// NameSet that take the place of others, whatever fails on the way, and links that were copied.

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "tests/support/engine_test.h"

namespace range {
namespace {

using NameSet = std::set<std::string>;

class Replacement : public EngineTest {};

// Whichever call fails, the name leads to what was there before or to what is there afterwards.
class ReplacingNames : public Replacement, public testing::WithParamInterface<bool> {
 protected:
  // Call `n` from now on; exchanges, which fail where the file system does not know them, are not
  // counted there.
  void fail_call(uint64_t n, std::string& failed) {
    env_->set_fault_hook([&failed, left = n](const Call& call) mutable -> std::optional<Fault> {
      if (call.kind == CallKind::kExchange && !GetParam()) return Fault{EINVAL};
      if (left-- > 0) return std::nullopt;
      left = UINT64_MAX;
      failed = to_string(call);
      return Fault{EIO};
    });
  }
};

TEST_P(ReplacingNames, ARenameOverSomethingEmptyThatFailsLeavesBothAsTheyWere) {
  append(*journal("app"), "x\n");
  make_directory("dir");
  append(*journal("dir/app"), "y\n");
  journal("empty_app");
  make_directory("empty_dir");
  sync_all();
  store_.reset();
  const auto before = env_->after_kill();
  for (const std::string kind : {"app", "dir"}) {
    const std::string target = "empty_" + kind;
    std::string failed = "none yet";
    int refused = 0;
    for (uint64_t n = 0; !failed.empty(); ++n) {
      failed.clear();
      env_ = before->after_kill();
      open_store();
      const uint64_t id = store_->look_up(kind)->value().id;
      const uint64_t replaced = store_->look_up(target)->value().id;
      fail_call(n, failed);
      const bool done = store_->rename(kind, target, /*replace=*/true).has_value();
      env_->set_fault_hook({});
      const std::string place = done ? target : kind;
      ASSERT_EQ(has(kind), !done) << failed;
      EXPECT_EQ(store_->look_up(place)->value().id, id) << failed;
      EXPECT_EQ(store_->look_up(target)->value().id, done ? id : replaced) << failed;
      if (kind == "app") {
        EXPECT_EQ(read_all(*journal(place)), "x\n") << failed;
      } else {
        EXPECT_EQ(read_all(*journal(place + "/app")), "y\n") << failed;
      }
      refused += done ? 0 : 1;
      // Some failures stop changes of names for the life of a process.
      kill();
      sync_all();
      EXPECT_EQ(has(kind), !done) << failed;
      EXPECT_TRUE(env_->list("/store/trash")->empty()) << failed;
      store_.reset();
    }
    EXPECT_GT(refused, 3) << kind;
  }
}

INSTANTIATE_TEST_SUITE_P(FileSystems, ReplacingNames, testing::Bool(), [](const auto& which) {
  return which.param ? "ThatExchangeNames" : "ThatDoNot";
});

// A sync of somebody else may have made durable that it was in the trash.
TEST_F(Replacement, WhatAFailedReplacementBroughtBackIsSynced) {
  journal("app");
  journal("empty");
  sync_all();
  std::set<std::string> synced;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kExchange) return Fault{EINVAL};
    if (call.kind == CallKind::kRename && call.path == "/store/tree/app") return Fault{EIO};
    if (call.kind == CallKind::kSyncDirectory) synced.insert(call.path);
    return std::nullopt;
  });
  EXPECT_FALSE(store_->rename("app", "empty", /*replace=*/true));
  EXPECT_TRUE(has("empty"));
  sync_all();
  EXPECT_TRUE(synced.contains("/store/tree") && synced.contains("/store/trash"));
}

// Dying, or losing power, between two steps.
TEST_F(Replacement, AReplacementInStepsLosesNoRecord) {
  append(*journal("app"), "x\n");
  journal("empty");
  sync_all();
  store_.reset();
  const auto before = env_->after_kill();
  const auto lost = [](SimEnv& env) { return env.after_power_loss(Survival::drop_all()); };
  const auto kept = [](SimEnv& env) { return env.after_power_loss(Survival::keep_all()); };
  const auto killed = [](SimEnv& env) { return env.after_kill(); };
  for (const auto& die :
       {std::function<std::unique_ptr<SimEnv>(SimEnv&)>(lost), {kept}, {killed}}) {
    bool done = false;
    for (uint64_t n = 0; !done; ++n) {
      env_ = before->after_kill();
      open_store();
      env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
        return call.kind == CallKind::kExchange ? std::optional(Fault{EINVAL}) : std::nullopt;
      });
      env_->power_off_at_change(env_->changes() + n);
      done = store_->rename("app", "empty", /*replace=*/true).has_value();
      store_.reset();
      env_ = die(*env_);
      open_store();
      EXPECT_EQ(read_all(*journal(has("app") ? "app" : "empty")), "x\n") << n;
      store_.reset();
    }
  }
}

TEST_F(Replacement, AReplacementThatCannotBeUndoneRemovesWhatWasThere) {
  journal("app");
  const JournalId id = journal("empty")->id();
  sync_all();
  const Path in_trash = Path("/store/trash") / to_string(id);
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kExchange) return Fault{EINVAL};
    const bool step = call.kind == CallKind::kRename &&
                      (call.path == "/store/tree/app" || call.path == in_trash.string());
    return step ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_FALSE(store_->rename("app", "empty", /*replace=*/true));
  env_->set_fault_hook({});
  EXPECT_EQ(names(""), NameSet{"app"});
  EXPECT_EQ(code(store_->open(id, "empty")), Errc::kNotFound);
  sync_all();
  EXPECT_FALSE(env_->exists(directory_of(id)));
}

// As `cp -P` makes one in STORE/tree.
class CopiedLink : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    const std::string id = to_string(journal("app")->id());
    ASSERT_TRUE(env_->make_symlink("../chunks/" + id.substr(0, 2) + '/' + id, "/store/tree/copy"));
    sync_all();
  }
};

TEST_F(CopiedLink, OfARemovedJournalIsNotTriedForever) {
  ASSERT_TRUE(store_->remove("app"));
  EXPECT_EQ(code(store_->get_or_create("copy")), Errc::kNotPermitted);
  EXPECT_TRUE(store_->apply_retention());
  sync_all();
  EXPECT_TRUE(store_->get_or_create("copy"));
}

TEST_F(CopiedLink, OfARemovedJournalThatIsInUseLeadsNobodyThere) {
  const auto app = journal("app");
  ASSERT_TRUE(store_->remove("app"));
  EXPECT_EQ(code(store_->get_or_create("copy")), Errc::kNotPermitted);
  EXPECT_TRUE(app->append(as_bytes("x\n"))) << "as to a file that was removed";
}

}  // namespace
}  // namespace range
