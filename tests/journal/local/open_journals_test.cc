// One object for each journal, and who waits while it is opened.

#include "journal/local/open_journals.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"

namespace range {
namespace {

// Journals "slow", "fast" and "other" in a store that was just opened. Whoever opens files of
// "slow" waits until it may go on.
class OpenJournalsTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    for (const char* name : {"slow", "fast", "other"}) append(*journal(name), "x\n");
    id_ = journal("slow")->id();
    const std::string directory = directory_of(id_).string();
    store_.reset();
    env_ = env_->after_kill();
    gate_ = std::make_unique<GateEnv>(*env_);
    gated_ = *LocalStore::open(*gate_, "/store", options_, /*background=*/false);
    gate_->on_open = [this, directory](const Path& path) {
      if (!path.string().starts_with(directory)) return;
      std::unique_lock lock(mutex_);
      reached_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return let_go_; });
    };
  }
  void TearDown() override {
    let_go();
    EngineTest::TearDown();
  }

  // Opens "slow" in a thread, and returns when it waits for the disk.
  std::jthread open_slow(std::shared_ptr<Journal>& opened) {
    std::jthread opening([&] {
      const auto slow = gated_->open(id_, "slow");
      ASSERT_TRUE(slow) << to_string(slow.error());
      opened = *slow;
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return reached_; });
    return opening;
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }

  JournalId id_;
  std::unique_ptr<GateEnv> gate_;
  std::unique_ptr<LocalStore> gated_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool let_go_ = false;
};

TEST_F(OpenJournalsTest, NobodyElseWaitsForTheOneThatIsOpened) {
  std::shared_ptr<Journal> slow;
  std::jthread opening = open_slow(slow);
  EXPECT_TRUE(gated_->Store::open("fast"));
  EXPECT_TRUE(gated_->create("new", {}));
  EXPECT_TRUE(gated_->rename("other", "elsewhere", false));
  EXPECT_TRUE(gated_->remove("fast"));
  EXPECT_TRUE(gated_->sync());
  EXPECT_EQ(gated_->list("")->size(), 3U);
  EXPECT_FALSE(slow);
  let_go();
}

TEST_F(OpenJournalsTest, WhoOpensTheSameGetsTheSame) {
  std::shared_ptr<Journal> first;
  std::shared_ptr<Journal> second;
  std::jthread opening = open_slow(first);
  std::jthread another = open_slow(second);
  let_go();
  opening.join();
  another.join();
  EXPECT_EQ(first, second);
}

TEST_F(OpenJournalsTest, OneCallerAtATimeMayOpenIt) {
  OpenJournals journals;
  {
    const auto opening = journals.begin(id_, "slow");
    EXPECT_TRUE(opening);
    EXPECT_FALSE(journals.begin(id_, "slow"));
    EXPECT_TRUE(journals.begin(JournalId(7), "fast"));
  }
  journals.wait_until_opened(id_);
  EXPECT_FALSE(journals.find(id_));
  EXPECT_TRUE(journals.begin(id_, "slow")) << "it was not opened";
}

// Its limits are those of the place where it is.
TEST_F(OpenJournalsTest, OneThatIsMovedWhileItIsOpenedIsWhereItIs) {
  std::shared_ptr<Journal> slow;
  std::jthread opening = open_slow(slow);
  ASSERT_TRUE(gated_->make_directory("d", {}));
  ASSERT_TRUE(gated_->rename("slow", "d/app", false));
  ASSERT_TRUE(gated_->rename("d", "e", false));
  let_go();
  opening.join();
  EXPECT_EQ(std::static_pointer_cast<LocalJournal>(slow)->path(), "e/app");
}

// There would be another object for it, or one for what is gone.
TEST_F(OpenJournalsTest, OneIsRemovedOnlyWhenItIsOpen) {
  std::shared_ptr<Journal> slow;
  std::jthread opening = open_slow(slow);
  std::jthread removing([&] { EXPECT_TRUE(gated_->remove("slow")); });
  let_go();
  opening.join();
  removing.join();
  EXPECT_TRUE(std::static_pointer_cast<LocalJournal>(slow)->is_removed());
  EXPECT_EQ(gated_->open(id_, "slow").value(), slow) << "who has it open may go on";
  slow.reset();
  ASSERT_TRUE(gated_->sync());
  EXPECT_FALSE(env_->exists(directory_of(id_)));
}

TEST_F(OpenJournalsTest, AfterOneThatFailedTheNextOpensIt) {
  let_go();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    return call.kind == CallKind::kList ? std::optional(Fault{EIO}) : std::nullopt;
  });
  EXPECT_EQ(code(gated_->open(id_, "slow")), Errc::kIo);
  env_->set_fault_hook({});
  EXPECT_TRUE(gated_->open(id_, "slow"));
}

}  // namespace
}  // namespace range
