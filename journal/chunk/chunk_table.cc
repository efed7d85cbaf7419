#include "journal/chunk/chunk_table.h"

#include <algorithm>

namespace range {

namespace {

// The last chunk whose `member` is at most `value`.
template <typename T>
size_t last_not_above(const std::vector<ChunkHeader>& chunks, T value, T ChunkHeader::*member) {
  const auto above =
      std::upper_bound(chunks.begin(), chunks.end(), value,
                       [&](T v, const ChunkHeader& header) { return v < header.*member; });
  return above == chunks.begin() ? 0 : static_cast<size_t>(above - chunks.begin()) - 1;
}

}  // namespace

void ChunkTable::push_back(const ChunkHeader& header) {
  RANGE_CHECK(header.first_byte >= end().offset &&
              (chunks_.empty() || header.chunk > chunks_.back().chunk));
  chunks_.push_back(header);
  end_ = {};
}

void ChunkTable::set_end(const ChunkEnd& end) {
  RANGE_CHECK(end.bytes >= end_.bytes && end.records >= end_.records);
  end_ = end;
}

ChunkEnd ChunkTable::end_of(size_t i) const {
  if (i + 1 == chunks_.size()) return end_;
  return {.records = static_cast<uint32_t>(chunks_[i + 1].first_record - chunks_[i].first_record),
          .bytes = chunks_[i + 1].first_byte - chunks_[i].first_byte};
}

void ChunkTable::drop_front(size_t count) {
  RANGE_CHECK(count < chunks_.size());
  chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(count));
}

Location ChunkTable::begin() const {
  if (chunks_.empty()) return {};
  const ChunkHeader& first = chunks_.front();
  return {.position = {.chunk = first.chunk, .record = 0},
          .record = first.first_record,
          .offset = first.first_byte};
}

Location ChunkTable::end() const {
  if (chunks_.empty()) return {};
  return place(chunks_.size() - 1, end_.records, end_.bytes);
}

Location ChunkTable::place(size_t i, uint32_t record, uint64_t offset) const {
  if (i + 1 < chunks_.size() && record == end_of(i).records) {
    ++i;
    record = 0;
    offset = 0;
  }
  const ChunkHeader& header = chunks_[i];
  return {.position = {.chunk = header.chunk, .record = record},
          .record = header.first_record + record,
          .offset = header.first_byte + offset};
}

size_t ChunkTable::chunk_of(ByteOffset offset) const {
  return last_not_above(chunks_, offset, &ChunkHeader::first_byte);
}

size_t ChunkTable::chunk_of(RecordNumber record) const {
  return last_not_above(chunks_, record, &ChunkHeader::first_record);
}

size_t ChunkTable::chunk_of(Time time) const {
  return last_not_above(chunks_, time, &ChunkHeader::start);
}

std::optional<size_t> ChunkTable::find(ChunkId chunk) const {
  const size_t i = chunks_.empty() ? 0 : last_not_above(chunks_, chunk, &ChunkHeader::chunk);
  if (chunks_.empty() || chunks_[i].chunk != chunk) return std::nullopt;
  return i;
}

Time ChunkTable::time_of_end() const {
  if (chunks_.empty()) return {};
  return chunks_.back().start + std::chrono::milliseconds(end_.last_ms);
}

}  // namespace range
