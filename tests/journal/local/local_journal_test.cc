// The local engine through its public API, on a simulated file system.

#include "journal/local/local_journal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "journal/cursor.h"
#include "journal/local/local_store.h"
#include "tests/support/sim_env.h"

namespace range {
namespace {

constexpr const char* kStore = "/store";

class LocalJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.chunk_size = 4096;
    reopen();
  }

  void reopen() {
    journal_.reset();
    if (store_) {
      ASSERT_TRUE(store_->close());
    }
    store_.reset();
    auto store = LocalStore::open(env_, kStore, options_, /*background=*/false);
    ASSERT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
    auto entry = store_->look_up("app");
    ASSERT_TRUE(entry) << to_string(entry.error());
    auto journal =
        *entry ? store_->open(JournalId((*entry)->id), "app") : store_->create("app", Attributes());
    ASSERT_TRUE(journal) << to_string(journal.error());
    journal_ = *std::move(journal);
  }

  void append(std::string_view text) {
    const auto appended = journal_->append(as_bytes(text));
    ASSERT_TRUE(appended) << to_string(appended.error());
    expected_ += text;
  }

  std::string read_all(ByteOffset from = {}) {
    std::string text(expected_.size() + 1, '\0');
    const auto got = journal_->read(from, std::as_writable_bytes(std::span(text)));
    EXPECT_TRUE(got) << to_string(got.error());
    text.resize(got ? *got : 0);
    return text;
  }

  std::vector<std::string> records() {
    std::vector<std::string> found;
    Cursor cursor(journal_);
    for (;;) {
      const auto record = cursor.next();
      EXPECT_TRUE(record) << to_string(record.error());
      if (!record || !*record) return found;
      found.emplace_back(as_text((*record)->bytes));
    }
  }

  Location seek(const PositionSpec& spec, RecordNumber here = {}) {
    const auto found = journal_->seek(spec, here);
    EXPECT_TRUE(found) << to_string(found.error());
    return found ? *found : Location();
  }

  SimEnv env_;
  StoreOptions options_;
  std::unique_ptr<LocalStore> store_;
  std::shared_ptr<Journal> journal_;
  std::string expected_;
};

TEST_F(LocalJournalTest, ReadsBackWhatWasAppended) {
  append("hello\n");
  append("two\nlines\n");
  EXPECT_EQ(read_all(), "hello\ntwo\nlines\n");
  EXPECT_EQ(records(), (std::vector<std::string>{"hello\n", "two\n", "lines\n"}));
  reopen();
  EXPECT_EQ(read_all(), expected_);
  append("more\n");
  EXPECT_EQ(read_all(), expected_);
}

TEST_F(LocalJournalTest, AnOpenLineIsContinuedByTheNextAppend) {
  append("one ");
  append("line");
  EXPECT_EQ(journal_->extent().open_bytes, 8U);
  EXPECT_TRUE(records().empty());
  append(" only\nnext");
  EXPECT_EQ(records(), (std::vector<std::string>{"one line only\n"}));
  EXPECT_EQ(journal_->extent().end.record, RecordNumber(2));
  reopen();
  append("!\n");
  EXPECT_EQ(records(), (std::vector<std::string>{"one line only\n", "next!\n"}));
}

TEST_F(LocalJournalTest, RollsBetweenRecordsAndSeeksAcrossChunks) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < 1000; ++i) {
    lines.push_back("line " + std::to_string(i) + std::string(i % 60, 'x') + "\n");
    append(lines.back());
  }
  EXPECT_GT(journal_->info()->chunks, 5U);
  EXPECT_EQ(records(), lines);
  EXPECT_EQ(read_all(), expected_);
  for (size_t i = 0; i <= 1000; i += 37) {
    const Location place = seek(RecordNumber(i));
    EXPECT_EQ(place.record, RecordNumber(i));
    EXPECT_EQ(seek(place.position), place);
    EXPECT_TRUE(read_all(place.offset).starts_with(i < 1000 ? lines[i] : ""));
    EXPECT_EQ(seek(BeforeEnd{1000 - i}), place);
  }
  Cursor cursor(journal_);
  ASSERT_TRUE(cursor.seek(AtEnd()));
  for (size_t i = 1000; i-- > 0;) {
    const auto record = cursor.previous();
    ASSERT_TRUE(record && *record);
    EXPECT_EQ(as_text((*record)->bytes), lines[i]);
  }
}

// As a chunk that is begun is not, if it cannot be removed again.
TEST_F(LocalJournalTest, ANewChunkStepsOverFilesThatAreInItsPlace) {
  const std::string line(1000, 'x');
  for (int i = 0; i < 5; ++i) append(line + '\n');
  int refused = 0;
  env_.set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    const bool index = call.kind == CallKind::kCreate && call.path.ends_with(".idx");
    const bool removal = call.kind == CallKind::kRemoveFile && call.path.ends_with(".dat");
    refused += index || removal ? 1 : 0;
    return index || removal ? std::optional(Fault{ENOSPC, 0}) : std::nullopt;
  });
  EXPECT_FALSE(journal_->append(as_bytes("refused\n")));
  EXPECT_EQ(refused, 2);
  env_.set_fault_hook({});
  const ChunkId last = journal_->chunks().back().id;
  append("behind it\n");  // the clock stands: the same place would be the next
  EXPECT_EQ(journal_->chunks().back().id, last + 2 * (kHostMask + 1));
  EXPECT_EQ(read_all(), expected_);
  reopen();
  append("and on\n");
  EXPECT_EQ(read_all(), expected_);
}

}  // namespace
}  // namespace range
