#include "journal/chunked/append_window.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace range {

namespace {

constexpr std::array<std::byte, 64 << 10> kZeros{};

Status write_zeros(File& file, uint64_t from, uint64_t to) {
  std::vector<ConstBytes> parts;
  for (uint64_t at = from; at < to; at += parts.back().size()) {
    parts.push_back(ConstBytes(kZeros).first(std::min<uint64_t>(kZeros.size(), to - at)));
  }
  return file.write_at(from, parts);
}

}  // namespace

Status AppendWindow::append(File& file, uint64_t at, std::span<const ConstBytes> parts, size_t size,
                            bool words) {
  ASSIGN_OR_RETURN(const bool reached,
                   size > sizes_.append_bytes_max ? Result<bool>(false) : reach(file, at, size));
  return reached ? store(at, parts, words) : file.write_at(at, parts);
}

// True if [at, at + size) is in the window, which is opened or moved on if it is time for that.
Result<bool> AppendWindow::reach(File& file, uint64_t at, size_t size) {
  if (covers(at, size)) return true;
  if (refused_ || (!region_ && writes_++ < sizes_.writes_before)) return false;
  ASSIGN_OR_RETURN(const bool opened, open(file, at, size));
  refused_ = !opened;
  return opened;
}

bool AppendWindow::covers(uint64_t at, size_t size) const {
  return region_ && at >= begin_ && at + size <= begin_ + region_->bytes().size();
}

// Where there is no space for room ahead, what room there is belongs to whoever appends.
Result<bool> AppendWindow::open(File& file, uint64_t at, size_t size) {
  region_.reset();
  begin_ = at / page_bytes() * page_bytes();
  while (bytes_next_ < sizes_.bytes_max && begin_ + bytes_next_ < at + size) bytes_next_ *= 2;
  const uint64_t end = begin_ + bytes_next_;
  if (end < at + size) return false;
  const uint64_t file_end = std::max(file_end_, at);
  if (end > file_end) {
    if (Status written = write_zeros(file, file_end, end); !written) {
      if (written.error().code != Errc::kNoSpace) return std::move(written).error();
      (void)file.truncate(file_end);
      return false;
    }
    file_end_ = end;
  }
  auto region = file.map(begin_, bytes_next_, File::Access::kReadWrite);
  if (!region) return false;
  region_ = *std::move(region);
  bytes_next_ = std::min(bytes_next_ * 2, sizes_.bytes_max);
  return true;
}

Status AppendWindow::store(uint64_t at, std::span<const ConstBytes> parts, bool words) {
  for (const ConstBytes part : parts) {
    const auto in_region = static_cast<size_t>(at - begin_);
    RETURN_IF_ERROR(words ? region_->store_words(in_region, part)
                          : region_->store(in_region, part));
    at += part.size();
  }
  return {};
}

bool AppendWindow::close(uint64_t end) {
  region_.reset();
  bytes_next_ = sizes_.bytes_first;
  writes_ = 0;
  refused_ = false;
  return std::exchange(file_end_, 0) > end;
}

}  // namespace range
