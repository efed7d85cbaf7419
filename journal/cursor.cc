#include "journal/cursor.h"

#include <algorithm>
#include <utility>

namespace range {

namespace {

constexpr size_t kBatchRecordsMax = 1024;
constexpr size_t kBatchBytesMax = size_t{1} << 20;

}  // namespace

Cursor::Cursor(std::shared_ptr<Journal> journal)
    : journal_(std::move(journal)), at_(journal_->extent().begin.record) {}

Status Cursor::seek(const PositionSpec& spec) {
  ASSIGN_OR_RETURN(const Location found, journal_->seek(spec, at_));
  at_ = found.record;
  return {};
}

Result<std::optional<Record>> Cursor::next() {
  if (!loaded(at_)) {
    RETURN_IF_ERROR(load_from_here());
    if (!loaded(at_)) return std::optional<Record>();
  }
  const Record record = record_at(at_);
  at_ += 1;
  return std::optional(record);
}

Result<std::optional<Record>> Cursor::previous() {
  Extent extent = journal_->extent();
  // An open record is no record yet, and looking for it would look like damage.
  if (extent.open_bytes > 0 && at_ == extent.end.record) at_ = at_ - 1;
  for (; at_ > extent.begin.record; extent = journal_->extent()) {
    const RecordNumber before = at_ - 1;
    if (!loaded(before)) RETURN_IF_ERROR(load_before(at_));
    at_ = before;
    if (loaded(before)) return std::optional(record_at(before));
  }
  return std::optional<Record>();
}

bool Cursor::loaded(RecordNumber number) const {
  return number >= batch_.first && number - batch_.first < batch_.items.size();
}

Status Cursor::load_from_here() {
  auto batch = journal_->read_records(at_, kBatchRecordsMax, kBatchBytesMax);
  if (!batch && batch.error().code == Errc::kOutOfRange) {
    // Retention has overtaken the cursor: it goes on at what is the oldest record now.
    const RecordNumber begin = journal_->extent().begin.record;
    if (at_ >= begin) return batch.error();
    at_ = begin;
    batch = journal_->read_records(at_, kBatchRecordsMax, kBatchBytesMax);
  }
  if (!batch) {
    if (batch.error().code == Errc::kCorrupt) at_ += 1;
    return std::move(batch).error();
  }
  batch_ = *std::move(batch);
  return {};
}

// Reads forward from somewhere before `end`, as journals only can, so that the batch reaches `end`:
// if damage or the limit in bytes stops it earlier, from half as far away. The distance that did is
// where the next call begins, with room to grow, so that large records do not cost many attempts
// each.
Status Cursor::load_before(RecordNumber end) {
  size_t count = std::min(kBatchRecordsMax, reach_ * 2);
  while (true) {
    const RecordNumber begin = journal_->extent().begin.record;
    if (begin >= end) return {};  // retention took what was before the cursor
    count = std::min<uint64_t>(count, end - begin);
    auto batch = journal_->read_records(end - count, count, kBatchBytesMax);
    const bool reaches = batch && batch->items.size() == count;
    if (reaches || (batch && count == 1)) {
      reach_ = count;
      batch_ = *std::move(batch);
      return {};
    }
    const Errc code = batch ? Errc::kCorrupt : batch.error().code;
    if (code == Errc::kOutOfRange && end - count < journal_->extent().begin.record) continue;
    if (code != Errc::kCorrupt) return std::move(batch).error();
    if (count == 1) {
      at_ = end - 1;
      reach_ = 1;
      return std::move(batch).error();
    }
    count /= 2;
  }
}

Record Cursor::record_at(RecordNumber number) const {
  const RecordBatch::Item& item = batch_.items[number - batch_.first];
  return {.number = number,
          .time = item.time,
          .position = item.position,
          .bytes = ConstBytes(batch_.bytes).subspan(item.begin, item.size)};
}

}  // namespace range
