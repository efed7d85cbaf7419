// A store in a process that is forked from the one that has opened it.

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <future>

#include "journal/cursor.h"
#include "journal/guarded_store.h"
#include "journal/local/local_store.h"
#include "journal/store.h"
#include "tests/support/child.h"
#include "tests/support/gate_env.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

// A store in a process with no threads but those that a test holds up where no lock of the C
// library is held: none in which a child could wait for ever without a fault of ours, as sanitizers
// make more of them than fork(2) knows.
class Fork : public testing::Test {
 protected:
  void SetUp() override {
    open(/*background=*/false);
    journal_ = store_->get_or_create("app").value();
    ASSERT_TRUE(journal_->append_records({"one", "two"}));
  }

  void open(bool background) {
    store_.reset();
    auto store =
        LocalStore::open(gate_, path_, {.sync_interval = std::chrono::milliseconds(1)}, background);
    ASSERT_TRUE(store);
    store_ = std::make_unique<GuardedStore>(*std::move(store), path_.string());
  }

  void expect_all_refused() {
    EXPECT_EQ(in_child([&] { return what_works(); }), "");
    EXPECT_EQ(in_child([&] {
                const auto again = open_store(path_, {});
                return again ? "opened" : to_string(again.error());
              }),
              (path_ / "lock").string() + ": locked by pid " + std::to_string(::getpid()));
  }

  // Everything in the child that is not refused.
  std::string what_works() {
    std::string works;
    const auto expect = [&](const char* call, const auto& result) {
      if (result || result.error().code != Errc::kLocked) works += std::string(" ") + call;
    };
    expect("look_up", store_->look_up("app"));
    expect("open", store_->open("app"));
    expect("get_or_create", store_->get_or_create("other"));
    expect("create", store_->create("other", {}));
    expect("make_directory", store_->make_directory("d", {}));
    expect("remove", store_->remove("app"));
    expect("remove_directory", store_->remove_directory("d"));
    expect("rename", store_->rename("app", "b", true));
    expect("list", store_->list(""));
    expect("directory_attributes", store_->directory_attributes(""));
    expect("set_directory_attributes", store_->set_directory_attributes("", {}));
    expect("set_directory_modified", store_->set_directory_modified("", {}));
    expect("apply_retention", store_->apply_retention());
    expect("sync", store_->sync());
    expect("space", store_->space());
    expect("close", store_->close());
    Journal& app = *journal_;
    expect("append", app.append(as_bytes("x\n")));
    expect("append_records", app.append_records({"x"}));
    std::array<std::byte, 8> bytes{};
    expect("read", app.read(ByteOffset(), bytes));
    RecordBatch batch;
    expect("read_records", app.read_records(RecordNumber(), 1, 100, batch));
    expect("seek", app.seek(AtStart(), RecordNumber()));
    expect("wait_for_byte", app.wait_for_byte(ByteOffset(100), {}, {}));
    expect("wait_for_record", app.wait_for_record(RecordNumber(100), {}, {}));
    expect("journal sync", app.sync());
    expect("set_attributes", app.set_attributes({}));
    expect("trim", app.trim(ChunkId(1), {}));
    expect("journal apply_retention", app.apply_retention());
    expect("info", app.info());
    expect("cursor", Cursor(journal_).next());
    if (app.extent().end != Location() || !app.chunks().empty()) works += " extent";
    expect("opening it again", open_store(path_, {}));
    journal_.reset();
    store_.reset();  // with threads that are not here, and mutexes that they may hold
    return works;
  }

  TemporaryDirectory directory_;
  const Path path_ = directory_.path() / "store";
  GateEnv gate_{posix_env()};
  std::unique_ptr<Store> store_;
  std::shared_ptr<Journal> journal_;
};

TEST_F(Fork, AStoreIsGuardedAgainstIt) {
  const auto store = open_store(directory_.path() / "other", {});
  ASSERT_TRUE(store);
  EXPECT_NE(dynamic_cast<GuardedStore*>(store->get()), nullptr);
}

TEST_F(Fork, InAChildEveryCallIsRefusedAndLettingGoDoesNothing) {
  expect_all_refused();
  EXPECT_TRUE(journal_->append_records({"last"}));
  EXPECT_EQ(journal_->extent().end.record, RecordNumber(3));
  EXPECT_TRUE(store_->close());
}

TEST_F(Fork, WhatTheBackgroundHoldsHoldsUpNoChild) {
  ASSERT_TRUE(journal_->sync());
  journal_.reset();
  open(/*background=*/true);
  journal_ = store_->get_or_create("app").value();
  gate_.close_gate();
  ASSERT_TRUE(journal_->append_records({"more"}));
  gate_.wait_until_reached();  // by the background, which syncs it
  expect_all_refused();
  gate_.open_gate();
  EXPECT_TRUE(store_->close());
}

TEST_F(Fork, WhatACallHoldsHoldsUpNoChild) {
  std::promise<void> reached;
  std::promise<void> let_go;
  std::atomic_flag held;
  gate_.on_open = [&](const Path&) {
    if (held.test_and_set()) return;
    reached.set_value();
    let_go.get_future().wait();
  };
  auto created = std::async(std::launch::async, [&] {
    const auto other = store_->get_or_create("other");
    return other && (*other)->append_records({"x"});
  });
  reached.get_future().wait();
  expect_all_refused();
  let_go.set_value();
  EXPECT_TRUE(created.get());
  EXPECT_TRUE(store_->close());
}

TEST_F(Fork, AChildMadeWithoutTheLibraryKnowingIsNoOtherThanOneOfFork) {
  const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, 0, 0));
  if (child == 0) ::_exit(what_works().empty() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(journal_->append_records({"last"}));
}

TEST_F(Fork, AChildCanOpenAStoreOfItsOwnAndForkInTurn) {
  EXPECT_EQ(in_child([&]() -> std::string {
              auto own = LocalStore::open(posix_env(), directory_.path() / "own", {},
                                          /*background=*/false);
              if (!own) return to_string(own.error());
              const auto journal = (*own)->get_or_create("app");
              if (!journal || !(*journal)->append_records({"x"})) return "no append";
              return in_child([&] {
                const auto refused = (*journal)->append_records({"y"});
                return refused ? "appended" : std::to_string(int(refused.error().code));
              });
            }),
            std::to_string(int(Errc::kLocked)));
}

}  // namespace
}  // namespace range
