#include "mount/checks.h"

#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>

namespace rangefs {

namespace {

using range::Errc;
using range::Error;
using range::Status;

Error problem(std::string what) { return Error{Errc::kIo, 0, std::move(what)}; }

// Whether `test` holds for a mount of this kind.
bool any_rangefs_mount(const std::function<bool(const mntent&)>& test) {
  const std::unique_ptr<FILE, int (*)(FILE*)> mounts(setmntent("/proc/self/mounts", "re"),
                                                     endmntent);
  if (!mounts) return false;
  mntent entry{};
  std::array<char, 8192> buffer{};
  while (getmntent_r(mounts.get(), &entry, buffer.data(), buffer.size()) != nullptr) {
    if (std::string_view(entry.mnt_type) == "fuse.rangefs" && test(entry)) return true;
  }
  return false;
}

// Without symbolic links; as it is if that cannot be said.
boost::filesystem::path canonical(const std::string& path) {
  boost::system::error_code failed;
  auto real_path = boost::filesystem::weakly_canonical(path, failed);
  return failed ? boost::filesystem::path(path) : real_path;
}

// Both canonical.
bool is_below(const boost::filesystem::path& path, const boost::filesystem::path& directory) {
  const auto relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

Status check_mountpoint(const std::string& mountpoint, const std::string& store) {
  struct stat st {};
  if (::stat(mountpoint.c_str(), &st) != 0) {
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
  if (any_rangefs_mount([&](const mntent& entry) { return mountpoint == entry.mnt_dir; })) {
    return problem("mountpoint " + mountpoint + " is busy: rangefs is mounted there already");
  }
  const auto real_store = canonical(store);
  if (is_below(real_store, canonical(mountpoint))) {
    return problem("the store " + store + " must not be on its mountpoint " + mountpoint);
  }
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

bool is_mounted(const std::string& store) {
  return any_rangefs_mount([&](const mntent& entry) { return store == entry.mnt_fsname; });
}

}  // namespace rangefs
