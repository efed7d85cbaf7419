#include "journal/local/chunk_files.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/sim_env.h"

namespace range {
namespace {

class ChunkFileCacheTest : public ::testing::Test {
 protected:
  static constexpr JournalId kOne{1};
  static constexpr JournalId kTwo{2};

  void SetUp() override {
    for (const JournalId journal : {kOne, kTwo}) {
      ASSERT_TRUE(env_.make_directory(directory(journal)));
      for (uint64_t chunk = 1; chunk <= kChunks; ++chunk) {
        for (const char* suffix : {".dat", ".idx"}) {
          const Path path = directory(journal) / chunk_file_name(ChunkId(chunk), suffix);
          ASSERT_TRUE(env_.open(path, Env::OpenMode::kCreateNew));
        }
      }
    }
  }
  static Path directory(JournalId journal) { return "/" + std::to_string(journal.value()); }
  std::shared_ptr<ChunkFiles> open(JournalId journal, uint64_t chunk) {
    return cache_.open(directory(journal), journal, ChunkId(chunk)).value();
  }
  // Whether it is open already. It is afterwards.
  bool is_open(JournalId journal, uint64_t chunk) {
    const uint64_t before = env_.calls();
    open(journal, chunk);
    return env_.calls() == before;
  }

  static constexpr uint64_t kChunks = 4;
  SimEnv env_;
  ChunkFileCache cache_{env_, /*descriptors_max=*/12, /*read_only=*/false};
};

TEST_F(ChunkFileCacheTest, KeepsTheLastUsedOpen) {
  for (uint64_t chunk = 1; chunk <= kChunks; ++chunk) open(kOne, chunk);
  for (uint64_t chunk = 1; chunk <= 2; ++chunk) open(kTwo, chunk);
  EXPECT_TRUE(is_open(kOne, 1));
  open(kTwo, 3);
  EXPECT_TRUE(is_open(kOne, 1));
  EXPECT_FALSE(is_open(kOne, 2));
}

TEST_F(ChunkFileCacheTest, KeepsWhatIsInUseThoughItBeTooMany) {
  std::vector<std::shared_ptr<ChunkFiles>> used;
  for (const JournalId journal : {kOne, kTwo}) {
    for (uint64_t chunk = 1; chunk <= kChunks; ++chunk) used.push_back(open(journal, chunk));
  }
  EXPECT_TRUE(cache_.overfull());
  EXPECT_EQ(open(kOne, 1), used[0]);
  used.resize(6);
  EXPECT_FALSE(cache_.overfull());
  EXPECT_TRUE(is_open(kOne, 1));
  EXPECT_FALSE(is_open(kTwo, kChunks));
}

TEST_F(ChunkFileCacheTest, ForgetsTheChunksOfOneJournal) {
  for (uint64_t chunk = 1; chunk <= 3; ++chunk) {
    open(kOne, chunk);
    open(kTwo, chunk);
  }
  const auto used = open(kOne, 1);
  cache_.erase(kOne);
  cache_.erase(kOne);
  for (uint64_t chunk = 1; chunk <= 3; ++chunk) EXPECT_TRUE(is_open(kTwo, chunk)) << chunk;
  for (uint64_t chunk = 1; chunk <= 3; ++chunk) EXPECT_FALSE(is_open(kOne, chunk)) << chunk;
  EXPECT_NE(open(kOne, 1), used);
}

TEST_F(ChunkFileCacheTest, ForgetsOneChunk) {
  open(kOne, 1);
  open(kOne, 2);
  cache_.erase(kOne, ChunkId(1));
  cache_.erase(kTwo, ChunkId(1));
  EXPECT_TRUE(is_open(kOne, 2));
  EXPECT_FALSE(is_open(kOne, 1));
}

TEST_F(ChunkFileCacheTest, ClosesWhatIsIdle) {
  open(kOne, 1);
  const auto used = open(kOne, 2);
  cache_.close_idle();
  open(kTwo, 1);
  cache_.close_idle();
  EXPECT_TRUE(is_open(kTwo, 1));
  EXPECT_EQ(open(kOne, 2), used);
  EXPECT_FALSE(is_open(kOne, 1));
}

}  // namespace
}  // namespace range
