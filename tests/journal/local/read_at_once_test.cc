// What is read from memory, and what is not: on a simulated machine, whose pages are in memory as
// the test says, and on the real file system, whose cache is dropped.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>

#include "journal/store.h"
#include "tests/support/engine_test.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

// The bytes, or nothing.
std::optional<std::string> read_hot(Journal& journal, uint64_t from, size_t size) {
  std::string text(size, '\0');
  const auto got = journal.read_at_once(ByteOffset(from), std::as_writable_bytes(std::span(text)));
  EXPECT_TRUE(got) << to_string(got.error());
  if (!got || !*got) return std::nullopt;
  text.resize(**got);
  return text;
}

// Chunks that are read through mappings or through buffers, with entries in several pages.
class ReadAtOnce : public EngineTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    options_.chunk_size = 20'000;
    reopen_closed();
    app_ = journal();
    for (int i = 0; text_.size() < 70'000; ++i) {
      const std::string line = std::to_string(i) + std::string(size_t(8 + i % 17), '.') + '\n';
      append(*app_, line);
      text_ += line;
    }
    chunks_ = app_->chunks();
    ASSERT_GE(chunks_.size(), 3U);
    ASSERT_EQ(read_all(*app_), text_);
    env_->set_fault_hook([this](const Call& call) {
      if (call.kind == CallKind::kMap) ++maps_;
      if (call.kind == CallKind::kOpen) ++opens_;
      return std::optional<Fault>();
    });
  }
  void TearDown() override {
    app_.reset();
    env_->set_fault_hook({});
  }

  void reopen_closed() {
    MappingSizes mapping;
    mapping.read_bytes_min = GetParam() ? 1 : UINT64_MAX;
    app_.reset();
    store_.reset();
    auto store = LocalStore::open(*env_, "/store", options_, /*background=*/false, mapping);
    ASSERT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
  }

  Path file(size_t chunk, const char* extension) const {
    return directory_of(app_->id()) / chunk_file_name(chunks_[chunk].id, extension);
  }
  uint64_t begin_of(size_t chunk) const { return chunks_[chunk].first_byte.value(); }

  // A page is not in memory; touching it is noticed: a mapping that fails is made anew.
  void set_cold(const Path& path, uint64_t offset, bool cold) {
    env_->set_in_memory(path, offset, !cold);
    env_->set_readable(path, offset, !cold);
  }
  void set_all_cold(const Path& path, bool cold) {
    const uint64_t size = env_->read_all(path).size();
    for (uint64_t at = 0; at < size; at += kCachePageBytes) set_cold(path, at, cold);
  }

  void expect_hot(uint64_t from, size_t size) {
    const auto got = read_hot(*app_, from, size);
    ASSERT_TRUE(got) << size << " bytes at " << from;
    const std::string expected = text_.substr(std::min<uint64_t>(from, text_.size()), size);
    EXPECT_TRUE(*got == expected) << size << " bytes at " << from;
  }
  void expect_cold(uint64_t from, size_t size) {
    EXPECT_FALSE(read_hot(*app_, from, size)) << size << " bytes at " << from;
  }

  std::shared_ptr<Journal> app_;
  std::string text_;
  std::vector<ChunkInfo> chunks_;
  std::atomic<int> maps_ = 0;
  std::atomic<int> opens_ = 0;
};

TEST_P(ReadAtOnce, GivesWhatReadGives) {
  expect_hot(0, text_.size() + 1);
  expect_hot(begin_of(1) - 100, 200);
  expect_hot(text_.size() - 1, 100);
  expect_hot(text_.size(), 100);
  expect_hot(text_.size() + 1'000'000, 100);
  expect_hot(5, 0);
  append(*app_, "more\n");
  text_ += "more\n";
  expect_hot(text_.size() - 5, 100);
}

