#include "journal/env/posix_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>
#include <vector>

#include "journal/base/result_macros.h"
#include "journal/env/mapping_slot.h"

namespace range {

namespace {

FileKind to_file_kind(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kRegular;
  if (S_ISDIR(mode)) return FileKind::kDirectory;
  if (S_ISLNK(mode)) return FileKind::kSymlink;
  return FileKind::kOther;
}

// What of a list of byte ranges is still to be written, handed out in pieces that pwritev(2) takes.
class Unwritten {
 public:
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): see iov_
  explicit Unwritten(std::span<const ConstBytes> parts) : parts_(parts) {}

  // The next ranges; none once everything is written.
  std::span<const iovec> next() {
    size_t count = 0;
    size_t skip = done_in_first_;
    for (size_t i = first_; i < parts_.size() && count < iov_.size(); ++i) {
      const ConstBytes part = parts_[i].subspan(std::exchange(skip, 0));
      if (part.empty()) continue;
      // writev(2) does not write through the pointer; its type is shared with readv(2).
      iov_[count++] = {const_cast<std::byte*>(part.data()), part.size()};
    }
    return {iov_.data(), count};
  }

  void written(size_t bytes) {
    done_in_first_ += bytes;
    while (first_ < parts_.size() && done_in_first_ >= parts_[first_].size()) {
      done_in_first_ -= parts_[first_++].size();
    }
  }

 private:
  std::span<const ConstBytes> parts_;
  size_t first_ = 0;                // parts before this one are written
  size_t done_in_first_ = 0;        // and so are these bytes of it
  std::array<iovec, IOV_MAX> iov_;  // the first ones only: zeroing all would cost more than a write
};

// Small parts are copied together: the kernel takes longer over each of them.
class Gathered {
 public:
  static constexpr size_t kPartBytesMax = 1024;  // on average
  static constexpr size_t kBytes = size_t{128} << 10;

  static bool pays(std::span<const ConstBytes> parts) {
    constexpr size_t kPartsMin = 4;
    if (parts.size() < kPartsMin) return false;
    const size_t looked_at = std::min<size_t>(parts.size(), 16);
    size_t bytes = 0;
    for (const ConstBytes part : parts.first(looked_at)) bytes += part.size();
    return bytes <= looked_at * kPartBytesMax;
  }

  explicit Gathered(std::span<const ConstBytes> parts) : parts_(parts) { buffer_.reserve(kBytes); }

  // The next bytes, at most kBytes of them or one part; none at the end.
  ConstBytes next() {
    buffer_.clear();
    for (; !parts_.empty(); parts_ = parts_.subspan(1)) {
      const ConstBytes part = parts_.front();
      if (part.size() > kBytes && buffer_.empty()) {
        parts_ = parts_.subspan(1);
        return part;
      }
      if (buffer_.size() + part.size() > kBytes) break;
      buffer_.insert(buffer_.end(), part.begin(), part.end());
    }
    return buffer_;
  }

 private:
  std::span<const ConstBytes> parts_;
  std::vector<std::byte> buffer_;
};

class PosixRegion : public Region {
 public:
  PosixRegion(MappingSlot slot, std::byte* data, size_t size, Path path)
      : Region(data, size), slot_(std::move(slot)), path_(std::move(path)) {}
  ~PosixRegion() override { ::munmap(data(), bytes().size()); }

  Status store(size_t at, ConstBytes from) override {
    RANGE_CHECK(at + from.size() <= bytes().size());
    const RegionGuard guard(this);
    std::memcpy(data() + at, from.data(), from.size());
    return stored();
  }

  Status store_words(size_t at, ConstBytes from) override {
    RANGE_CHECK(at % 8 == 0 && from.size() % 8 == 0 && at + from.size() <= bytes().size());
    const RegionGuard guard(this);
    // Volatile: one after the other, and none of them in parts.
    auto* to = reinterpret_cast<volatile uint64_t*>(data() + at);
    for (size_t i = 0; i < from.size(); i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, from.data() + i, 8);
      *to++ = word;
    }
    return stored();
  }

  // mincore(2) tells the truth to whoever may write to the file, and "all of it" to others.
  size_t in_memory(size_t at, size_t size) const override {
    RANGE_CHECK(at + size <= bytes().size());
    constexpr size_t kPagesAtOnce = 512;
    std::array<unsigned char, kPagesAtOnce> resident;  // NOLINT: filled by the kernel
    const size_t page_size = page_bytes();
    const size_t end = at + size;
    for (size_t page = at / page_size * page_size; page < end;) {
      const size_t asked = std::min(kPagesAtOnce * page_size, end - page);
      if (::mincore(data() + page, asked, resident.data()) != 0) return 0;
      for (size_t i = 0; i * page_size < asked; ++i, page += page_size) {
        if ((resident[i] & 1) == 0) return std::max(page, at) - at;
      }
    }
    return size;
  }

 private:
  Status stored() const {
    if (!failed()) return {};
    errno = EIO;
    return posix_error("store", path_);
  }

  const MappingSlot slot_;
  const Path path_;
};

