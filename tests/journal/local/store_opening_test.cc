// Opening a store: what need not be possible for it, and what is done later then.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <future>
#include <thread>

#include "journal/base/fd.h"
#include "tests/support/child.h"
#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

class StoreOpening : public EngineTest {
 protected:
  // Leaves behind a store with something to do at the next opening: a journal to delete, a removed
  // directory, the note of a failed sync, and a torn append.
  void leave_work() {
    append_lines(*journal("kept"), 0, 50);
    append_lines(*journal("removed"), 0, 5);
    removed_ = directory_of(journal("removed")->id());
    make_directory("gone");
    append_lines(*journal("failed"), 0, 3);
    sync_all();
    append_lines(*journal("failed"), 3, 1);
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      return call.kind == CallKind::kSyncData ? std::optional(Fault{EIO}) : std::nullopt;
    });
    EXPECT_FALSE(journal("failed")->sync());
    env_->set_fault_hook({});
    ASSERT_TRUE(store_->remove("removed"));
    ASSERT_TRUE(store_->remove_directory("gone"));
    env_->power_off_at_change(env_->changes() + 1, 2 * kEntryBytes);
    EXPECT_FALSE(journal("kept")->append(as_bytes("one\ntwo\nthree\n")));
  }

  void go_on(const SimFaults::Hook& hook) {
    store_.reset();
    env_ = env_->after_kill();
    env_->set_fault_hook(hook);
    open_store();
  }

  Path removed_;
};

bool takes_room(CallKind kind) {
  return kind == CallKind::kCreate || kind == CallKind::kWrite ||
         kind == CallKind::kMakeDirectory || kind == CallKind::kMakeSymlink;
}

TEST_F(StoreOpening, AFullDiskKeepsNobodyFromReadingAndRemoving) {
  for (const int sys_errno : {ENOSPC, EDQUOT}) {
    if (sys_errno == EDQUOT) {
      env_ = std::make_unique<SimEnv>();
      open_store();
    }
    leave_work();
    go_on([sys_errno](const Call& call) -> std::optional<Fault> {
      return takes_room(call.kind) ? std::optional(Fault{sys_errno}) : std::nullopt;
    });
    EXPECT_EQ(records(journal("kept")), lines(0, 50));
    EXPECT_EQ(records(journal("failed")), lines(0, 4));
    EXPECT_FALSE(env_->exists(removed_)) << "that takes no room";
    EXPECT_EQ(code(store_->sync()), Errc::kNoSpace) << "of what could not be written again";
    ASSERT_TRUE(store_->remove("kept"));
    (void)store_->sync();
    env_->set_fault_hook({});
    EXPECT_TRUE(store_->sync());
    EXPECT_TRUE(env_->list("/store/failed")->empty());
    EXPECT_TRUE(env_->list("/store/trash")->empty());
    lose_power(Survival::drop_all());
    EXPECT_EQ(records(journal("failed")), lines(0, 4));
    store_.reset();
  }
}

TEST_F(StoreOpening, AFileSystemThatHasBecomeReadOnlyKeepsNobodyFromReading) {
  leave_work();
  go_on([](const Call& call) -> std::optional<Fault> {
    const bool refused = is_change(call.kind) && call.kind != CallKind::kLock &&
                         call.kind != CallKind::kSyncFilesystem;
    return refused ? std::optional(Fault{EROFS}) : std::nullopt;
  });
  EXPECT_EQ(records(journal("kept")), lines(0, 50));
  EXPECT_EQ(records(journal("failed")), lines(0, 4));
  EXPECT_TRUE(env_->exists(removed_));
  EXPECT_FALSE(store_->remove("kept"));
  EXPECT_FALSE(store_->close());
  go_on({});
  EXPECT_FALSE(env_->exists(removed_));
}

TEST_F(StoreOpening, WhatCouldNotBeDeletedIsDeletedLater) {
  leave_work();
  go_on([](const Call& call) -> std::optional<Fault> {
    return call.kind == CallKind::kRemoveFile ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_TRUE(env_->exists(removed_));
  env_->set_fault_hook({});
  ASSERT_TRUE(store_->sync());
  EXPECT_FALSE(env_->exists(removed_));
  EXPECT_TRUE(env_->list("/store/trash")->empty());
}

TEST(StoreCreation, NoOneCallThatFailsKeepsAStoreFromBeingMadeLater) {
  constexpr std::array kErrors = {EIO, ENOSPC, EMFILE, ENOMEM};
  std::string failed = "none yet";
  for (uint64_t n = 0; !failed.empty(); ++n) {
    SimEnv env;
    failed.clear();
    env.set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      if (call.index != n) return std::nullopt;
      failed = to_string(call);
      return Fault{kErrors[n % kErrors.size()]};
    });
    auto store = LocalStore::open(env, "/store", {}, /*background=*/false);
    env.set_fault_hook({});
    if (!store) store = LocalStore::open(env, "/store", {}, /*background=*/false);
    ASSERT_TRUE(store) << failed << ": " << to_string(store.error());
    const auto app = (*store)->get_or_create("app");
    ASSERT_TRUE(app && (*app)->append_records({"x"}) && (*app)->sync()) << failed;
  }
}

