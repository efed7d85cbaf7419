// A store in a process that is forked from the one that has opened it.

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "journal/cursor.h"
#include "journal/store.h"
#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

class Fork : public testing::Test {
 protected:
  void SetUp() override {
    store_ =
        open_store(directory_.path() / "store", {.sync_interval = std::chrono::milliseconds(1)})
            .value();
    journal_ = store_->get_or_create("app").value();
    ASSERT_TRUE(journal_->append_records({"one", "two"}));
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
    expect("opening it again", open_store(directory_.path() / "store", {}));
    journal_.reset();
    store_.reset();  // with threads that are not here, and mutexes that they may hold
    return works;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<Journal> journal_;
};

TEST_F(Fork, InAChildEveryCallIsRefusedAndLettingGoDoesNothing) {
  // The background may be anywhere when it happens.
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(journal_->append_records({"more"}));
    ASSERT_EQ(in_child([&] { return what_works(); }), "");
    ASSERT_EQ(in_child([&] {
                const auto again = open_store(directory_.path() / "store", {});
                return again ? "opened" : to_string(again.error());
              }),
              (directory_.path() / "store" / "lock").string() + ": locked by pid " +
                  std::to_string(::getpid()));
  }
  EXPECT_TRUE(journal_->append_records({"last"}));
  EXPECT_EQ(journal_->extent().end.record, RecordNumber(53));
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
              const auto own = open_store(directory_.path() / "own", {});
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