TEST_P(ReadAtOnce, TellsWhatWasDropped) {
  ASSERT_TRUE(app_->trim(chunks_[0].id));
  std::vector<std::byte> into(10);
  EXPECT_EQ(app_->read_at_once(ByteOffset(0), into).error().code, Errc::kDropped);
}

TEST_P(ReadAtOnce, PayloadThatIsNotInMemoryIsNotRead) {
  const uint64_t page = 2 * kCachePageBytes;
  set_cold(file(1, ".dat"), page, true);
  const uint64_t cold = begin_of(1) + page;
  expect_cold(cold, 1);
  expect_cold(cold + kCachePageBytes - 1, 1);
  expect_cold(cold - 5000, 10'000);
  expect_cold(0, text_.size());
  expect_hot(cold - 2000, 1000);
  expect_hot(cold + kCachePageBytes + 100, 1000);
  expect_hot(0, begin_of(1));
}

// The line that is read from begins, or ends, in a page that is not.
TEST_P(ReadAtOnce, ARecordThatSticksOutOfWhatIsReadHasToBeInMemory) {
  const uint64_t page = 2 * kCachePageBytes;
  const uint64_t edge = begin_of(1) + page;
  ASSERT_NE(text_[edge - 1], '\n');
  set_cold(file(1, ".dat"), page, true);
  expect_cold(edge - 1, 1);
  set_cold(file(1, ".dat"), page, false);
  set_cold(file(1, ".dat"), page - 1, true);
  expect_cold(edge, 1);
}

TEST_P(ReadAtOnce, AnIndexThatIsNotInMemoryIsNotRead) {
  const Path index = file(1, ".idx");
  set_all_cold(index, true);
  for (uint64_t at = begin_of(1); at < begin_of(2); at += 500) expect_cold(at, 1);
  expect_cold(begin_of(1) - 100, 200);
  expect_hot(0, begin_of(1));
  set_all_cold(index, false);
  expect_hot(begin_of(1), 1000);
}

TEST_P(ReadAtOnce, EntriesThatAreNotNeededMayBeMissing) {
  constexpr uint64_t kPage = 3 * kCachePageBytes;
  const Path index = file(1, ".idx");
  ASSERT_GT(env_->read_all(index).size(), kPage + 2 * kCachePageBytes);
  set_cold(index, kPage, true);
  const auto byte_of = [this](uint64_t at) {  // lines are about as long as each other
    return begin_of(1) +
           (at - end_of_entries(0)) / kEntryBytes * chunks_[1].bytes / chunks_[1].records;
  };
  expect_cold(byte_of(kPage + kCachePageBytes / 2), 10);
  if (!GetParam()) return;  // a buffer takes in what is around
  expect_hot(byte_of(kPage + kCachePageBytes * 3 / 2), 10);
  expect_hot(byte_of(kPage - kCachePageBytes / 2), 10);
}

// Whatever page is not in memory, it is not touched, and what is given is right.
TEST_P(ReadAtOnce, NoPageThatIsNotInMemoryIsTouched) {
  const auto try_all = [this](bool all) {
    int given = 0;
    for (uint64_t from = 0; from < text_.size(); from += 1777) {
      for (const size_t size : {size_t{1}, size_t{300}, size_t{9000}}) {
        const auto got = read_hot(*app_, from, size);
        if (got) ++given;
        ASSERT_TRUE(got ? *got == text_.substr(from, size) : !all) << size << " bytes at " << from;
      }
    }
    EXPECT_GT(given, 0);
  };
  maps_ = 0;
  for (size_t chunk = 0; chunk < chunks_.size(); ++chunk) {
    for (const char* extension : {".dat", ".idx"}) {
      const Path path = file(chunk, extension);
      const uint64_t size = env_->read_all(path).size();
      for (uint64_t at = 0; at < size && !HasFatalFailure(); at += kCachePageBytes) {
        SCOPED_TRACE(path.filename().string() + " at " + std::to_string(at));
        set_cold(path, at, true);
        try_all(false);
        set_cold(path, at, false);
      }
    }
  }
  try_all(true);
  EXPECT_EQ(maps_, 0);
}

TEST_P(ReadAtOnce, FilesThatAreNotOpenAreNotOpened) {
  reopen_closed();
  app_ = journal();
  opens_ = 0;
  expect_cold(begin_of(1), 100);
  EXPECT_EQ(opens_, 0);
  ASSERT_EQ(read_all(*app_), text_);
  expect_hot(begin_of(1), 100);
}

TEST_P(ReadAtOnce, DamageIsFoundByWhoMayWait) {
  env_->corrupt(file(1, ".dat"), 500, 1);
  const uint64_t damaged = begin_of(1) + 500;
  expect_cold(damaged, 1);
  expect_cold(damaged - 200, 400);
  expect_hot(damaged - 200, 100);
  EXPECT_EQ(log_.take_text(), "");
  std::vector<std::byte> into(1);
  EXPECT_EQ(app_->read(ByteOffset(damaged), into).error().code, Errc::kCorrupt);
}

INSTANTIATE_TEST_SUITE_P(Mapped, ReadAtOnce, testing::Bool());

// A journal of one chunk, synced, whose files nobody has mapped: of those the kernel drops nothing.
class ReadOfRealFiles : public testing::Test {
 protected:
  void SetUp() override {
    struct ::statfs found {};
    ASSERT_EQ(::statfs(directory_.path().c_str(), &found), 0);
    if (found.f_type == TMPFS_MAGIC) GTEST_SKIP() << "what is in memory stays there";
    StoreOptions options;
    options.sync_interval = std::chrono::hours(1);
    store_ = *open_store(directory_.path() / "store", options);
    app_ = *store_->create("app", Attributes());
  }

  // In lines of 16 bytes: there are as many entries.
  void append(size_t bytes) {
    for (int i = 0; text_.size() < bytes; ++i) {
      std::string line = std::to_string(i);
      line.resize(15, '.');
      text_ += line + '\n';
    }
    ASSERT_TRUE(app_->append(as_bytes(text_)));
    ASSERT_TRUE(app_->sync());
  }

  void drop_from_memory(const char* extension) {
    const auto chunks = directory_.path() / "store/chunks";
    for (const auto& entry : boost::filesystem::recursive_directory_iterator(chunks)) {
      if (entry.path().extension() != extension) continue;
      const int fd = ::open(entry.path().c_str(), O_RDWR | O_CLOEXEC);
      ASSERT_GE(fd, 0);
      EXPECT_EQ(::fdatasync(fd), 0);
      EXPECT_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
      ::close(fd);
    }
  }

  void expect_cold_until_read() {
    const uint64_t from = text_.size() / 2;
    EXPECT_FALSE(read_hot(*app_, from, 1000));
    std::vector<std::byte> into(1000);
    ASSERT_EQ(app_->read(ByteOffset(from), into).value(), into.size());
    EXPECT_EQ(read_hot(*app_, from, 1000), text_.substr(from, 1000));
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<Journal> app_;
  std::string text_;
};

TEST_F(ReadOfRealFiles, WhatWasJustAppendedIsInMemory) {
  append(300'000);
  EXPECT_EQ(read_hot(*app_, 0, text_.size() + 1), text_);
}

TEST_F(ReadOfRealFiles, PayloadThatTheKernelHasDropped) {
  append(300'000);
  drop_from_memory(".dat");
  expect_cold_until_read();
}

TEST_F(ReadOfRealFiles, AnIndexThatTheKernelHasDropped) {
  append(300'000);
  drop_from_memory(".idx");
  expect_cold_until_read();
}

TEST_F(ReadOfRealFiles, ASmallChunkIsReadAtOnceOnlyFromMemory) {
  append(8000);
  EXPECT_EQ(read_hot(*app_, 0, text_.size() + 1), text_);
  drop_from_memory(".dat");
  expect_cold_until_read();
}

}  // namespace
}  // namespace range
