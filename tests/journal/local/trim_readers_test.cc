// Readers of journals whose old chunks are dropped.

#include <gtest/gtest.h>

#include "tests/support/gate_env.h"
#include "tests/support/trimming_test.h"

namespace range {
namespace {

using std::chrono::milliseconds;

// In small chunks, which are read through buffers, and in mapped ones.
class ReadersOfDropped : public TrimmingTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    options_.chunk_size = static_cast<uint64_t>(GetParam()) * 100;
    open_store();
  }

  static std::vector<std::string> read(Cursor& cursor, int count) {
    std::vector<std::string> found;
    for (int i = 0; i < count; ++i) {
      const auto record = cursor.next();
      if (!record || !*record) break;
      found.emplace_back(as_text((*record)->bytes));
    }
    return found;
  }
};

TEST_P(ReadersOfDropped, FinishTheChunkAndGoOnWithTheOldestRecord) {
  const int chunk = GetParam();
  const auto app = filled(3 * chunk);
  Cursor cursor(app);
  Cursor late(app);
  EXPECT_EQ(read(cursor, 10), lines(0, 10));
  drop_chunks(*app, 2);
  EXPECT_EQ(read(cursor, chunk - 10), lines(10, chunk - 10));
  EXPECT_EQ(read(cursor, 10), lines(2 * chunk, 10));
  EXPECT_EQ(read(late, 10), lines(2 * chunk, 10));
}

TEST_P(ReadersOfDropped, FinishAlsoTheChunkThatTookAppends) {
  const int chunk = GetParam();
  const auto app = filled(chunk / 2);
  Cursor cursor(app);
  EXPECT_EQ(read(cursor, 2), lines(0, 2));
  append_lines(*app, chunk / 2, chunk);
  drop_chunks(*app, 2);
  append(*app, "next\n");
  std::vector<std::string> expected = lines(2, chunk - 2);
  expected.emplace_back("next\n");
  EXPECT_EQ(read(cursor, 10 * chunk), expected);
}

INSTANTIATE_TEST_SUITE_P(Chunks, ReadersOfDropped, testing::Values(kLinesInChunk, 1000));
TEST_F(TrimmingTest, AReaderThatCannotBeServedDoesNotStopIt) {
  options_.chunk_size = 100'000;
  reopen();
  auto app = filled(900);
  Cursor cursor(app);
  ASSERT_TRUE(cursor.next());  // begins to read a chunk that grows
  append_lines(*app, 900, 300);
  for (int i = 0; i < 2; ++i) sync_all();
  for (int i = 0; i < 2; ++i) store_->let_go_of_idle();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kOpen && call.path.ends_with(".dat")) return Fault{EIO, 0};
    return {};
  });
  const ChunkId first = app->chunks()[0].id;
  EXPECT_EQ(code(app->trim(first)), Errc::kIo) << "the chunk to go on with cannot be opened";
  EXPECT_EQ(first_line(*app), 0);
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    const bool gone = call.path.ends_with(chunk_file_name(first, ".dat"));
    if (call.kind == CallKind::kOpen && gone) return Fault{EIO, 0};
    return {};
  });
  drop_chunks(*app, 1);
  EXPECT_GT(first_line(*app), 900);
}

// --- trims that come between ---

class TrimBetween : public testing::Test {
 protected:
  void open(uint64_t chunk_size) {
    StoreOptions options;
    options.chunk_size = chunk_size;
    store_ = *LocalStore::open(env_, "/store", options, /*background=*/false);
    app_ = *store_->create("app", {});
  }

  void append(int count) {
    const std::vector<std::byte> record(100);
    for (int i = 0; i < count; ++i) {
      machine_.advance(milliseconds(10));
      ASSERT_TRUE(app_->append_records({{record}}));
    }
  }

  // When a file is opened next, the chunk is dropped.
  void drop_at_next_open(ChunkId chunk) {
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_->sync());
    for (int i = 0; i < 2; ++i) store_->let_go_of_idle();
    env_.on_open = [this, chunk](const Path& path) {
      if (path.extension() != ".dat") return;
      env_.on_open = {};
      ASSERT_TRUE(app_->trim(chunk));
    };
  }

  SimEnv machine_;
  GateEnv env_{machine_};
  std::unique_ptr<LocalStore> store_;
  std::shared_ptr<Journal> app_;
};

TEST_F(TrimBetween, ASeekLeadsToTheOldestRecord) {
  open(4096);
  append(200);
  const auto seek = [&](const auto& spec_in) {
    const ChunkInfo chunk = app_->chunks()[1];
    drop_at_next_open(chunk.id);
    const auto found = app_->seek(spec_in(chunk));
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_EQ(found->record, app_->extent().begin.record);
    EXPECT_GT(found->record, chunk.first_record);
  };
  seek([](const ChunkInfo& chunk) { return PositionSpec(chunk.start + milliseconds(50)); });
  seek([](const ChunkInfo& chunk) { return PositionSpec(chunk.first_record + 5); });
}

TEST_F(TrimBetween, AReaderFinishesTheChunkThatItBeganWhileThatGrew) {
  open(100'000);
  append(900);
  RecordBatch batch;
  ASSERT_TRUE(app_->read_records(RecordNumber(), 900, 1 << 20, batch));
  append(2000);
  drop_at_next_open(app_->chunks()[0].id);
  ASSERT_TRUE(app_->read_records(RecordNumber(900), 10, 1 << 20, batch));
  EXPECT_FALSE(env_.on_open) << "no file was opened";
  EXPECT_EQ(batch.items.size(), 10U);
  EXPECT_GT(app_->extent().begin.record, RecordNumber(910));
}
}  // namespace
}  // namespace range
