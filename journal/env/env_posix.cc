#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>

#include "journal/base/fd.h"
#include "journal/base/result_macros.h"
#include "journal/env/env.h"
#include "journal/env/posix_file.h"
#include "journal/env/posix_lock.h"
#include "journal/env/posix_place.h"

namespace range {

namespace {

// Descriptors never leak into programs that are started, nor lead out of the store by a link.
constexpr int kOpenFlags = O_CLOEXEC | O_NOFOLLOW;

Result<Fd> open_fd(const char* operation, const Path& path, int flags) {
  ASSIGN_OR_RETURN(const PosixPlace place, PosixPlace::find(operation, path));
  Fd fd(retry_interrupted(
      [&] { return ::openat(place.directory(), place.name(), kOpenFlags | flags, 0600); }));
  if (!fd) return posix_look_error(operation, path);
  return fd;
}

// Ok unless a system call that returned `result` failed.
Status checked(int result, const char* operation, const Path& path) {
  if (result != 0) return posix_error(operation, path);
  return {};
}

// The same for `call(directory, name)`, which changes something at `path`.
template <typename Call>
Status change_at(const char* operation, const Path& path, Call call) {
  ASSIGN_OR_RETURN(const PosixPlace place, PosixPlace::find(operation, path));
  return checked(call(place.directory(), place.name()), operation, path);
}

std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  RANGE_CHECK(::clock_gettime(clock, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Closed together with the directory stream.
struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

FileKind kind_of(const dirent& entry, DIR& directory) {
  switch (entry.d_type) {
    case DT_REG:
      return FileKind::kRegular;
    case DT_DIR:
      return FileKind::kDirectory;
    case DT_LNK:
      return FileKind::kSymlink;
    case DT_UNKNOWN:  // some file systems leave it to lstat(2)
      break;
    default:
      return FileKind::kOther;
  }
  struct ::stat found {};
  const char* const name = static_cast<const char*>(entry.d_name);
  if (::fstatat(::dirfd(&directory), name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return FileKind::kOther;
  }
  return to_file_stat(found).kind;
}

// For file systems that do not know RENAME_NOREPLACE. A name that appears between the two calls is
// replaced, but nobody else makes names in a store that we hold the lock of.
int rename_if_free(const PosixPlace& from, const PosixPlace& to) {
  struct ::stat found {};
  if (::fstatat(to.directory(), to.name(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return -1;
  }
  if (errno != ENOENT) return -1;
  return ::renameat(from.directory(), from.name(), to.directory(), to.name());
}

int rename_at(const PosixPlace& from, const PosixPlace& to, unsigned flags) {
  return ::renameat2(from.directory(), from.name(), to.directory(), to.name(), flags);
}

int rename_no_replace(const PosixPlace& from, const PosixPlace& to) {
  const int result = rename_at(from, to, RENAME_NOREPLACE);
  if (result == 0 || (errno != EINVAL && errno != ENOSYS)) return result;
  // EINVAL is also what moving a directory below itself gets, and gets again here.
  return rename_if_free(from, to);
}

class DirectoryLock : public FileLock {
 public:
  explicit DirectoryLock(Fd directory) : directory_(std::move(directory)) {}

 private:
  const Fd directory_;
};

class PosixEnv : public Env {
 public:
  Result<std::unique_ptr<File>> open(const Path& path, OpenMode mode) override {
    // Without O_NONBLOCK a FIFO somebody put into the store would block us here.
    int flags = O_NONBLOCK;
    if (mode == OpenMode::kRead) flags |= O_RDONLY;
    if (mode == OpenMode::kReadWrite) flags |= O_RDWR;
    if (mode == OpenMode::kCreateNew) flags |= O_RDWR | O_CREAT | O_EXCL;
    ASSIGN_OR_RETURN(Fd fd, open_fd("open", path, flags));
    return make_posix_file(std::move(fd), path);
  }

  Status make_directory(const Path& path) override {
    return change_at("mkdir", path,
                     [](int at, const char* name) { return ::mkdirat(at, name, 0700); });
  }
  Status remove_directory(const Path& path) override {
    return change_at("rmdir", path,
                     [](int at, const char* name) { return ::unlinkat(at, name, AT_REMOVEDIR); });
  }
  Status remove_file(const Path& path) override {
    return change_at("unlink", path,
                     [](int at, const char* name) { return ::unlinkat(at, name, 0); });
  }
  Status make_symlink(const std::string& target, const Path& path) override {
    return change_at("symlink", path, [&](int at, const char* name) {
      return ::symlinkat(target.c_str(), at, name);
    });
  }

  Result<std::string> read_symlink(const Path& path) override {
    ASSIGN_OR_RETURN(const PosixPlace place, PosixPlace::find("readlink", path));
    std::string target(256, '\0');
    while (true) {
      const ssize_t n = ::readlinkat(place.directory(), place.name(), target.data(), target.size());
      if (n < 0) return posix_look_error("readlink", path);
      if (static_cast<size_t>(n) < target.size()) {
        target.resize(static_cast<size_t>(n));
        return target;
      }
      target.resize(target.size() * 2);  // it may have been cut off
    }
  }

  Status rename(const Path& from, const Path& to, bool replace) override {
    ASSIGN_OR_RETURN(const PosixPlace source, PosixPlace::find("rename", from));
    ASSIGN_OR_RETURN(const PosixPlace target, PosixPlace::find("rename", to));
    const int result = replace ? rename_at(source, target, 0) : rename_no_replace(source, target);
    return checked(result, "rename", from.native() + " to " + to.native());
  }

  Status exchange(const Path& a, const Path& b) override {
    ASSIGN_OR_RETURN(const PosixPlace one, PosixPlace::find("exchange", a));
    ASSIGN_OR_RETURN(const PosixPlace other, PosixPlace::find("exchange", b));
    return checked(rename_at(one, other, RENAME_EXCHANGE), "exchange",
                   a.native() + " and " + b.native());
  }

  Result<FileStat> stat(const Path& path) override {
    ASSIGN_OR_RETURN(const PosixPlace place, PosixPlace::find("lstat", path));
    struct ::stat found {};
    if (::fstatat(place.directory(), place.name(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      return posix_look_error("lstat", path);
    }
    return to_file_stat(found);
  }

  Status set_modified(const Path& path, Timestamp modified) override {
    const auto since_epoch = modified.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const std::array<timespec, 2> times{
        timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
        timespec{.tv_sec = seconds.count(), .tv_nsec = (since_epoch - seconds).count()}};
    return change_at("utimensat", path, [&](int at, const char* name) {
      return ::utimensat(at, name, times.data(), AT_SYMLINK_NOFOLLOW);
    });
  }

  using Env::list;
  Result<DirectoryPage> list(const Path& directory, uint64_t from, size_t entries_max) override {
    ASSIGN_OR_RETURN(Fd fd, open_fd("opendir", directory, O_RDONLY | O_DIRECTORY));
    const std::unique_ptr<DIR, DirCloser> dir(::fdopendir(fd.get()));
    if (!dir) return posix_look_error("opendir", directory);
    static_cast<void>(fd.release());  // `dir` closes it from here on
    if (from > 0) ::seekdir(dir.get(), static_cast<off_t>(from));
    DirectoryPage page;
    errno = 0;  // the only way to tell the end from an error
    for (const dirent* entry = ::readdir(dir.get()); entry; entry = ::readdir(dir.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") {
        page.entries.push_back(
            {std::string(name), kind_of(*entry, *dir), static_cast<uint64_t>(entry->d_off)});
      }
      if (page.entries.size() == entries_max) {
        page.next = static_cast<uint64_t>(entry->d_off);
        return page;
      }
      errno = 0;
    }
    if (errno != 0) return posix_look_error("readdir", directory);
    return page;
  }

  Status sync_directory(const Path& directory) override {
    ASSIGN_OR_RETURN(Fd fd, open_fd("open", directory, O_RDONLY | O_DIRECTORY));
    return checked(::fsync(fd.get()), "fsync", directory);
  }

  Status sync_filesystem(const Path& path) override {
    ASSIGN_OR_RETURN(Fd fd, open_fd("open", path, O_RDONLY | O_NONBLOCK));
    return checked(::syncfs(fd.get()), "syncfs", path);
  }

  Result<Space> space(const Path& path) override {
    struct ::statvfs found {};
    if (retry_interrupted([&] { return ::statvfs(path.c_str(), &found); }) != 0) {
      return posix_look_error("statvfs", path);
    }
    return Space{.bytes_total = found.f_blocks * found.f_frsize,
                 .bytes_free = found.f_bfree * found.f_frsize,
                 .bytes_available = found.f_bavail * found.f_frsize,
                 .files_total = found.f_files,
                 .files_free = found.f_ffree};
  }

  Result<std::unique_ptr<FileLock>> lock(const Path& path) override {
    return lock_posix_file(path);
  }
  Result<std::unique_ptr<FileLock>> lock_shared(const Path& path) override {
    return lock_posix_file_shared(path);
  }

  Result<std::unique_ptr<FileLock>> lock_directory(const Path& path) override {
    ASSIGN_OR_RETURN(Fd fd, open_fd("open", path, O_RDONLY | O_DIRECTORY));
    if (retry_interrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
      if (errno != EWOULDBLOCK) return posix_error("flock", path);
      return Error{Errc::kLocked, 0, path.native() + ": locked"};
    }
    return std::unique_ptr<FileLock>(std::make_unique<DirectoryLock>(std::move(fd)));
  }

  Time now() override {
    return Time(std::chrono::floor<std::chrono::milliseconds>(read_clock(CLOCK_REALTIME)));
  }
  std::chrono::nanoseconds since_boot() override { return read_clock(CLOCK_BOOTTIME); }

  BootId boot_id() override {
    static const BootId kId = read_boot_id();
    return kId;
  }

  uint64_t random() override {
    uint64_t value = 0;
    // Up to 256 bytes come whole, and without an error once the system is up.
    RANGE_CHECK(retry_interrupted([&] { return ::getrandom(&value, sizeof(value), 0); }) ==
                sizeof(value));
    return value;
  }

 private:
  static BootId read_boot_id();
};

// The text is a UUID: 32 hex digits with dashes between. Where there is no such file the id is a
// random one, so that every run counts as another boot, which promises least.
BootId PosixEnv::read_boot_id() {
  constexpr const char* kPath = "/proc/sys/kernel/random/boot_id";
  BootId id{};
  std::array<char, 64> text{};
  const Fd fd(::open(kPath, O_RDONLY | O_CLOEXEC));
  const ssize_t n = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  size_t digits = 0;
  for (const char c : std::string_view(text.data(), static_cast<size_t>(std::max<ssize_t>(n, 0)))) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0 || digits == 2 * id.size()) continue;
    const int value = std::isdigit(static_cast<unsigned char>(c)) != 0
                          ? c - '0'
                          : std::tolower(static_cast<unsigned char>(c)) - 'a' + 10;
    auto& byte = id[digits++ / 2];
    byte = byte << 4 | std::byte(static_cast<unsigned char>(value));
  }
  if (digits != 2 * id.size()) {
    RANGE_CHECK(::getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size()));
  }
  return id;
}

}  // namespace

Env& posix_env() {
  static PosixEnv env;
  return env;
}

}  // namespace range
