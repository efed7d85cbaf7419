// The local engine used by many threads at once, on the real file system and on a simulated one.

#include <gtest/gtest.h>

#include <atomic>
#include <boost/filesystem/operations.hpp>
#include <latch>
#include <map>
#include <thread>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

std::string numbered(int writer, int i) {
  return std::to_string(writer) + ' ' + std::to_string(i) + ' ' +
         std::string(static_cast<size_t>(i % 50), 'x') + '\n';
}

// Checks records made by numbered(): each writer's follow each other without a gap. Returns how
// many there are of each.
std::map<int, int> count_in_order(const std::vector<std::string>& records) {
  std::map<int, int> next;
  for (const std::string& record : records) {
    const int writer = std::stoi(record);
    EXPECT_EQ(record, numbered(writer, next[writer]++));
  }
  return next;
}

std::vector<std::string> all_records(const std::shared_ptr<Journal>& journal) {
  std::vector<std::string> found;
  Cursor cursor(journal);
  for (;;) {
    const auto record = cursor.next();
    EXPECT_TRUE(record) << to_string(record.error());
    if (!record || !*record) return found;
    found.emplace_back(as_text((*record)->bytes));
  }
}

class JournalConcurrency : public testing::Test {
 protected:
  JournalConcurrency() {
    options_.chunk_size = 16384;
    options_.sync_interval = std::chrono::milliseconds(1);
    options_.open_files_max = 40;
    open_store();
  }

  void open_store() {
    auto store = LocalStore::open(posix_env(), directory_.path() / "store", options_, true);
    ASSERT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
  }

  // Runs `body(i)` in `count` threads that begin together.
  template <typename Body>
  static std::vector<std::jthread> start(int count, Body body) {
    auto together = std::make_shared<std::latch>(count);
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([together, body, i] {
        together->arrive_and_wait();
        body(i);
      });
    }
    return threads;
  }

  const TemporaryDirectory directory_;
  StoreOptions options_;
  std::unique_ptr<LocalStore> store_;
};

TEST_F(JournalConcurrency, AppendersToOneJournalKeepTheirOrderWhileItIsReadAndSynced) {
  constexpr int kWriters = 8;
  constexpr int kLines = 1000;
  const auto app = store_->create("app", {}).value();
  std::atomic<bool> done = false;
  auto others = start(4, [&](int i) {
    while (!done) {
      if (i == 0) {
        EXPECT_TRUE(app->sync());
      } else if (i == 1) {
        EXPECT_TRUE(store_->sync());
      } else if (i == 2) {
        count_in_order(all_records(app));
      } else {
        const Extent extent = app->extent();
        EXPECT_LE(extent.synced, extent.end.offset);
        EXPECT_TRUE(app->seek(BeforeEnd{7}));
        EXPECT_TRUE(app->seek(extent.last_time));
        EXPECT_TRUE(app->info());
      }
    }
  });
  start(kWriters, [&](int writer) {
    for (int i = 0; i < kLines; ++i) {
      const auto appended = app->append(as_bytes(numbered(writer, i)));
      ASSERT_TRUE(appended) << to_string(appended.error());
    }
  }).clear();  // joins them
  done = true;
  others.clear();
  const auto counts = count_in_order(all_records(app));
  ASSERT_EQ(counts.size(), static_cast<size_t>(kWriters));
  for (const auto& [writer, count] : counts) EXPECT_EQ(count, kLines) << writer;
}

