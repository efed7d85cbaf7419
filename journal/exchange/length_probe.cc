#include "journal/exchange/length_probe.h"

#include <algorithm>
#include <cerrno>

#include "journal/exchange/big_endian.h"
#include "journal/journal.h"

namespace range::exchange {

namespace {

constexpr size_t kProbeBytes = size_t{16} << 10;

}  // namespace

std::optional<uint64_t> LengthProbe::number_at(uint64_t offset, size_t bytes) {
  const ConstBytes found = load(offset, bytes);
  if (found.empty()) return std::nullopt;
  return from_big_endian(found.first(bytes));
}

std::optional<uint64_t> LengthProbe::end_of(uint64_t offset) {
  const auto length = number_at(offset, kLengthBytes);
  if (!length || *length > kAppendBytesMax || *length > bytes_ - offset - kLengthBytes) {
    return std::nullopt;
  }
  return offset + kLengthBytes + *length;
}

bool LengthProbe::zeros_from(uint64_t offset) {
  if (offset < zeros_begin_ || offset >= zeros_end_) {
    zeros_begin_ = zeros_end_ = offset;
    while (zeros_end_ < bytes_) {
      const ConstBytes bytes = load(zeros_end_, 1);
      if (bytes.empty()) return false;
      const auto other = std::ranges::find_if(bytes, [](std::byte b) { return b != std::byte{0}; });
      const auto zeros = static_cast<size_t>(other - bytes.begin());
      zeros_end_ += zeros;
      if (zeros < bytes.size()) break;
    }
  }
  return zeros_end_ == bytes_;
}

ConstBytes LengthProbe::load(uint64_t offset, size_t bytes) {
  if (!status_ || offset > bytes_ || bytes_ - offset < bytes) return {};
  const bool loaded = offset >= begin_ && offset - begin_ <= buffer_.size() &&
                      buffer_.size() - (offset - begin_) >= bytes;
  if (!loaded && !load_at(offset, kProbeBytes) && !load_at(offset, bytes)) return {};
  const ConstBytes found = ConstBytes(buffer_).subspan(offset - begin_);
  return found.size() < bytes ? ConstBytes() : found;
}

bool LengthProbe::load_at(uint64_t offset, size_t bytes) {
  begin_ = offset;
  buffer_.resize(std::min<uint64_t>(bytes, bytes_ - offset));
  const auto n = file_->read_at(offset, buffer_);
  buffer_.resize(n ? *n : 0);
  if (!n && n.error().sys_errno != EIO) status_ = n.error();
  return n && status_;
}

}  // namespace range::exchange
