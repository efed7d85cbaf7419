#include "journal/local/append_window.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "journal/base/result_macros.h"

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
  const bool hot = region_ || writes_++ >= sizes_.writes_before;
  if (!hot || refused_ || size > sizes_.append_bytes_max) return file.write_at(at, parts);
  for (const ConstBytes part : parts) {
    RETURN_IF_ERROR(append(file, at, part, words));
    at += part.size();
  }
  return {};
}

Status AppendWindow::append(File& file, uint64_t at, ConstBytes part, bool words) {
  while (!part.empty()) {
    size_t left = left_behind(at);
    if (left == 0 && !refused_) {
      ASSIGN_OR_RETURN(const bool opened, open(file, at));
      refused_ = !opened;
      left = left_behind(at);
    }
    if (left == 0) return file.write_at(at, part);
    const ConstBytes piece = part.first(std::min(left, part.size()));
    const auto in_region = static_cast<size_t>(at - begin_);
    RETURN_IF_ERROR(words ? region_->store_words(in_region, piece)
                          : region_->store(in_region, piece));
    part = part.subspan(piece.size());
    at += piece.size();
  }
  return {};
}

// How much of the window lies behind `at`.
size_t AppendWindow::left_behind(uint64_t at) const {
  if (!region_ || at < begin_ || at >= begin_ + region_->bytes().size()) return 0;
  return static_cast<size_t>(begin_ + region_->bytes().size() - at);
}

// Opens the window with `at` in it. Where there is no space for room ahead, what room there is
// belongs to whoever appends.
Result<bool> AppendWindow::open(File& file, uint64_t at) {
  region_.reset();
  begin_ = at / page_bytes() * page_bytes();
  const uint64_t end = begin_ + bytes_next_;
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
  bytes_next_ = std::min(bytes_next_ * 2, sizes_.window_bytes_max);
  return true;
}

bool AppendWindow::close(uint64_t end) {
  region_.reset();
  bytes_next_ = sizes_.window_bytes_first;
  writes_ = 0;
  refused_ = false;
  return std::exchange(file_end_, 0) > end;
}

}  // namespace range