TEST_F(JournalConcurrency, AppendersToManyJournalsWithFewDescriptors) {
  constexpr int kThreads = 4;
  constexpr int kJournals = 100;  // five times what may be open
  constexpr int kRounds = 10;
  start(kThreads, [&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      for (int n = thread; n < thread + kJournals; ++n) {
        const std::string name = std::to_string(n % kJournals);
        auto entry = store_->look_up(name);
        ASSERT_TRUE(entry);
        auto journal =
            *entry ? store_->open(JournalId((*entry)->id), name) : store_->create(name, {});
        if (!journal && journal.error().code == Errc::kExists) {  // somebody else was first
          entry = store_->look_up(name);
          journal = store_->open(JournalId((*entry)->id), name);
        }
        ASSERT_TRUE(journal) << to_string(journal.error());
        const auto appended = (*journal)->append(as_bytes(numbered(thread, i)));
        ASSERT_TRUE(appended) << to_string(appended.error());
      }
    }
  }).clear();
  ASSERT_TRUE(store_->close());
  store_.reset();
  open_store();
  for (int n = 0; n < kJournals; ++n) {
    const std::string name = std::to_string(n);
    const auto journal = store_->open(JournalId(store_->look_up(name).value()->id), name).value();
    const auto counts = count_in_order(all_records(journal));
    EXPECT_EQ(counts.size(), static_cast<size_t>(kThreads));
    for (const auto& [thread, count] : counts) EXPECT_EQ(count, kRounds) << name << ' ' << thread;
  }
}

TEST_F(JournalConcurrency, NamesChangeWhileJournalsAreAppendedTo) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 50;
  start(kThreads, [&](int thread) {
    const std::string name = "j" + std::to_string(thread);
    for (int i = 0; i < kRounds; ++i) {
      const auto journal = store_->create(name, {});
      ASSERT_TRUE(journal) << to_string(journal.error());
      ASSERT_TRUE((*journal)->append(as_bytes(numbered(thread, 0))));
      ASSERT_TRUE(store_->rename(name, name + "-renamed", false));
      ASSERT_TRUE((*journal)->append(as_bytes(numbered(thread, 1))));
      ASSERT_TRUE((*journal)->set_attributes((*journal)->attributes()));
      ASSERT_TRUE(store_->list(""));
      ASSERT_TRUE(store_->make_directory(name, {}));
      ASSERT_TRUE(store_->remove_directory(name));
      ASSERT_TRUE(store_->remove(name + "-renamed"));
      EXPECT_EQ(all_records(*journal).size(), 2U);
      ASSERT_TRUE((*journal)->sync());
    }
  }).clear();
  EXPECT_TRUE(store_->list("")->empty());
  EXPECT_TRUE(store_->sync());
}

TEST(GroupCommit, CallersThatWaitShareOneSync) {
  constexpr int kCallers = 8;
  SimEnv machine;
  GateEnv env(machine);
  auto store = LocalStore::open(env, "/store", {}, false).value();
  const auto app = store->create("app", {}).value();
  ASSERT_TRUE(app->append(as_bytes("first\n")));
  ASSERT_TRUE(store->sync());
  ASSERT_TRUE(app->append(as_bytes("second\n")));
  const int before = env.syncs();
  env.close_gate();
  std::jthread first([&] { EXPECT_TRUE(app->sync()); });
  env.wait_until_reached();
  // All of these append, and ask for a sync, behind the one that is under way.
  std::latch appended(kCallers);
  std::vector<std::jthread> others;
  others.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    others.emplace_back([&] {
      const auto end = app->append(as_bytes("more\n"));
      EXPECT_TRUE(end);
      appended.count_down();
      const auto synced = app->sync();
      ASSERT_TRUE(synced);
      EXPECT_GE(synced->offset, *end);
      EXPECT_GE(app->extent().synced, *end);
    });
  }
  appended.wait();
  EXPECT_EQ(app->extent().synced, ByteOffset(6)) << "no sync has returned yet";
  env.open_gate();
  first.join();
  others.clear();
  EXPECT_EQ(env.syncs() - before, 2 * 2) << "two syncs, of two files each";
}

