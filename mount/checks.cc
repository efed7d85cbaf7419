#include "mount/checks.h"

#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>

#include "journal/base/result_macros.h"
#include "mount/location.h"

namespace rangefs {

namespace {

using range::Errc;
using range::Error;
using range::Status;

bool is_rangefs(const mntent& entry) { return std::string_view(entry.mnt_type) == "fuse.rangefs"; }

// Whether `test` holds for a mount that process `pid` sees. They come in the order in which they
// were mounted.
bool any_mount(const std::function<bool(const mntent&)>& test, const std::string& pid = "self") {
  const std::string path = "/proc/" + pid + "/mounts";
  const std::unique_ptr<FILE, int (*)(FILE*)> mounts(setmntent(path.c_str(), "re"), endmntent);
  if (!mounts) return false;
  mntent entry{};
  std::array<char, 8192> buffer{};
  while (getmntent_r(mounts.get(), &entry, buffer.data(), buffer.size()) != nullptr) {
    if (test(entry)) return true;
  }
  return false;
}

bool any_rangefs_mount(const std::function<bool(const mntent&)>& test,
                       const std::string& pid = "self") {
  return any_mount([&](const mntent& entry) { return is_rangefs(entry) && test(entry); }, pid);
}

// Without symbolic links; as it is if that cannot be said.
boost::filesystem::path canonical(const std::string& path) {
  boost::system::error_code failed;
  auto real_path = boost::filesystem::weakly_canonical(path, failed);
  return failed ? boost::filesystem::path(path) : real_path;
}

// The daemon would wait for itself wherever the one covers the other. Paths alone do not tell: the
// same directory may be mounted in two places, and then so is what is mounted on it.
Status check_apart(const std::string& mountpoint, const std::string& store) {
  const auto real_store = canonical(store);
  const auto real_mountpoint = canonical(mountpoint);
  const auto store_at = locate(real_store);
  const auto mountpoint_at = locate(real_mountpoint);
  const bool located = store_at && mountpoint_at;
  if (is_below(real_store, real_mountpoint) || (located && is_within(*store_at, *mountpoint_at))) {
    return problem("the store " + store + " must not be on its mountpoint " + mountpoint);
  }
  if (is_below(real_mountpoint, real_store) || (located && is_within(*mountpoint_at, *store_at))) {
    return problem("the mountpoint " + mountpoint + " must not be in its store " + store);
  }
  return {};
}

}  // namespace

Error problem(std::string what) { return Error{Errc::kIo, 0, std::move(what)}; }

Status check_mountpoint(const std::string& mountpoint, const std::string& store) {
  struct stat st {};
  struct statvfs space {};  // asks the daemon, where attributes may come from the kernel's memory
  if (::stat(mountpoint.c_str(), &st) != 0 || ::statvfs(mountpoint.c_str(), &space) != 0) {
    switch (errno) {
      case ENOENT:
        return problem("mountpoint " + mountpoint + " does not exist");
      case ENOTCONN:
        return problem("mountpoint " + mountpoint +
                       " is a mount whose daemon is gone; free it: fusermount3 -uz " + mountpoint);
      default:
        return range::system_error(errno, "mountpoint " + mountpoint);
    }
  }
  if (!S_ISDIR(st.st_mode)) return problem("mountpoint " + mountpoint + " is not a directory");
  if (is_mountpoint(mountpoint)) {
    return problem("mountpoint " + mountpoint + " is busy: rangefs is mounted there already");
  }
  RETURN_IF_ERROR(check_apart(mountpoint, store));
  const auto real_store = canonical(store);
  // The kernel lists mountpoints canonically.
  if (any_rangefs_mount([&](const mntent& entry) { return is_below(real_store, entry.mnt_dir); })) {
    return problem("the store " + store + " must not be on a mount of rangefs");
  }
  return {};
}

Status check_fuse(bool root) {
  const int device = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) {
    if (errno == EACCES || errno == EPERM) return problem("no permission on /dev/fuse");
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
      return problem("no /dev/fuse: the kernel lacks FUSE (modprobe fuse)");
    }
    return range::system_error(errno, "/dev/fuse");
  }
  ::close(device);
  // Where libfuse looks for it before it searches PATH.
  if (!root && ::access("/usr/bin/fusermount3", X_OK) != 0 &&
      ::access("/bin/fusermount3", X_OK) != 0 &&
      ::access("/usr/local/bin/fusermount3", X_OK) != 0) {
    return problem("fusermount3 is missing (Debian: apt install fuse3)");
  }
  return {};
}

std::optional<ShownMount> shown_mount(const std::string& path) {
  std::optional<ShownMount> shown;
  any_mount([&](const mntent& entry) {
    if (path != entry.mnt_dir) return false;
    shown.reset();
    if (is_rangefs(entry)) shown = ShownMount{entry.mnt_fsname, entry.mnt_opts};
    return false;  // the last one is on top
  });
  return shown;
}

bool is_mountpoint(const std::string& path) { return shown_mount(path).has_value(); }

bool is_mounted(const std::string& store, const std::string& pid) {
  return any_rangefs_mount([&](const mntent& entry) { return store == entry.mnt_fsname; }, pid);
}

}  // namespace rangefs
