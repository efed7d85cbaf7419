// A fixture for tests of the local engine on a simulated machine.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "journal/cursor.h"
#include "journal/local/local_store.h"
#include "tests/support/log_lines.h"
#include "tests/support/sim_env.h"

namespace range {

// A store at "/store" of a simulated machine, opened without its background thread, and journals in
// it by name. Chunks are as small as they may be.
class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    options_.chunk_size = 4096;
    options_.log = log_.sink();
  }

  void SetUp() override { open_store(); }

  // --- opening, and the ways in which it ends; journals must be let go of before ---

  void open_store() {
    auto store = LocalStore::open(*env_, "/store", options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
  }

  void reopen() {
    ASSERT_TRUE(store_->close());
    store_.reset();
    open_store();
  }

  void kill() { go_on_in(env_->after_kill()); }
  void lose_power(const Survival& survival) { go_on_in(env_->after_power_loss(survival)); }

  // --- journals ---

  // The journal of this name, created if there is none.
  std::shared_ptr<Journal> journal(std::string_view path = "app") {
    const auto entry = store_->look_up(path);
    EXPECT_TRUE(entry) << to_string(entry.error());
    auto opened =
        *entry ? store_->open(JournalId((*entry)->id), path) : store_->create(path, Attributes());
    EXPECT_TRUE(opened) << to_string(opened.error());
    return *std::move(opened);
  }

  static void append(Journal& journal, std::string_view text) {
    const auto appended = journal.append(as_bytes(text));
    ASSERT_TRUE(appended) << to_string(appended.error());
  }

  static void append_record(Journal& journal, std::string_view text) {
    const ConstBytes record = as_bytes(text);
    const auto appended = journal.append_records({&record, 1});
    ASSERT_TRUE(appended) << to_string(appended.error());
  }

  // Appends lines of 100 bytes, numbered from `first` on, one by one.
  static void append_lines(Journal& journal, int first, int count) {
    for (int i = first; i < first + count; ++i) append(journal, line(i));
  }

  static std::string line(int i) {
    std::string text = "line " + std::to_string(i) + ' ';
    text.resize(99, '.');
    return text + '\n';
  }

  static std::vector<std::string> lines(int first, int count) {
    std::vector<std::string> all;
    for (int i = first; i < first + count; ++i) all.push_back(line(i));
    return all;
  }

  static std::string read_all(Journal& journal, ByteOffset from = {}) {
    std::string text(journal.extent().end.offset.value() + 1, '\0');
    const auto got = journal.read(from, std::as_writable_bytes(std::span(text)));
    EXPECT_TRUE(got) << to_string(got.error());
    text.resize(got ? *got : 0);
    return text;
  }

  // All complete records; "(corrupt)" for those that are damaged.
  static std::vector<std::string> records(const std::shared_ptr<Journal>& journal) {
    std::vector<std::string> found;
    Cursor cursor(journal);
    for (;;) {
      const auto record = cursor.next();
      if (!record) {
        EXPECT_EQ(record.error().code, Errc::kCorrupt) << to_string(record.error());
        if (record.error().code != Errc::kCorrupt || found.size() > 100'000) return found;
        found.emplace_back("(corrupt)");
      } else if (!*record) {
        return found;
      } else {
        found.emplace_back(as_text((*record)->bytes));
      }
    }
  }

  static Time time_of(Journal& journal, RecordNumber record) {
    RecordBatch batch;
    EXPECT_TRUE(journal.read_records(record, 1, 1, batch));
    return batch.items.empty() ? Time() : batch.items.front().time;
  }

  // --- names ---

  template <typename T>
  static Errc code(const Result<T>& result) {
    EXPECT_FALSE(result);
    return result ? Errc::kIo : result.error().code;
  }

  std::set<std::string> names(std::string_view directory) {
    std::set<std::string> found;
    const auto entries = store_->list(directory);
    EXPECT_TRUE(entries) << to_string(entries.error());
    for (const NamedEntry& entry : *entries) found.insert(entry.name);
    return found;
  }

  bool has(std::string_view path) {
    const auto entry = store_->look_up(path);
    EXPECT_TRUE(entry) << to_string(entry.error());
    return entry && entry->has_value();
  }

  void make_directory(std::string_view path) {
    const auto made = store_->make_directory(path, Attributes());
    ASSERT_TRUE(made) << to_string(made.error());
  }

  void sync_all() {
    const Status synced = store_->sync();
    ASSERT_TRUE(synced) << to_string(synced.error());
  }

  // --- files ---

  static Path directory_of(JournalId id) {
    const std::string name = to_string(id);
    return Path("/store/chunks") / name.substr(0, 2) / name;
  }

  // The files of a journal whose names end in `ending`, in order.
  std::vector<Path> files(JournalId id, std::string_view ending) {
    std::vector<Path> found;
    const auto names = env_->list(directory_of(id));
    EXPECT_TRUE(names) << to_string(names.error());
    for (const DirectoryEntry& entry : *names) {
      if (entry.name.ends_with(ending)) found.push_back(directory_of(id) / entry.name);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  LogLines log_;
  std::unique_ptr<SimEnv> env_ = std::make_unique<SimEnv>();
  StoreOptions options_;
  std::unique_ptr<LocalStore> store_;

 private:
  void go_on_in(std::unique_ptr<SimEnv> later) {
    store_.reset();
    env_ = std::move(later);
    open_store();
  }
};

}  // namespace range
