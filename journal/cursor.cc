#include "journal/cursor.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"

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
  ahead_ = 1;
  if (batch_.source) batch_.source->forget_damage();
  return {};
}

Result<std::optional<Record>> Cursor::load_previous() {
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

Status Cursor::load_from_here() {
  constexpr size_t kGrowth = 8;
  Status read = journal_->read_records(at_, ahead_, kBatchBytesMax, batch_);
  while (!read && read.error().code == Errc::kDropped) {
    // Retention has overtaken the cursor: it goes on at what is the oldest record now.
    const RecordNumber begin = journal_->extent().begin.record;
    if (at_ >= begin) return read;
    at_ = begin;
    read = journal_->read_records(at_, ahead_, kBatchBytesMax, batch_);
  }
  if (!read && read.error().code == Errc::kCorrupt) at_ += 1;
  if (read) ahead_ = std::min(kBatchRecordsMax, ahead_ * kGrowth);
  return read;
}

// Reads forward from somewhere before `end`, as journals only can, so that the batch reaches `end`:
// if damage, the limit in bytes or the end of a chunk stops it earlier, from behind that or from
// half as far away. The distance that did is where the next call begins, with room to grow, so that
// large records do not cost many attempts each.
Status Cursor::load_before(RecordNumber end) {
  size_t count = std::min(kBatchRecordsMax, reach_ * 2);
  while (true) {
    const RecordNumber begin = journal_->extent().begin.record;
    if (begin >= end) return {};  // retention took what was before the cursor
    count = std::min<uint64_t>(count, end - begin);
    Status read = journal_->read_records(end - count, count, kBatchBytesMax, batch_);
    if (read && (batch_.items.size() == count || count == 1)) {
      reach_ = count;
      return {};
    }
    const Errc code = read ? Errc::kCorrupt : read.error().code;
    if (code == Errc::kDropped && end - count < journal_->extent().begin.record) continue;
    if (code != Errc::kCorrupt) return read;
    if (count == 1) {
      at_ = end - 1;
      reach_ = 1;
      return read;
    }
    count = std::min(count / 2, count - batch_.items.size());
  }
}

}  // namespace range
