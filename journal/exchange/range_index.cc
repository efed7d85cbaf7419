#include "journal/exchange/range_index.h"

#include <algorithm>
#include <cerrno>

#include "journal/base/result_macros.h"
#include "journal/exchange/big_endian.h"

namespace range::exchange {

namespace {

constexpr size_t kIndexPageEntries = 512;  // what a bad sector costs
constexpr size_t kIndexPageBytes = kIndexPageEntries * kIndexEntryBytes;
constexpr size_t kBufferEntries = size_t{128} << 10;
constexpr size_t kBufferBytes = kBufferEntries * kIndexEntryBytes;

}  // namespace

Result<RangeIndex> RangeIndex::open(Env& env, const Path& path) {
  RangeIndex index;
  auto file = env.open(path, Env::OpenMode::kRead);
  if (!file && file.error().code == Errc::kNotFound) return index;
  index.unreadable_ = !file && file.error().sys_errno == EIO;
  if (index.unreadable_) return index;
  if (!file) return std::move(file).error();
  index.file_ = *std::move(file);
  ASSIGN_OR_RETURN(const FileStat stat, index.file_->stat());
  index.entries_ = stat.size / kIndexEntryBytes;
  index.leave_out_zeros();
  return index;
}

uint64_t RangeIndex::decode(uint64_t i) const {
  return from_big_endian(ConstBytes(buffer_).subspan(i * kIndexEntryBytes, kIndexEntryBytes));
}

std::optional<uint64_t> RangeIndex::load(uint64_t number) {
  const uint64_t page = number / kIndexPageEntries;
  if (page == unreadable_page_ || !status_) return std::nullopt;
  // The same for all entries of a buffer, also for who steps back.
  const uint64_t first = number / kBufferEntries * kBufferEntries;
  if (!load(first, kBufferBytes) && !load(page * kIndexPageEntries, kIndexPageBytes)) {
    unreadable_ = true;
    unreadable_page_ = page;
    return std::nullopt;
  }
  const uint64_t i = number - first_;
  return i < loaded_ ? std::optional(decode(i)) : std::nullopt;
}

bool RangeIndex::load(uint64_t first, size_t bytes) {
  first_ = first;
  loaded_ = 0;
  buffer_.resize(std::min<uint64_t>(bytes, (entries_ - first) * kIndexEntryBytes));
  const auto n = file_->read_at(first * kIndexEntryBytes, buffer_);
  if (!n && n.error().sys_errno != EIO) status_ = n.error();
  if (n) loaded_ = *n / kIndexEntryBytes;
  return n || !status_;
}

void RangeIndex::leave_out_zeros() {
  // The first entry is one.
  while (entries_ > 1 && at(entries_ - 1) == uint64_t{0}) --entries_;
}

}  // namespace range::exchange