TEST(GroupCommit, SyncingTheStoreWaitsForTheSyncUnderWay) {
  SimEnv machine;
  GateEnv env(machine);
  auto store = LocalStore::open(env, "/store", {}, false).value();
  const auto app = store->create("app", {}).value();
  ASSERT_TRUE(store->sync());
  ASSERT_TRUE(app->append(as_bytes("one\n")));
  env.close_gate();
  std::jthread first([&] { EXPECT_TRUE(app->sync()); });
  env.wait_until_reached();
  ASSERT_TRUE(app->append(as_bytes("two\n")));
  std::jthread second([&] {
    EXPECT_TRUE(store->sync());
    EXPECT_EQ(app->extent().synced, ByteOffset(8));
  });
  env.open_gate();
}

TEST(GroupCommit, AppendsGoOnWhileASyncIsUnderWay) {
  SimEnv machine;
  GateEnv env(machine);
  auto store = LocalStore::open(env, "/store", {}, false).value();
  const auto app = store->create("app", {}).value();
  ASSERT_TRUE(app->append(as_bytes("one\n")));
  ASSERT_TRUE(store->sync());
  ASSERT_TRUE(app->append(as_bytes("two\n")));
  env.close_gate();
  std::jthread syncing([&] { EXPECT_TRUE(app->sync()); });
  env.wait_until_reached();
  ASSERT_TRUE(app->append(as_bytes("three\n")));
  std::string text(14, '\0');
  EXPECT_EQ(app->read({}, std::as_writable_bytes(std::span(text))).value(), 14U);
  EXPECT_EQ(app->extent().synced, ByteOffset(4));
  env.open_gate();
  syncing.join();
  EXPECT_EQ(app->extent().synced, ByteOffset(8)) << "what came later is not covered";
}

// Everything that can happen to a journal at once, on two journals.
TEST_F(JournalConcurrency, AppendsReadsRollsTrimsSyncsAndReopeningGoTogether) {
  const int rounds = 3;
  const int appends = 3000;
  Attributes attributes;
  attributes.max_records = 1000;
  std::vector<int> written(2, 0);
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::shared_ptr<Journal>> journals;
    for (const char* path : {"a", "b"})
      journals.push_back(*store_->get_or_create(path, attributes));
    std::atomic<int> appending = 2;
    auto writers = start(2, [&](int writer) {
      const auto i = static_cast<size_t>(writer);
      for (int n = 0; n < appends; ++n) {
        ASSERT_TRUE(journals[i]->append(as_bytes(numbered(writer, written[i]++))));
      }
      --appending;
    });
    auto others = start(6, [&](int other) {
      const auto& journal = journals[static_cast<size_t>(other % 2)];
      Cursor cursor(journal);
      while (appending > 0) {
        if (other < 2) {
          // Each record is intact and says its own number, whatever is dropped meanwhile.
          const auto record = cursor.next();
          ASSERT_TRUE(record) << to_string(record.error());
          if (!*record) continue;
          const auto number = static_cast<int>((*record)->number.value());
          ASSERT_EQ(as_text((*record)->bytes), numbered(other % 2, number));
        } else if (other < 4) {
          ASSERT_TRUE(journal->sync());
          ASSERT_TRUE(journal->set_attributes(journal->attributes()));
        } else {
          const auto chunks = journal->chunks();
          if (chunks.size() < 2) continue;
          ASSERT_TRUE(journal->trim(chunks[chunks.size() / 3].id));
          ASSERT_TRUE(store_->apply_retention());
        }
      }
    });
    for (auto* threads : {&writers, &others}) {
      for (std::jthread& thread : *threads) thread.join();
    }
    journals.clear();
    ASSERT_TRUE(store_->close());
    store_.reset();
    open_store();
    for (int writer = 0; writer < 2; ++writer) {
      const auto journal = *store_->Store::open(writer == 0 ? "a" : "b");
      auto number = static_cast<int>(journal->extent().begin.record.value());
      EXPECT_GT(number, 0);
      for (const std::string& record : all_records(journal)) {
        ASSERT_EQ(record, numbered(writer, number++));
      }
      EXPECT_EQ(number, written[static_cast<size_t>(writer)]);
    }
  }
}

}  // namespace
}  // namespace range
