// One bound on the mappings of a process, and what goes on without any.

#include "journal/env/mapping_slot.h"

#include <gtest/gtest.h>

#include "journal/store.h"
#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

class MappingSlots : public EngineTest {
 protected:
  static constexpr int kLines = 2000;

  void TearDown() override {
    store_.reset();
    MappingSlot::set_max(max_before_);
  }

  // With chunks mapped however small they are, and in few files at a time.
  void open_with(Env& env, size_t open_files_max) {
    MappingSizes mapping;
    mapping.read_bytes_min = 1;
    options_.open_files_max = open_files_max;
    store_.reset();
    auto store = LocalStore::open(env, "/store", options_, /*background=*/false, mapping);
    ASSERT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
  }

  // All records, each as every kind of read finds it.
  void expect_all_there(const std::shared_ptr<Journal>& app) {
    EXPECT_EQ(records(app), lines(0, kLines));
    Cursor cursor(app);
    for (int i = 0; i < kLines; ++i) {
      const int at = (i * 7919) % kLines;
      ASSERT_TRUE(cursor.seek(RecordNumber(static_cast<uint64_t>(at))));
      const auto record = cursor.next();
      ASSERT_TRUE(record && *record) << to_string(record.error());
      ASSERT_EQ(as_text((*record)->bytes), line(at));
      std::string text(100, '\0');
      const ByteOffset offset(static_cast<uint64_t>(at) * 100);
      ASSERT_TRUE(app->read(offset, std::as_writable_bytes(std::span(text))));
      ASSERT_EQ(text, line(at));
    }
  }

  const uint64_t max_before_ = MappingSlot::max();
};

TEST_F(MappingSlots, WithoutAnyLeftReadersAndAppendersGoOn) {
  for (const uint64_t max : {uint64_t{0}, uint64_t{1}, uint64_t{3}, max_before_}) {
    SCOPED_TRACE(max);
    MappingSlot::set_max(max);
    open_with(*env_, 20);
    const auto app = journal(std::to_string(max));
    uint64_t most = 0;
    for (int i = 0; i < kLines; ++i) {
      append(*app, line(i));
      most = std::max(most, MappingSlot::taken());
    }
    expect_all_there(app);
    most = std::max(most, MappingSlot::taken());
    EXPECT_LE(most, max);
    EXPECT_EQ(most > 0, max > 0) << "none was wanted";
    ASSERT_TRUE(app->sync());
  }
  store_.reset();
  EXPECT_EQ(MappingSlot::taken(), 0U);
}

TEST_F(MappingSlots, AChunkThatNobodyUsesGivesUpItsOwn) {
  append_lines(*journal(), 0, kLines);
  sync_all();
  sync_all();
  open_with(*env_, 1000);
  MappingSlot::set_max(2);
  const auto app = journal();
  std::vector<std::byte> bytes(100);
  for (const ChunkInfo& chunk : app->chunks()) {
    int reads = 0;
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      reads += call.kind == CallKind::kRead && call.path.ends_with(".dat") ? 1 : 0;
      return std::nullopt;
    });
    ASSERT_TRUE(app->read(chunk.first_byte, bytes));
    ASSERT_EQ(reads, 0) << "it was not mapped";
    ASSERT_EQ(MappingSlot::taken(), 2U);
  }
  env_->set_fault_hook({});
}

// Each that has to read a chunk would keep its files open.
TEST_F(MappingSlots, ManyReadersWithoutAnyShareFewDescriptors) {
  append_lines(*journal(), 0, kLines);
  sync_all();
  sync_all();
  GateEnv counting(*env_);
  open_with(counting, 20);
  MappingSlot::set_max(0);
  const auto app = journal();
  const std::vector<ChunkInfo> chunks = app->chunks();
  ASSERT_GE(chunks.size(), 40U);
  std::vector<Cursor> cursors;
  for (const ChunkInfo& chunk : chunks) {
    ASSERT_TRUE(cursors.emplace_back(app).seek(chunk.first_record));
  }
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < cursors.size(); ++i) {
      const auto record = cursors[i].next();
      ASSERT_TRUE(record && *record);
      ASSERT_EQ(as_text((*record)->bytes),
                line(static_cast<int>(chunks[i].first_record.value()) + round));
    }
  }
  EXPECT_LE(counting.open_files_max(), 20 + 8);
  cursors.clear();
  store_.reset();  // before the environment that it uses
}

TEST(MappingsOfAProcess, NoFileIsMappedWithoutASlot) {
  const TemporaryDirectory directory;
  const auto file = *posix_env().open(directory.path() / "file", Env::OpenMode::kCreateNew);
  ASSERT_TRUE(file->truncate(1));
  const uint64_t max_before = MappingSlot::set_max(MappingSlot::taken() + 1);
  auto first = file->map(0, 1, File::Access::kRead);
  EXPECT_TRUE(first);
  const auto second = file->map(0, 1, File::Access::kRead);
  EXPECT_TRUE(!second && second.error().sys_errno == ENOMEM);
  if (first) first->reset();
  EXPECT_TRUE(file->map(0, 1, File::Access::kRead)) << "there is one again";
  MappingSlot::set_max(max_before);
}

// On the real system: with 16 chunks mapped for each of these there is no mapping left for malloc.
TEST(MappingsOfAProcess, AreEnoughForThousandsOfCursorsOnManyChunks) {
  constexpr size_t kCursors = 2400;
  constexpr size_t kChunks = 16;
  const TemporaryDirectory directory;
  StoreOptions options;
  options.sync_interval = std::chrono::hours(1);
  options.chunk_size = 33 << 10;
  options.open_files_max = 2;  // so that each cursor opens a chunk anew
  const auto store = *open_store(directory.path() / "store", options);
  const auto app = *store->create("app", Attributes());
  for (int i = 0; app->chunks().size() <= kChunks; ++i) {
    ASSERT_TRUE(app->append(as_bytes(std::to_string(i) + std::string(1000, '.') + '\n')));
  }
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(store->sync());
  const std::vector<ChunkInfo> chunks = app->chunks();
  std::vector<Cursor> cursors;
  for (size_t i = 0; i < kCursors; ++i) {
    Cursor& cursor = cursors.emplace_back(app);
    for (size_t chunk = 0; chunk < kChunks; ++chunk) {
      ASSERT_TRUE(cursor.seek(chunks[chunk].first_record));
      const auto record = cursor.next();
      ASSERT_TRUE(record && *record);
      const std::string number = std::to_string(chunks[chunk].first_record.value());
      ASSERT_TRUE(as_text((*record)->bytes).starts_with(number + '.'));
    }
  }
  EXPECT_GT(MappingSlot::taken(), 0U);
  EXPECT_LE(MappingSlot::taken(), kCursors * 2 + 100);
}

}  // namespace
}  // namespace range
