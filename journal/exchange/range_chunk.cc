#include "journal/exchange/range_chunk.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "journal/journal.h"
#include "journal/result_macros.h"

namespace range::exchange {

namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kEntryBytes = 8;
constexpr uint64_t kBatchBytes = uint64_t{4} << 20;
constexpr size_t kBatchRecordsMax = 8192;
constexpr size_t kBufferBytes = size_t{1} << 20;

uint64_t decode(ConstBytes bytes) {
  uint64_t number = 0;
  for (const std::byte byte : bytes) number = number << 8 | std::to_integer<uint64_t>(byte);
  return number;
}

template <size_t kSize>
std::array<std::byte, kSize> encode(uint64_t number) {
  std::array<std::byte, kSize> bytes{};
  for (size_t i = kSize; i > 0; number >>= 8) bytes[--i] = static_cast<std::byte>(number & 0xFF);
  return bytes;
}

}  // namespace

Result<RangeChunkReader> RangeChunkReader::open(const Path& data) {
  ASSIGN_OR_RETURN(auto file, posix_env().open(data, Env::OpenMode::kRead));
  ASSIGN_OR_RETURN(const FileStat stat, file->stat());
  return RangeChunkReader(std::move(file), stat.size);
}

Result<std::span<const ConstBytes>> RangeChunkReader::next() {
  uint64_t bytes = kBatchBytes;
  records_.clear();
  while (true) {
    RETURN_IF_ERROR(load(bytes));
    divide();
    if (!records_.empty()) break;
    const auto more = wanted();
    if (!more) break;
    bytes = *more;
  }
  return std::span<const ConstBytes>(records_);
}

Status RangeChunkReader::load(uint64_t bytes) {
  buffer_.resize(std::min(bytes, bytes_ - at_));
  ASSIGN_OR_RETURN(const size_t n, file_->read_at(at_, buffer_));
  if (n < buffer_.size()) bytes_ = at_ + n;  // somebody has cut it off
  buffer_.resize(n);
  return {};
}

void RangeChunkReader::divide() {
  first_offset_ = at_;
  ConstBytes rest = buffer_;
  while (rest.size() >= kLengthBytes && records_.size() < kBatchRecordsMax) {
    const uint64_t length = decode(rest.first(kLengthBytes));
    if (length > kAppendBytesMax || length > rest.size() - kLengthBytes) break;
    records_.push_back(rest.subspan(kLengthBytes, length));
    rest = rest.subspan(kLengthBytes + length);
  }
  at_ += buffer_.size() - rest.size();
}

std::optional<uint64_t> RangeChunkReader::wanted() {
  if (bytes_left() < kLengthBytes) {
    end_ = bytes_left() == 0 ? ChunkEnd::kWhole : ChunkEnd::kTornLength;
    return std::nullopt;
  }
  const uint64_t length = decode(ConstBytes(buffer_).first(kLengthBytes));
  if (length > kAppendBytesMax || length > bytes_left() - kLengthBytes) {
    end_ = length > kAppendBytesMax ? ChunkEnd::kRecordTooLong : ChunkEnd::kBeyondFile;
    return std::nullopt;
  }
  return kLengthBytes + length;
}

RangeIndexCheck::RangeIndexCheck(const Path& index) {
  auto file = posix_env().open(index, Env::OpenMode::kRead);
  if (file) file_ = *std::move(file);
}

void RangeIndexCheck::add(uint64_t offset, std::span<const ConstBytes> records) {
  for (const ConstBytes record : records) {
    const auto entry = next();
    if (!entry) return;
    wrong_ = wrong_ || *entry != offset;
    offset += kLengthBytes + record.size();
  }
}

bool RangeIndexCheck::wrong(uint64_t offset) {
  if (const auto entry = next(); entry && *entry != offset) wrong_ = true;
  return wrong_ || next().has_value();
}

std::optional<uint64_t> RangeIndexCheck::next() {
  if (!file_) return std::nullopt;
  if (buffer_.size() - at_ < kEntryBytes) {
    buffer_.resize(kBufferBytes);
    const auto n = file_->read_at(loaded_end_, buffer_);
    if (!n || *n < kEntryBytes) {
      file_.reset();
      return std::nullopt;
    }
    buffer_.resize(*n);
    loaded_end_ += *n;
    at_ = 0;
  }
  const ConstBytes entry = ConstBytes(buffer_).subspan(at_, kEntryBytes);
  at_ += kEntryBytes;
  return decode(entry);
}

Result<NewFile> NewFile::create(const Path& path) {
  ASSIGN_OR_RETURN(auto file, posix_env().open(path, Env::OpenMode::kCreateNew));
  return NewFile(std::move(file));
}

Status NewFile::append(ConstBytes bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return buffer_.size() < kBufferBytes ? Status() : flush();
}

Status NewFile::finish() {
  RETURN_IF_ERROR(flush());
  return file_->sync_data();
}

Status NewFile::flush() {
  RETURN_IF_ERROR(file_->write_at(written_, buffer_));
  written_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<RangeChunkWriter> RangeChunkWriter::create(const Path& directory, ChunkId id) {
  ASSIGN_OR_RETURN(NewFile data, NewFile::create(directory / chunk_file_name(id, ".dat")));
  ASSIGN_OR_RETURN(NewFile index, NewFile::create(directory / chunk_file_name(id, ".idx")));
  return RangeChunkWriter(std::move(data), std::move(index));
}

Status RangeChunkWriter::append(ConstBytes record) {
  if (record.size() > std::numeric_limits<uint32_t>::max()) {
    return Error{Errc::kTooLarge, 0, "a record for Range"};
  }
  RETURN_IF_ERROR(index_.append(encode<kEntryBytes>(data_.bytes())));
  RETURN_IF_ERROR(data_.append(encode<kLengthBytes>(record.size())));
  return data_.append(record);
}

Status RangeChunkWriter::finish() {
  RETURN_IF_ERROR(data_.finish());
  return index_.finish();
}

}  // namespace range::exchange
