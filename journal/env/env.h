// The environment of the local engine: every file system call and every clock it uses. Tests put
// another one in its place, which fails, tears or loses power at the n-th call.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "journal/base/boot_id.h"
#include "journal/base/byte_source.h"
#include "journal/base/region.h"
#include "journal/status.h"
#include "journal/store.h"
#include "journal/types.h"

namespace range {

using Path = boost::filesystem::path;

enum class FileKind { kRegular, kDirectory, kSymlink, kOther };

struct FileStat {
  FileKind kind = FileKind::kOther;
  uint64_t inode = 0;
  uint64_t size = 0;
  uint64_t disk_bytes = 0;
  Timestamp modified{};
  Timestamp changed{};
};

struct DirectoryEntry {
  std::string name;
  FileKind kind = FileKind::kOther;
  uint64_t next = 0;  // where to go on behind it
};

// Some of the entries of a directory, and where to go on; nothing if that was all.
struct DirectoryPage {
  std::vector<DirectoryEntry> entries;
  std::optional<uint64_t> next;
};

// An open file. Thread-safe as far as pread(2) and pwrite(2) are. Outlived by its regions. Closed
// by the destructor; what was written survives the process without it, and what must survive power
// loss was synced before.
class File : public ByteSource {
 public:
  Result<uint64_t> size() final {
    auto found = stat();
    if (!found) return std::move(found).error();
    return found->size;
  }
  // Writes the concatenation of `parts`. After an error any part of it may have been written.
  virtual Status write_at(uint64_t offset, std::span<const ConstBytes> parts) = 0;
  virtual Status truncate(uint64_t size) = 0;
  // Starts reading a part into memory without waiting; promises nothing.
  virtual void prefetch(uint64_t offset, uint64_t size) = 0;
  // Starts writing dirty pages to the disk without waiting; promises nothing.
  virtual void start_writeback() = 0;
  // Reports a writeback of this file that has failed since it was opened or this was last asked: a
  // sync of the whole file system may not know of it, or have told somebody else.
  virtual Status check_writeback() = 0;
  // fdatasync(2): contents and size survive power loss, the name need not.
  virtual Status sync_data() = 0;
  virtual Result<FileStat> stat() = 0;

  enum class Access { kRead, kReadWrite };
  // Maps `size` > 0 bytes from `offset` on, a multiple of page_bytes(). Errors: kIo where that
  // cannot be done; kReadWrite also where the file system copies on write, because a store could
  // then fail for want of space.
  virtual Result<std::unique_ptr<Region>> map(uint64_t offset, size_t size, Access access) = 0;

  Status write_at(uint64_t offset, ConstBytes data) { return write_at(offset, {&data, 1}); }
};

// Held until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Paths are absolute or relative to the working directory; symbolic links are never followed in the
// last component. Errors are those of the system calls, with operation and path as context, and
// with `lost_nothing` where the call that failed was open(2), also for a sync, or only looked.
class Env {
 public:
  virtual ~Env() = default;

  enum class OpenMode { kRead, kReadWrite, kCreateNew };  // kCreateNew: kExists if it is there
  virtual Result<std::unique_ptr<File>> open(const Path& path, OpenMode mode) = 0;

  virtual Status make_directory(const Path& path) = 0;  // with mode 0700
  virtual Status remove_directory(const Path& path) = 0;
  virtual Status remove_file(const Path& path) = 0;
  virtual Status make_symlink(const std::string& target, const Path& path) = 0;
  virtual Result<std::string> read_symlink(const Path& path) = 0;
  // Atomic, also across directories. Without `replace`, kExists if `to` is there.
  virtual Status rename(const Path& from, const Path& to, bool replace) = 0;
  // Each name leads to what the other led to; as atomic.
  virtual Status exchange(const Path& a, const Path& b) = 0;
  virtual Result<FileStat> stat(const Path& path) = 0;
  virtual Status set_modified(const Path& path, Timestamp modified) = 0;
  // Up to `entries_max` > 0 entries but "." and "..", from the first for `from` 0, else from the
  // `next` of a page or an entry, however long ago that was given. What comes or goes meanwhile may
  // be among them or not, everything else is, once.
  virtual Result<DirectoryPage> list(const Path& directory, uint64_t from, size_t entries_max) = 0;
  // All of them.
  Result<std::vector<DirectoryEntry>> list(const Path& directory);

  // fsync(2) of a directory: its names survive power loss.
  virtual Status sync_directory(const Path& directory) = 0;
  // syncfs(2): everything written to the file system that `path` is on survives power loss.
  virtual Status sync_filesystem(const Path& path) = 0;
  virtual Result<Space> space(const Path& path) = 0;

  // Locks a file, created if necessary, against other processes, and against this one. The lock
  // ends with the process and is no child's. Nothing need be written for it: our pid is noted in
  // the file if that can be done. Errors: kLocked, with the holder in the context, by the pid that
  // the kernel knows it by; if it is hidden from us, the context says so.
  virtual Result<std::unique_ptr<FileLock>> lock(const Path& path) = 0;
  // Keeps others from locking a file that is there, but not from doing the same. Nothing is
  // written. Errors: as for lock(); kNotFound.
  virtual Result<std::unique_ptr<FileLock>> lock_shared(const Path& path) = 0;
  // Locks a directory that is there, against whoever does the same. Nothing is made or written for
  // it, and who holds it is not told. Children share the lock. Errors: kLocked.
  virtual Result<std::unique_ptr<FileLock>> lock_directory(const Path& path) = 0;

  virtual Time now() = 0;                             // CLOCK_REALTIME
  virtual std::chrono::nanoseconds since_boot() = 0;  // CLOCK_BOOTTIME
  virtual BootId boot_id() = 0;                       // differs after every boot
  virtual uint64_t random() = 0;

 protected:
  Env() = default;
};

inline Result<std::vector<DirectoryEntry>> Env::list(const Path& directory) {
  auto page = list(directory, 0, std::numeric_limits<size_t>::max());
  if (!page) return std::move(page).error();
  return std::move(page->entries);
}

// The operating system's.
Env& posix_env();

}  // namespace range