// Whether changing what is in a file there never needs room that may be missing: on a file system
// that copies on write, a store into a mapping could fail for that.
bool changes_in_place(int fd) {
  struct ::statfs found {};
  if (::fstatfs(fd, &found) != 0) return false;
  constexpr auto kXfsMagic = 0x58465342;
  return found.f_type == EXT4_SUPER_MAGIC || found.f_type == kXfsMagic ||
         found.f_type == TMPFS_MAGIC;
}

class PosixFile : public File {
 public:
  PosixFile(Fd fd, Path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes into) override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t n = retry_interrupted([&] {
        return ::pread(fd_.get(), into.data() + done, into.size() - done,
                       static_cast<off_t>(offset + done));
      });
      if (n < 0) return look_error("pread");
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  // A file system that does not know RWF_NOWAIT cannot tell.
  Result<std::optional<size_t>> read_at_once(uint64_t offset, MutableBytes into) override {
    size_t done = 0;
    while (done < into.size()) {
      const iovec part{into.data() + done, into.size() - done};
      const ssize_t n = retry_interrupted([&] {
        return ::preadv2(fd_.get(), &part, 1, static_cast<off_t>(offset + done), RWF_NOWAIT);
      });
      if (n < 0 && (errno == EAGAIN || errno == EOPNOTSUPP)) return std::optional<size_t>();
      if (n < 0) return look_error("preadv2");
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return std::optional(done);
  }

  using File::write_at;
  Status write_at(uint64_t offset, std::span<const ConstBytes> parts) override {
    if (!Gathered::pays(parts)) return write_parts(offset, parts);
    Gathered gathered(parts);
    for (ConstBytes bytes = gathered.next(); !bytes.empty(); bytes = gathered.next()) {
      RETURN_IF_ERROR(write_parts(offset, {&bytes, 1}));
      offset += bytes.size();
    }
    return {};
  }

  Status write_parts(uint64_t offset, std::span<const ConstBytes> parts) {
    Unwritten unwritten(parts);
    for (auto iov = unwritten.next(); !iov.empty(); iov = unwritten.next()) {
      const ssize_t n = retry_interrupted([&] {
        return ::pwritev(fd_.get(), iov.data(), static_cast<int>(iov.size()),
                         static_cast<off_t>(offset));
      });
      if (n == 0) errno = EIO;  // nothing written and no reason: not to be tried for ever
      if (n <= 0) return error("pwritev");
      offset += static_cast<uint64_t>(n);
      unwritten.written(static_cast<size_t>(n));
    }
    return {};
  }

  Status truncate(uint64_t size) override {
    if (retry_interrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0) {
      return error("ftruncate");
    }
    return {};
  }

  void prefetch(uint64_t offset, uint64_t size) override {
    static_cast<void>(::posix_fadvise(fd_.get(), static_cast<off_t>(offset),
                                      static_cast<off_t>(size), POSIX_FADV_WILLNEED));
  }

  void start_writeback() override {
    // A failure is not lost: the sync that follows meets it again.
    static_cast<void>(::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE));
  }

  Status check_writeback() override {
    // Waits for nothing but writeback under way, and passes on what the kernel holds for this
    // descriptor.
    if (::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) == 0) return {};
    return error("writeback");
  }

  Status sync_data() override {
    // Not even EINTR is retried: an error of the writeback may have been used up by that call.
    if (::fdatasync(fd_.get()) != 0) return error("fdatasync");
    return {};
  }

  Result<FileStat> stat() override {
    struct ::stat found {};
    if (::fstat(fd_.get(), &found) != 0) return look_error("fstat");
    return to_file_stat(found);
  }

  Result<std::unique_ptr<Region>> map(uint64_t offset, size_t size, Access access) override {
    const bool writable = access == Access::kReadWrite;
    if (writable && !changes_in_place(fd_.get())) {
      errno = EOPNOTSUPP;
      return look_error("mmap");
    }
    auto slot = MappingSlot::take();
    if (!slot) {
      errno = ENOMEM;
      return look_error("mmap");
    }
    RegionGuard::install();
    void* const data = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                              MAP_SHARED, fd_.get(), static_cast<off_t>(offset));
    if (data == MAP_FAILED) return look_error("mmap");
    // All pages at once, which costs less than a fault for each. What a disk does not give is found
    // out by who touches it.
    if (writable) static_cast<void>(::madvise(data, size, MADV_POPULATE_WRITE));
    return std::unique_ptr<Region>(std::make_unique<PosixRegion>(
        *std::move(slot), static_cast<std::byte*>(data), size, path_));
  }

 private:
  Error error(const char* operation) const { return posix_error(operation, path_); }
  Error look_error(const char* operation) const { return posix_look_error(operation, path_); }

  const Fd fd_;
  const Path path_;
};

}  // namespace

FileStat to_file_stat(const struct ::stat& from) {
  const auto timestamp = [](const timespec& time) {
    return Timestamp(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
  };
  return {.kind = to_file_kind(from.st_mode),
          .inode = from.st_ino,
          .size = static_cast<uint64_t>(from.st_size),
          .disk_bytes = static_cast<uint64_t>(from.st_blocks) * 512,
          .modified = timestamp(from.st_mtim),
          .changed = timestamp(from.st_ctim)};
}

std::unique_ptr<File> make_posix_file(Fd fd, Path path) {
  return std::make_unique<PosixFile>(std::move(fd), std::move(path));
}

}  // namespace range
