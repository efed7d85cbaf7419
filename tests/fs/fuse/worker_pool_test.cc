#include "fs/fuse/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "fs/fuse/invalidator.h"
#include "tests/support/memory_store.h"

namespace rangefs {
namespace {

TEST(WorkerPool, CloseReturnsWhenEverythingSubmittedIsDone) {
  std::atomic<int> done = 0;
  WorkerPool pool(3);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(pool.submit([&] { ++done; }));
  }
  pool.close();
  EXPECT_EQ(done, 100);
  EXPECT_FALSE(pool.submit([&] { ++done; }));
  EXPECT_EQ(done, 100);
}

TEST(WorkerPool, ABlockedTaskDoesNotHoldUpOthers) {
  std::latch gate(1);
  std::latch passed(1);
  WorkerPool pool(2);
  pool.submit([&] { gate.wait(); });
  pool.submit([&] { passed.count_down(); });
  passed.wait();
  gate.count_down();
}

TEST(WorkerPool, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  WorkerPool pool(1);
  for (int i = 0; i < 50; ++i) pool.submit([&order, i] { order.push_back(i); });
  pool.close();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

// Remembers names; lets a test do something while the kernel is being told.
class SlowNotices final : public Notices {
 public:
  void attributes_changed(NodeId) override {}
  void grown(JournalId) override {}
  void name_changed(const Place& place) override {
    names.push_back(place.name);
    if (names.size() == 1 && meanwhile) meanwhile();
  }

  std::vector<std::string> names;
  std::function<void()> meanwhile;
};

class InvalidatorTest : public ::testing::Test {
 protected:
  static constexpr JournalId kJournal{7};

  void SetUp() override {
    const auto journal = std::make_shared<range::MemoryJournal>(kJournal, Attributes());
    nodes_.enter_view(journal, ByteOffset(0), {kRootNode, "app"});
  }
  void run() {
    Invalidator invalidator(nodes_, notices_);
    bool done = false;
    ASSERT_TRUE(invalidator.submit(kJournal, [&] { done = true; }));
    invalidator.close();
    EXPECT_TRUE(done);
  }

  NodeTable nodes_{1};
  SlowNotices notices_;
};

TEST_F(InvalidatorTest, TellsTheNameOnce) {
  run();
  EXPECT_EQ(notices_.names, std::vector<std::string>{"app"});
}

TEST_F(InvalidatorTest, TellsTheNewNameIfRenamedMeanwhile) {
  notices_.meanwhile = [&] { nodes_.journal_moved(kJournal, {kRootNode, "moved"}); };
  run();
  EXPECT_EQ(notices_.names, (std::vector<std::string>{"app", "moved"}));
}

// Whoever submits may be waited for by who holds the lock that the kernel takes for it.
TEST_F(InvalidatorTest, TellsTheNameInAThreadOfItsOwn) {
  std::thread::id told;
  notices_.meanwhile = [&] { told = std::this_thread::get_id(); };
  run();
  EXPECT_NE(told, std::thread::id());
  EXPECT_NE(told, std::this_thread::get_id());
}

TEST_F(InvalidatorTest, RemovedJournalHasNoNameToTell) {
  nodes_.journal_removed(kJournal);
  run();
  EXPECT_TRUE(notices_.names.empty());
}

}  // namespace
}  // namespace rangefs
