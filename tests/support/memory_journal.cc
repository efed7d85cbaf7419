#include "tests/support/memory_journal.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"

namespace range {

namespace {

constexpr ChunkId kOnlyChunk{uint64_t{1} << 32};

}  // namespace

MemoryJournal::MemoryJournal(JournalId id, Attributes attributes)
    : id_(id), attributes_(attributes) {}

void MemoryJournal::begin_record() {
  const Time last = records_.empty() ? now_ : records_.back().time;
  records_.push_back({bytes_.size(), std::max(now_, last)});
}

Result<ByteOffset> MemoryJournal::append(ConstBytes data, std::optional<ByteOffset> at) {
  if (const auto before = std::exchange(before_append, nullptr)) before();
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  if (at && *at != ByteOffset(bytes_.size())) return Error{Errc::kNotPermitted, 0, "append"};
  const bool by_line = attributes_.framing == Framing::kLine;
  for (const std::byte byte : data) {
    if (!open_) begin_record();
    bytes_.push_back(byte);
    open_ = !by_line || byte != std::byte{'\n'};
  }
  if (!by_line) open_ = false;
  return ByteOffset(bytes_.size());
}

Result<ByteOffset> MemoryJournal::append_records(std::span<const ConstBytes> records) {
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  for (const ConstBytes record : records) {
    begin_record();
    bytes_.insert(bytes_.end(), record.begin(), record.end());
  }
  open_ = false;
  return ByteOffset(bytes_.size());
}

Location MemoryJournal::location(uint64_t record) const {
  if (record >= records_.size()) return end();
  return {{kOnlyChunk, static_cast<uint32_t>(record)},
          RecordNumber(record),
          ByteOffset(records_[record].offset)};
}

Location MemoryJournal::end() const {
  return {{kOnlyChunk, static_cast<uint32_t>(records_.size())},
          RecordNumber(records_.size()),
          ByteOffset(bytes_.size())};
}

Extent MemoryJournal::extent() const {
  const Extent found = extent_now();
  if (const auto hook = on_extent) hook();  // a copy: it may unset itself
  return found;
}

Extent MemoryJournal::extent_now() const {
  const std::lock_guard lock(mutex_);
  Extent extent;
  extent.begin = location(0);
  extent.end = end();
  extent.synced = ByteOffset(synced_);
  extent.open_bytes = open_ ? bytes_.size() - records_.back().offset : 0;
  extent.last_time = records_.empty() ? attributes_.created : records_.back().time;
  return extent;
}

Result<std::optional<size_t>> MemoryJournal::read_at_once(ByteOffset from, MutableBytes into) {
  if (on_cold_read) return std::optional<size_t>();
  ASSIGN_OR_RETURN(const size_t got, read(from, into));
  return std::optional(got);
}

Result<size_t> MemoryJournal::read(ByteOffset from, MutableBytes into) {
  if (on_cold_read) on_cold_read();
  const std::lock_guard lock(mutex_);
  if (from.value() >= bytes_.size()) return size_t{0};
  const size_t count = std::min(into.size(), bytes_.size() - from.value());
  std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(from.value()), count, into.begin());
  return count;
}

Status MemoryJournal::read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                                   RecordBatch& batch) {
  const std::lock_guard lock(mutex_);
  const uint64_t complete = records_.size() - (open_ ? 1 : 0);
  if (first.value() > records_.size()) return Error{Errc::kOutOfRange, 0, "read_records"};
  const Location begin = location(first.value());
  batch.first = first;
  batch.position = begin.position;
  batch.items.clear();
  batch.buffer = {bytes_.begin() + static_cast<ptrdiff_t>(begin.offset.value()), bytes_.end()};
  uint64_t at = 0;
  for (uint64_t record = first.value(); record < complete; ++record) {
    if (batch.items.size() == records_max || at > bytes_max) break;
    const uint64_t size = location(record + 1).offset - location(record).offset;
    batch.items.push_back({ConstBytes(batch.buffer).subspan(at, size), records_[record].time});
    at += size;
  }
  return {};
}

Result<bool> MemoryJournal::wait_for_byte(ByteOffset offset, Deadline /*deadline*/,
                                          const std::stop_token& /*stop*/) {
  const std::lock_guard lock(mutex_);
  return offset.value() < bytes_.size();
}

Result<bool> MemoryJournal::wait_for_record(RecordNumber record, Deadline /*deadline*/,
                                            const std::stop_token& /*stop*/) {
  const std::lock_guard lock(mutex_);
  return record.value() + (open_ ? 1 : 0) < records_.size();
}

Result<Location> MemoryJournal::seek(const PositionSpec& spec, RecordNumber here) {
  const std::lock_guard lock(mutex_);
  const uint64_t count = records_.size();
  uint64_t record = 0;
  if (std::holds_alternative<AtEnd>(spec)) {
    record = count;
  } else if (const auto* number = std::get_if<RecordNumber>(&spec)) {
    record = number->value();
  } else if (const auto* before = std::get_if<BeforeEnd>(&spec)) {
    record = count - std::min(count, before->records);
  } else if (const auto* after = std::get_if<AfterHere>(&spec)) {
    record = after->records > count ? count + 1 : here.value() + after->records;
  } else if (const auto* time = std::get_if<Time>(&spec)) {
    record = static_cast<uint64_t>(std::ranges::lower_bound(records_, *time, {}, &Start::time) -
                                   records_.begin());
  } else if (const auto* byte = std::get_if<ByteOffset>(&spec)) {
    const auto behind = std::ranges::upper_bound(records_, byte->value(), {}, &Start::offset);
    record = byte->value() < bytes_.size() ? static_cast<uint64_t>(behind - records_.begin()) - 1
                                           : count + byte->value() - bytes_.size();
  } else if (const auto* position = std::get_if<Position>(&spec)) {
    const bool ours = position->chunk == kOnlyChunk || *position == Position{};
    record = ours ? position->record : count + 1;
  }
  if (record > count) return Error{Errc::kOutOfRange, 0, "seek"};
  return location(record);
}

Result<Location> MemoryJournal::sync() {
  if (on_sync) on_sync();
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  synced_ = bytes_.size();
  return end();
}

Attributes MemoryJournal::attributes() const {
  const std::lock_guard lock(mutex_);
  return attributes_;
}

Status MemoryJournal::set_attributes(const Attributes& attributes) {
  const std::lock_guard lock(mutex_);
  if (attributes.framing != attributes_.framing) open_ = false;
  attributes_ = attributes;
  return {};
}

Result<JournalInfo> MemoryJournal::info() {
  const std::lock_guard lock(mutex_);
  JournalInfo info;
  info.chunks = 1;
  info.disk_bytes = (bytes_.size() + 4095) / 4096 * 4096;
  info.failure = failure_ ? to_string(*failure_) : "";
  info.attributes_lost = attributes_lost_ ? to_string(*attributes_lost_) : "";
  return info;
}

void MemoryJournal::set_now(Time now) {
  const std::lock_guard lock(mutex_);
  now_ = now;
}

void MemoryJournal::lose_last_record() {
  const std::lock_guard lock(mutex_);
  RANGE_CHECK(!records_.empty() && !open_);
  bytes_.resize(records_.back().offset);
  records_.pop_back();
}

void MemoryJournal::fail_with(Error error) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(error);
}

void MemoryJournal::lose_attributes(Error error) {
  const std::lock_guard lock(mutex_);
  attributes_lost_ = std::move(error);
}

}  // namespace range
