// A journal in mapped files, on the real file system, when the files go away below it.

#include <gtest/gtest.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>

#include "journal/cursor.h"
#include "journal/store.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

namespace fs = boost::filesystem;

constexpr int kLines = 2000;

std::string line(int i) {
  std::string text = "line " + std::to_string(i) + ' ';
  text.resize(99, '.');
  return text + '\n';
}

class MappedJournal : public testing::Test {
 protected:
  void SetUp() override {
    StoreOptions options;
    options.sync_interval = std::chrono::hours(1);
    store_ = *open_store(directory_.path() / "store", options);
    journal_ = *store_->create("app", Attributes());
    for (int i = 0; i < kLines; ++i) ASSERT_TRUE(journal_->append(as_bytes(line(i))));
  }

  fs::path file(const char* extension) {
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path() / "store/chunks")) {
      if (entry.path().extension() == extension) return entry.path();
    }
    ADD_FAILURE() << "no " << extension;
    return {};
  }

  // How many records can be read one after the other from the first on.
  int readable() {
    Cursor cursor(journal_);
    int count = 0;
    for (auto record = cursor.next(); record && *record; record = cursor.next()) {
      EXPECT_EQ(as_text((*record)->bytes), line(count));
      ++count;
    }
    return count;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  std::shared_ptr<Journal> journal_;
};

TEST_F(MappedJournal, WhatWasCutOffIsCorruptAndTheRestStaysReadable) {
  ASSERT_EQ(readable(), kLines);
  fs::resize_file(file(".dat"), 50'050);
  EXPECT_EQ(readable(), 500);
  std::vector<std::byte> bytes(100);
  EXPECT_EQ(journal_->read(ByteOffset(49'900), bytes).value(), 100U);
  EXPECT_EQ(journal_->read(ByteOffset(60'000), bytes).error().code, Errc::kCorrupt);
}

TEST_F(MappedJournal, ADamagedRecordIsNotServedAndCostsNoOther) {
  {
    fs::fstream damaged(file(".dat"), std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(100 * 123 + 50);
    damaged.put('#');
  }
  Cursor cursor(journal_);
  for (int i = 0; i < kLines; ++i) {
    const auto record = cursor.next();
    if (i == 123) {
      ASSERT_FALSE(record);
      EXPECT_EQ(record.error().code, Errc::kCorrupt);
    } else {
      ASSERT_TRUE(record && *record) << i;
      EXPECT_EQ(as_text((*record)->bytes), line(i));
    }
  }
}

TEST_F(MappedJournal, AnAppendIntoAWindowThatIsGoneFailsForGood) {
  fs::resize_file(file(".dat"), 0);
  const auto appended = journal_->append(as_bytes(line(kLines)));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Errc::kIo);
  EXPECT_FALSE(journal_->append(as_bytes("more\n")));
  EXPECT_FALSE(journal_->info()->failure.empty());
}

TEST_F(MappedJournal, ABatchOutlivesItsJournal) {
  RecordBatch batch;
  ASSERT_TRUE(journal_->read_records(RecordNumber(7), 100, 1 << 20, batch));
  ASSERT_TRUE(store_->remove("app"));
  journal_.reset();
  ASSERT_TRUE(store_->close());
  store_.reset();
  ASSERT_EQ(batch.items.size(), 100U);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(as_text(batch.items[static_cast<size_t>(i)].bytes), line(7 + i));
  }
}

TEST_F(MappedJournal, ABatchServesSeveralJournalsInTurn) {
  const auto other = *store_->create("other", Attributes());
  for (int i = 0; i < kLines; ++i) ASSERT_TRUE(other->append(as_bytes(line(i + 1))));
  RecordBatch batch;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(journal_->read_records(RecordNumber(5), 1, 1, batch));
    EXPECT_EQ(as_text(batch.items.at(0).bytes), line(5));
    ASSERT_TRUE(other->read_records(RecordNumber(5), 1, 1, batch));
    EXPECT_EQ(as_text(batch.items.at(0).bytes), line(6));
  }
  ASSERT_TRUE(other->append(as_bytes(line(kLines + 1))));
  ASSERT_TRUE(other->read_records(RecordNumber(kLines), 1, 1, batch));
  EXPECT_EQ(as_text(batch.items.at(0).bytes), line(kLines + 1)) << "the chunk has grown";
}

}  // namespace
}  // namespace range
