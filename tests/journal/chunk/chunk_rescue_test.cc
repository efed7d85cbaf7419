// What is found in a chunk although its index is damaged, and that nothing wrong is.

#include <gtest/gtest.h>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

class ChunkRescue : public RecoveryTest {
 protected:
  static constexpr uint64_t kRecordAt = 8;  // in an entry
  static constexpr uint64_t kTimeAt = 12;

  // Ten lines of 100 bytes in a chunk, one entry each; synced.
  void prepare() {
    const JournalId id = fill(10, 0);
    reopen();
    find_files(id);
  }

  void find_files(JournalId id) {
    idx_ = files(id, ".idx").front();
    dat_ = files(id, ".dat").front();
  }

  void damage(uint32_t entry, uint64_t at, uint8_t mask) {
    env_->corrupt(idx_, end_of_entries(entry) + at, mask);
  }

  // What `offset` leads to, up to the end of what is known to be intact at once.
  std::string read_at(uint64_t offset) {
    std::string text(1000, '\0');
    const auto got = journal()->read(ByteOffset(offset), std::as_writable_bytes(std::span(text)));
    if (!got) {
      EXPECT_EQ(got.error().code, Errc::kCorrupt) << to_string(got.error());
      return "(corrupt)";
    }
    text.resize(*got);
    return text;
  }

  std::string read_everything() {
    std::string all;
    while (all.size() < 1000) all += read_at(all.size());
    return all;
  }

  static std::string join(const std::vector<std::string>& records) {
    std::string all;
    for (const std::string& record : records) all += record;
    return all;
  }

  Path idx_;
  Path dat_;
};

TEST_F(ChunkRescue, ADamagedEndBehindANewlineCostsNoByte) {
  prepare();
  for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}, uint8_t{0xFF}}) {
    for (uint32_t entry = 0; entry < 9; ++entry) {
      damage(entry, 0, mask);
      EXPECT_EQ(read_everything(), join(lines(0, 10))) << entry << " xor " << int{mask};
      damage(entry, 0, mask);
    }
  }
}

TEST_F(ChunkRescue, AnEndThatIsOneBitAwayCostsNoByteOfAnything) {
  Attributes attributes = journal()->attributes();
  attributes.framing = Framing::kWrite;
  ASSERT_TRUE(journal()->set_attributes(attributes));
  std::string all;
  for (int i = 0; i < 10; ++i) {
    const std::string record(100, static_cast<char>('a' + i));
    append_record(*journal(), record);
    all += record;
  }
  ASSERT_TRUE(journal()->sync());
  reopen();
  const JournalId id = journal()->id();
  idx_ = files(id, ".idx").back();
  for (uint64_t bit = 0; bit < 32; ++bit) {
    const auto mask = static_cast<uint8_t>(1 << (bit % 8));
    damage(3, bit / 8, mask);
    EXPECT_EQ(read_everything(), all) << bit;
    damage(3, bit / 8, mask);
  }
  // What cannot be guessed costs the two that meet there.
  damage(3, 0, 0x55);
  EXPECT_EQ(read_at(300), "(corrupt)");
  EXPECT_EQ(read_at(400), "(corrupt)");
  EXPECT_EQ(read_at(200).substr(0, 100), all.substr(200, 100));
  EXPECT_EQ(read_at(500).substr(0, 100), all.substr(500, 100));
}

// A guess must be right for both neighbours, or it is none.
TEST_F(ChunkRescue, NothingIsServedBesideAGuessedEndThatIsDamagedItself) {
  for (const uint64_t damaged : {uint64_t{3}, uint64_t{4}}) {
    prepare();
    damage(3, 0, 0x01);
    damage_line(dat_, damaged);
    EXPECT_EQ(read_at(damaged * 100), "(corrupt)") << damaged;
    EXPECT_EQ(read_at(damaged * 100 + 50), "(corrupt)") << damaged;
    ASSERT_TRUE(store_->remove("app"));
  }
}

TEST_F(ChunkRescue, ASearchThatIsMisledCostsNoIntactByte) {
  prepare();
  damage(8, 1, 0x02);  // 900 becomes 388, which the search for what is before it meets
  damage_line(dat_, 5);
  damage_line(dat_, 7);
  EXPECT_EQ(read_at(600), line(6));
  EXPECT_EQ(read_at(650), line(6).substr(50));
  EXPECT_EQ(read_at(500), "(corrupt)");
  EXPECT_EQ(read_at(700), "(corrupt)");
}

TEST_F(ChunkRescue, ASearchThatIsMisledHidesNoRecord) {
  const auto app = journal();
  append(*app, line(0).substr(0, 40));
  append(*app, line(0).substr(40));  // so that entries and records are not the same
  append_lines(*app, 1, 9);
  ASSERT_TRUE(app->sync());
  find_files(app->id());
  damage(8, kRecordAt, 0x07);  // record 7 becomes 0
  for (uint64_t record = 0; record < 10; ++record) {
    const auto place = app->seek(RecordNumber(record));
    ASSERT_TRUE(place) << record << ": " << to_string(place.error());
    EXPECT_EQ(place->record, RecordNumber(record));
    EXPECT_EQ(place->offset, ByteOffset(record * 100));
  }
  std::vector<std::string> expected = lines(0, 10);
  expected[7] = "(corrupt)";
  EXPECT_EQ(records(app), expected);
}

TEST_F(ChunkRescue, ASearchThatIsMisledFindsTheFirstIntactRecordOfATime) {
  const auto app = journal();
  const Time start = env_->now();
  const auto append_later = [&](std::string_view text) {
    append(*app, text);
    env_->advance(std::chrono::seconds(1));
  };
  for (int i = 0; i < 10; ++i) {
    // One is begun at second 5 and complete at second 6: it is of second 5.
    if (i == 5) append_later(line(i).substr(0, 40));
    append_later(i == 5 ? line(i).substr(40) : line(i));
  }
  ASSERT_TRUE(app->sync());
  find_files(app->id());
  damage(3, kTimeAt + 3, 0x80);  // far in the future
  const std::string idx = env_->read_all(idx_);
  for (uint64_t at = kTimeAt; at < kEntryBytes; ++at) {  // at the beginning of the chunk
    damage(8, at, static_cast<uint8_t>(idx[end_of_entries(8) + at]));
  }
  const auto place = app->seek(start + std::chrono::seconds(6));
  ASSERT_TRUE(place) << to_string(place.error());
  EXPECT_EQ(place->record, RecordNumber(6));
  EXPECT_EQ(place->offset, ByteOffset(600));
  const auto at_seven = app->seek(start + std::chrono::seconds(7));
  ASSERT_TRUE(at_seven);
  EXPECT_EQ(at_seven->record, RecordNumber(6));
}

}  // namespace
}  // namespace range