TEST_F(StoreOpening, NoOneCallThatFailsKeepsTheStoreShutForGood) {
  leave_work();
  store_.reset();
  const auto left = env_->after_kill();
  for (const int sys_errno : {EIO, ENOSPC, EMFILE, ENOMEM}) {
    for (uint64_t n = 0;; ++n) {
      env_ = left->after_kill();
      bool reached = false;
      std::string failed;
      env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
        if (call.index != n) return std::nullopt;
        reached = true;
        failed = to_string(call);
        return Fault{sys_errno};
      });
      auto opened = LocalStore::open(*env_, "/store", options_, false);
      env_->set_fault_hook({});
      if (!reached) break;
      SCOPED_TRACE(failed + ": " + std::to_string(sys_errno));
      // Without these nobody can tell that it is a store, or that nobody else has it.
      const bool needed = failed.starts_with("lock") || failed.starts_with("list /store (") ||
                          failed.find("/store/format") != std::string::npos;
      EXPECT_TRUE(opened || needed);
      if (!opened) opened = LocalStore::open(*env_, "/store", options_, false);
      ASSERT_TRUE(opened);
      store_ = *std::move(opened);
      EXPECT_EQ(records(journal("failed")), lines(0, 4));
      EXPECT_EQ(records(journal("kept")), lines(0, 50));
      store_.reset();
    }
  }
  open_store();
}

// --- check_on_open ---

// Whether a thread of this process waits for something. Takes no lock that it could wait for.
bool sleeps(pid_t thread) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", static_cast<int>(thread));
  const Fd file(::open(path.data(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  const std::string_view stat(text.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  const size_t name_end = stat.rfind(')');
  return name_end != std::string_view::npos && stat.substr(name_end).starts_with(") S");
}

TEST_F(StoreOpening, ASecondOpenerWaitsForTheCheckOfTheFirst) {
  append_lines(*journal(), 0, 5);
  ASSERT_TRUE(store_->close());
  store_.reset();
  options_.check_on_open = true;
  GateEnv gate(*env_);
  auto opened = LocalStore::open(gate, "/store", options_, /*background=*/false);
  ASSERT_TRUE(opened);
  store_ = *std::move(opened);
  const JournalId id((*store_->look_up("app"))->id);
  // It is open, and its files are not, but is not checked: so nothing is opened under a lock.
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    const bool read = call.kind == CallKind::kRead && call.path.ends_with(".dat");
    return read ? std::optional(Fault{EIO}) : std::nullopt;
  });
  auto app = store_->open(id, "app");
  ASSERT_TRUE(app);
  env_->set_fault_hook({});
  for (int i = 0; i < 2; ++i) store_->let_go_of_idle();
  // The first one is held up in the middle of its check.
  std::atomic_flag held;
  std::promise<void> reached;
  std::promise<void> let_go;
  gate.on_open = [&](const Path& path) {
    if (path.extension() != ".dat" || held.test_and_set()) return;
    reached.set_value();
    let_go.get_future().wait();
  };
  const auto open = [&] { return store_->open(id, "app").has_value(); };
  auto first = std::async(std::launch::async, open);
  reached.get_future().wait();
  std::atomic<pid_t> thread = 0;
  auto second = std::async(std::launch::async, [&] {
    thread = ::gettid();
    return open();
  });
  const auto is_done = [&] {
    return second.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  // Either it comes to its end, or to where it waits for the first one: nobody else does anything.
  while (!is_done() && (thread == 0 || !sleeps(thread))) std::this_thread::yield();
  EXPECT_FALSE(is_done());
  let_go.set_value();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  app->reset();
  store_.reset();
}

TEST_F(StoreOpening, ACheckThatCouldNotReadIsMadeAgain) {
  append_lines(*journal(), 0, 5);
  ASSERT_TRUE(store_->close());
  store_.reset();
  options_.check_on_open = true;
  open_store();
  const JournalId id((*store_->look_up("app"))->id);
  const auto reads_of_data = [&](int sys_errno) {
    int reads = 0;
    env_->set_fault_hook([&reads, sys_errno](const Call& call) -> std::optional<Fault> {
      const bool read = call.kind == CallKind::kRead && call.path.ends_with(".dat");
      reads += read ? 1 : 0;
      return read && sys_errno != 0 ? std::optional(Fault{sys_errno}) : std::nullopt;
    });
    (void)store_->open(id, "app");
    env_->set_fault_hook({});
    return reads;
  };
  EXPECT_GT(reads_of_data(EIO), 0);
  EXPECT_GT(reads_of_data(0), 0) << "it was not done";
  EXPECT_EQ(reads_of_data(0), 0) << "it was done";
}

// In a child, since it is for all threads of a process.
TEST(StoreThreads, WhereNoneCanBeStartedNoStoreIsOpened) {
  const TemporaryDirectory directory;
  const Path path = directory.path() / "store";
  const std::string said = in_child([&]() -> std::string {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, size_t{1} << 46);  // more than there are addresses
    ::pthread_setattr_default_np(&attributes);
    const auto store = open_store(path, {});
    return store ? "opened" : to_string(store.error());
  });
  EXPECT_TRUE(said.starts_with("starting a thread: ")) << said;
  EXPECT_TRUE(open_store(path, {}));
}

}  // namespace
}  // namespace range
