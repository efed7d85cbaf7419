#include "journal/exchange/range_chunk.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/exchange/big_endian.h"
#include "journal/journal.h"
#include "journal/printable.h"

namespace range::exchange {

namespace {

constexpr uint64_t kBatchBytes = uint64_t{4} << 20;
constexpr size_t kBatchRecordsMax = 8192;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kSectorBytes = 512;  // a disk has written one whole or not at all
// No interrupted append is longer. Range's own limit is the other one, unless it is configured.
constexpr uint64_t kTornBytesMax = (uint64_t{1} << 24) - 1;
constexpr uint64_t kRangeRecordBytesMax = uint64_t{16} << 10;
// So many records after each other are no chance, whatever is behind them.
constexpr uint64_t kProvenRecords = 8;

}  // namespace

Result<RangeChunkReader> RangeChunkReader::open(Env& env, const RangeChunk& chunk, bool last,
                                                Findings& findings) {
  auto file = env.open(chunk.data, Env::OpenMode::kRead);
  const bool missing = !file && file.error().code == Errc::kNotFound;
  if (!file && !missing) return std::move(file).error();
  uint64_t bytes = 0;
  if (file) {
    ASSIGN_OR_RETURN(const FileStat stat, (*file)->stat());
    bytes = stat.size;
  }
  ASSIGN_OR_RETURN(RangeIndex index, RangeIndex::open(env, chunk.index));
  return RangeChunkReader(missing ? nullptr : *std::move(file), bytes, std::move(index),
                          "chunk " + chunk_file_name(chunk.id, ""), last, findings);
}

RangeChunkReader::RangeChunkReader(std::unique_ptr<File> file, uint64_t bytes, RangeIndex index,
                                   std::string name, bool last, Findings& findings)
    : file_(std::move(file)),
      bytes_(bytes),
      index_(std::move(index)),
      name_(std::move(name)),
      last_(last),
      findings_(&findings) {
  if (file_) probe_ = std::make_unique<LengthProbe>(*file_, bytes_);
}

Result<std::span<const ConstBytes>> RangeChunkReader::next() {
  records_.clear();
  while (records_.empty() && !done_) {
    if (bytes_left() == 0) {
      finish();
      continue;
    }
    RETURN_IF_ERROR(load(kBatchBytes));
    divide();
    if (records_.empty()) RETURN_IF_ERROR(next_alone());
    RETURN_IF_ERROR(index_.status());
    RETURN_IF_ERROR(probe_->status());
  }
  return std::span<const ConstBytes>(records_);
}

Status RangeChunkReader::next_alone() {
  const auto end = probe_->end_of(at_);
  const bool believed = end && ends_at(*end);
  if (believed) {
    RETURN_IF_ERROR(load(*end - at_));
    divide();
  }
  const bool readable = !believed && buffer_.size() >= std::min(bytes_left(), kLengthBytes);
  if (records_.empty()) get_over(readable);
  return {};
}

std::optional<uint64_t> RangeChunkReader::entry(uint64_t number) {
  if (!index_used_ || number < index_wrong_until_) return std::nullopt;
  return index_.at(number);
}

Status RangeChunkReader::load(uint64_t bytes) {
  bytes = std::min(bytes, bytes_left());
  while (true) {
    buffer_.resize(bytes);
    const auto n = file_->read_at(at_, buffer_);
    if (n) {
      buffer_.resize(*n);
      return {};
    }
    buffer_.clear();
    if (n.error().sys_errno != EIO) return n.error();
    // What can be read before the place that cannot.
    const uint64_t to_page = kPageBytes - at_ % kPageBytes;
    if (bytes <= to_page) return {};
    bytes = std::max(bytes / 2, to_page);
  }
}

void RangeChunkReader::divide() {
  ConstBytes rest = buffer_;
  while (rest.size() >= kLengthBytes && records_.size() < kBatchRecordsMax) {
    const uint64_t length = from_big_endian(rest.first(kLengthBytes));
    if (length > kAppendBytesMax || length > rest.size() - kLengthBytes) return;
    const uint64_t end = at_ + kLengthBytes + length;
    if (!ends_at(end)) return;
    records_.push_back(rest.subspan(kLengthBytes, length));
    rest = rest.subspan(kLengthBytes + length);
    at_ = end;
    if (number_ >= index_.entries()) ++unconfirmed_;
    ++number_;
  }
}

bool RangeChunkReader::ends_at(uint64_t end) {
  if (const auto next = entry(number_ + 1)) return *next == end;
  if (index_used_ && number_ + 1 == index_.entries()) return lead_on(at_);
  return can_end_at(at_, end);
}

bool RangeChunkReader::can_end_at(uint64_t begin, uint64_t end) {
  const uint64_t sector = (begin + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  const bool written = index_.entries() == 0 && (sector >= bytes_ || end == bytes_);
  if (!written && is_in_zeros(begin, end)) return false;
  return end == bytes_ || probe_->end_of(end) || is_tail(end);
}

bool RangeChunkReader::lead_on(uint64_t begin) {
  const uint64_t first = begin;
  uint64_t records = 0;  // that are not empty
  for (auto end = probe_->end_of(begin); end; end = probe_->end_of(begin)) {
    if (*end == bytes_ && begin == first) return true;
    if (is_in_zeros(begin, *end)) return false;
    records += *end - begin > kLengthBytes ? 1U : 0U;
    if (records == kProvenRecords || *end == bytes_) return true;
    if (records > 0 && probe_->zeros_from(*end)) return probe_->number_at(*end - 1, 1) != 0U;
    if (records > 0 && is_tail(*end)) return true;
    begin = *end;
  }
  return false;
}

bool RangeChunkReader::is_tail(uint64_t begin) {
  const bool unreadable = bytes_ - begin >= kLengthBytes && !probe_->number_at(begin, kLengthBytes);
  return unreadable || is_torn_append(begin);
}

bool RangeChunkReader::is_in_zeros(uint64_t begin, uint64_t end) {
  return end - begin == kLengthBytes && probe_->zeros_from(begin);
}

bool RangeChunkReader::is_torn_append(uint64_t begin) {
  const uint64_t left = bytes_ - begin;
  if (left == 0) return false;
  const uint64_t known = std::min(left, kLengthBytes);
  const auto number = probe_->number_at(begin, known);
  if (!number) return false;
  const uint64_t length = *number << 8 * (kLengthBytes - known);
  return length <= kTornBytesMax && (known < kLengthBytes || length > left - kLengthBytes);
}

void RangeChunkReader::get_over(bool readable) {
  const auto confirmed = next_confirmed();
  const uint64_t next = confirmed ? *index_.at(*confirmed) : bytes_;
  const auto chain = readable ? follow_lengths(next) : std::nullopt;
  if (chain && chain->back) {
    note(fmt::format("{}: its index is wrong for records {} to {}, not used there", name_,
                     number_ + 1, chain->number - 1));
    index_wrong_until_ = chain->number;
  } else if (confirmed) {
    leave_out(next, *confirmed - number_, problem(readable));
  } else if (chain) {
    note(fmt::format("{}: its index is wrong from record {} on, not used", name_, number_ + 1));
    index_used_ = false;
    missing_ = index_.entries() - std::min(index_.entries(), chain->number);
  } else {
    get_over_the_rest(readable);
  }
}

// There is no entry to go on at.
void RangeChunkReader::get_over_the_rest(bool readable) {
  const auto end = probe_->end_of(at_);
  if (!readable && end && ends_at(*end)) {
    leave_out(*end, 1, problem(readable));
  } else if (index_used_ && index_.entries() > number_) {
    leave_out_the_rest(problem(readable));
  } else if (last_ && is_torn_append(at_) && !has_records_within()) {
    note(fmt::format("{}, offset {}: torn last record; {} bytes left out", name_, at_,
                     bytes_left()));
    at_ = bytes_;
  } else {
    leave_out(bytes_, std::nullopt, problem(readable));
  }
}

bool RangeChunkReader::has_records_within() {
  const uint64_t left = bytes_left();
  if (left > kLengthBytes + kRangeRecordBytesMax) return true;
  std::vector<bool> leads(left + 1);  // from so far behind at_ to the end, by one record at least
  for (uint64_t i = left; i-- > 1;) {
    const uint64_t begin = at_ + i;
    const auto end = probe_->end_of(begin);
    if (!end) continue;
    const bool empty = *end - begin == kLengthBytes;
    leads[i] = leads[*end - at_] || (!empty && (*end == bytes_ || is_torn_append(*end)));
    if (leads[i]) return true;
  }
  return false;
}

std::optional<uint64_t> RangeChunkReader::next_confirmed() {
  if (!index_used_) return std::nullopt;
  for (uint64_t i = std::max(number_ + 1, index_wrong_until_); i < index_.entries(); ++i) {
    const auto begin = index_.at(i);
    const bool behind = begin && *begin >= at_ + (i - number_) * kLengthBytes;
    if (behind && is_confirmed(i, *begin)) return i;
  }
  return std::nullopt;
}

bool RangeChunkReader::is_confirmed(uint64_t number, uint64_t begin) {
  const auto next = index_.at(number + 1);
  return next ? probe_->end_of(begin) == *next : lead_on(begin);
}

std::optional<RangeChunkReader::Chain> RangeChunkReader::follow_lengths(uint64_t until) {
  // Once is enough, where the index was found wrong before. Behind it, it cannot be wrong.
  const bool decided = !index_used_ || number_ < index_wrong_until_;
  if (decided || number_ >= index_.entries()) return std::nullopt;
  uint64_t begin = at_;
  for (uint64_t number = number_ + 1; begin <= until; ++number) {
    const auto end = probe_->end_of(begin);
    if (!end) return std::nullopt;
    if (index_.at(number) == *end) return Chain{number, /*back=*/true};
    if (*end == bytes_ || is_torn_append(*end)) {
      return lead_on(at_) ? std::optional(Chain{number, /*back=*/false}) : std::nullopt;
    }
    if (is_in_zeros(begin, *end)) return std::nullopt;
    begin = *end;
  }
  return std::nullopt;
}

const char* RangeChunkReader::problem(bool readable) {
  if (!readable) return "cannot be read";
  const auto length = probe_->number_at(at_, kLengthBytes);
  if (!length) return "torn length";
  if (*length > kAppendBytesMax) return "record above the limit";
  if (*length > bytes_left() - kLengthBytes) return "record beyond the end of the file";
  return probe_->zeros_from(at_) ? "zeros up to the end of the file" : "wrong length";
}

void RangeChunkReader::leave_out(uint64_t to, std::optional<uint64_t> records, const char* reason) {
  const std::string how_many = records ? counted(*records, "record") + ", " : "";
  damage(fmt::format("{}, offset {}: {}; {}{} bytes left out", name_, at_, reason, how_many,
                     to - at_));
  at_ = to;
  number_ += records.value_or(0);
}

void RangeChunkReader::leave_out_the_rest(const char* reason) {
  const uint64_t records = index_.entries() - number_;
  const auto last = index_.at(index_.entries() - 1);
  // Where the last one ends is not known, nor whether the index was complete.
  const bool more = !last || (*last < bytes_ && bytes_ - *last >= 2 * kLengthBytes);
  damage(fmt::format("{}, offset {}: {}; {}{}, {} bytes left out", name_, at_, reason,
                     counted(records, "record"), more ? " or more" : "", bytes_left()));
  at_ = bytes_;
  number_ += records;
}

void RangeChunkReader::finish() {
  done_ = true;
  const uint64_t entries = index_.entries();
  if (index_used_ && entries > 0 && unconfirmed_ > 0) tell_unconfirmed(unconfirmed_);
  const uint64_t missing = index_used_ ? entries - std::min(entries, number_) : missing_;
  if (missing > 0) {
    damage(fmt::format("{}, offset {}: {}; {} left out", name_, bytes_,
                       file_ ? "cut off" : "its .dat is missing", counted(missing, "record")));
  } else if (bytes_ == 0 && !last_) {
    damage(
        fmt::format("{}, offset 0: {}, and another follows; its records left out, nothing says "
                    "how many",
                    name_, file_ ? "empty" : "its .dat is missing"));
  } else if (index_.unreadable() && entries == 0) {
    damage(name_ + ": its index cannot be read, which would say whether records are missing");
  } else if (index_.unreadable()) {
    note(name_ + ": its index cannot be read everywhere");
  }
}

// In the last chunk an index may be late; in one that others follow it should be complete.
void RangeChunkReader::tell_unconfirmed(uint64_t records) {
  std::string line = fmt::format(
      "{}: its index ends before record {}; {} from there on imported, which nothing "
      "confirms",
      name_, index_.entries(), counted(records, "record"));
  last_ ? note(std::move(line)) : damage(std::move(line));
}

void RangeChunkReader::note(std::string line) { findings_->notes.push_back(std::move(line)); }

void RangeChunkReader::damage(std::string line) { findings_->damage.push_back(std::move(line)); }

}  // namespace range::exchange
