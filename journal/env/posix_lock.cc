#include "journal/env/posix_lock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "journal/base/fd.h"
#include "journal/base/mutex.h"
#include "journal/base/result_macros.h"
#include "journal/env/posix_file.h"

namespace range {

namespace {

struct HeldLock {
  dev_t device = 0;
  ino_t inode = 0;
  int fd = -1;
  pid_t owner = 0;
  bool shared = false;
};

// The locks of this process. Never destroyed: the end of the process may come first.
struct HeldLocks {
  Mutex mutex;
  std::vector<HeldLock> all GUARDED_BY(mutex);
};

HeldLocks& held_locks() {
  static auto* const kLocks = [] {
    auto* const locks = new HeldLocks;
    const auto before = []() NO_THREAD_SAFETY_ANALYSIS { held_locks().mutex.lock(); };
    const auto in_parent = []() NO_THREAD_SAFETY_ANALYSIS { held_locks().mutex.unlock(); };
    const auto in_child = []() NO_THREAD_SAFETY_ANALYSIS {
      for (const HeldLock& lock : held_locks().all) ::close(lock.fd);
      held_locks().all.clear();
      held_locks().mutex.unlock();
    };
    RANGE_CHECK(::pthread_atfork(before, in_parent, in_child) == 0);
    return locks;
  }();
  return *kLocks;
}

class PosixLock : public FileLock {
 public:
  explicit PosixLock(const HeldLock& lock) : fd_(lock.fd), owner_(lock.owner) {}
  ~PosixLock() override {
    HeldLocks& locks = held_locks();
    MutexLock guard(locks.mutex);
    const auto erased = std::erase_if(
        locks.all, [&](const HeldLock& lock) { return lock.fd == fd_ && lock.owner == owner_; });
    // In the child of fork(2) it is closed already, and the number may be another file's.
    if (erased == 0) return;
    // By name: a child of clone(2) may have the file open, and is itself not the owner.
    if (::getpid() == owner_) ::flock(fd_, LOCK_UN);
    ::close(fd_);
  }

 private:
  const int fd_;
  const pid_t owner_;
};

// The pid that is noted in a lock file, as text.
std::string noted_pid(int fd) {
  std::array<char, 32> text{};
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  const auto end = std::find_if_not(text.begin(), text.begin() + std::max<ssize_t>(n, 0),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
  return {text.begin(), end};
}

// A full disk must keep nobody from a store: what cannot be noted is not.
void note_pid(int fd) {
  const std::string line = std::to_string(::getpid()) + '\n';
  const ssize_t n = ::pwrite(fd, line.data(), line.size(), 0);
  const bool noted = n == static_cast<ssize_t>(line.size());
  // Nor may an earlier one stay.
  static_cast<void>(::ftruncate(fd, noted ? n : 0));
}

// Lets others learn our pid; where that cannot be done they learn less.
void take_record_lock(int fd) {
  struct ::flock lock {};
  lock.l_type = F_RDLCK;  // what a descriptor for reading may have
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  static_cast<void>(::fcntl(fd, F_SETLK, &lock));
}

// Of the process that has the record lock: 0 if nobody has, -1 if it cannot be told from here.
pid_t record_lock_owner(int fd) {
  struct ::flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_len = 1;
  if (::fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  return lock.l_pid > 0 ? lock.l_pid : -1;
}

// As the kernel lists it: "1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF", or READ where it is
// shared. 0 if it does not.
pid_t flock_owner(int fd) {
  struct ::stat file {};
  if (::fstat(fd, &file) != 0) return 0;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    pid_t pid = 0;
    unsigned major = 0;
    unsigned minor = 0;
    unsigned long inode = 0;
    const int fields = std::sscanf(line.c_str(), "%*s FLOCK ADVISORY %*s %d %x:%x:%lu", &pid,
                                   &major, &minor, &inode);
    if (fields == 4 && inode == file.st_ino && makedev(major, minor) == file.st_dev) return pid;
  }
  return 0;
}

std::string holder(int fd) {
  pid_t owner = record_lock_owner(fd);
  if (owner == 0) owner = flock_owner(fd);
  if (owner > 0) return "pid " + std::to_string(owner);
  std::string unseen = "a process that cannot be seen from here (of another pid namespace or host";
  const std::string noted = noted_pid(fd);
  if (!noted.empty()) unseen += "; the file names pid " + noted + ", which may be out of date";
  return unseen + ')';
}

Error locked_by(const Path& path, const std::string& whom) {
  return {Errc::kLocked, 0, path.native() + ": locked by " + whom};
}

// For reading where it is shared or the disk has become read-only: that is enough to lock it.
Result<Fd> open_lock_file(const Path& path, bool shared) {
  constexpr int kFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const auto open = [&](int flags) {
    return retry_interrupted([&] { return ::open(path.c_str(), kFlags | flags, 0600); });
  };
  Fd fd(open(shared ? O_RDONLY : O_RDWR | O_CREAT));
  if (!fd && errno == EROFS) fd = Fd(open(O_RDONLY));
  if (!fd) return posix_error("open", path);
  return fd;
}

Result<std::unique_ptr<FileLock>> take_lock(const Path& path, bool shared) {
  HeldLocks& locks = held_locks();
  MutexLock guard(locks.mutex);
  struct ::stat file {};
  // Before it is opened: closing it again would take the record lock away.
  if (::lstat(path.c_str(), &file) == 0 &&
      std::any_of(locks.all.begin(), locks.all.end(), [&](const HeldLock& lock) {
        return lock.device == file.st_dev && lock.inode == file.st_ino && !(shared && lock.shared);
      })) {
    return locked_by(path, "this process, pid " + std::to_string(::getpid()));
  }
  ASSIGN_OR_RETURN(Fd fd, open_lock_file(path, shared));
  if (::fstat(fd.get(), &file) != 0) return posix_error("fstat", path);
  const int operation = shared ? LOCK_SH : LOCK_EX;
  if (retry_interrupted([&] { return ::flock(fd.get(), operation | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return posix_error("flock", path);
    return locked_by(path, holder(fd.get()));
  }
  take_record_lock(fd.get());
  if (!shared) note_pid(fd.get());
  const HeldLock lock{file.st_dev, file.st_ino, fd.release(), ::getpid(), shared};
  locks.all.push_back(lock);
  return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(lock));
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_posix_file(const Path& path) {
  return take_lock(path, false);
}

Result<std::unique_ptr<FileLock>> lock_posix_file_shared(const Path& path) {
  return take_lock(path, true);
}

}  // namespace range
