// Every byte of a small journal's chunks is damaged, one at a time; so is every length.

#include "tests/crash/damaged_journal.h"

namespace range {
namespace {

std::vector<std::string> small_lines() {
  constexpr size_t kSizes[] = {40, 2, 30, 1, 19, 60, 25, 4, 17, 1, 60, 9, 33, 7, 12, 21};
  std::vector<std::string> lines;
  for (const size_t size : kSizes) {
    lines.emplace_back(size - 1, static_cast<char>('a' + lines.size()));
    lines.back() += '\n';
  }
  return lines;
}

TEST_F(Damage, FlippedByteInASyncedJournalCostsItsRecordOnly) {
  prepare(closed_ = true, small_lines());
  ASSERT_EQ(chunks_.size(), 3U);
  flip_every_byte(/*rebooted=*/false);
  flip_every_byte(/*rebooted=*/true);
}

TEST_F(Damage, FlippedByteInAnUnsyncedTailCostsItsRecordOnly) {
  prepare(closed_ = false, small_lines());
  flip_every_byte(/*rebooted=*/false);
  flip_every_byte(/*rebooted=*/true);
}

TEST_F(Damage, TruncationOfASyncedJournalCostsWhatIsCutOff) {
  prepare(closed_ = true, small_lines());
  truncate_to_every_length(/*rebooted=*/false);
  truncate_to_every_length(/*rebooted=*/true);
}

TEST_F(Damage, TruncationOfAnUnsyncedTailCostsWhatIsCutOff) {
  prepare(closed_ = false, small_lines());
  truncate_to_every_length(/*rebooted=*/false);
  truncate_to_every_length(/*rebooted=*/true);
}

TEST_F(Damage, ARemovedChunkFileCostsThatChunk) {
  for (const bool closed : {true, false}) {
    expected_.clear();
    chunks_.clear();
    prepare(closed_ = closed, small_lines());
    remove_every_file(/*rebooted=*/false);
    remove_every_file(/*rebooted=*/true);
  }
}

TEST_F(Damage, FlippedBytesInALargeRecordCostThatRecordOnly) {
  std::vector<std::string> lines = small_lines();
  lines[4] = std::string(150'000, 'L') + "\n";
  prepare(closed_ = true, lines);
  const ChunkLayout& chunk = chunks_.front();
  const uint64_t begin = expected_[4].offset;
  for (const uint64_t at : {begin, begin + 65'535, begin + 65'536, begin + 140'000}) {
    auto damaged = machine(true);
    damaged->corrupt(chunk.stem + ".dat", at, 0x10);
    check(*damaged, flip_in_dat(chunk, at));
  }
  const uint64_t size = kEntriesAt + chunk.record_of_entry.size() * kEntryBytes;
  for (uint64_t at = kEntriesAt; at < size && !HasFailure(); ++at) {
    SCOPED_TRACE("index byte " + std::to_string(at));
    auto damaged = machine(false);
    damaged->corrupt(chunk.stem + ".idx", at, 0x01);
    check(*damaged, flip_in_idx(chunk, at), /*append=*/false);
  }
}

}  // namespace
}  // namespace range
