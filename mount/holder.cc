#include "mount/holder.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

#include "mount/checks.h"

namespace rangefs {

namespace {

// Linux keeps 15 bytes.
constexpr const char* kMountedName = "rangefs";
constexpr const char* kDetachedName = "rangefs:detach";

std::string name_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

// The number behind "pid "; empty if the holder cannot be seen from here.
std::string pid_in(std::string_view text) {
  constexpr std::string_view kBefore = "pid ";
  const size_t found = text.rfind(kBefore);  // the path of the store comes before
  if (found == std::string_view::npos) return "";
  text.remove_prefix(found + kBefore.size());
  return std::string(text.substr(0, text.find_first_not_of("0123456789")));
}

}  // namespace

void show(Holding holding) {
  ::prctl(PR_SET_NAME, holding == Holding::kDetached ? kDetachedName : kMountedName);
}

Holder holder_of(const range::Error& locked, const std::string& store) {
  const std::string pid = pid_in(locked.context);
  const std::string name = pid.empty() ? "" : name_of(pid);
  Holder holder{false, locked};
  if (name == kDetachedName) {
    holder.error.context +=
        ", which still serves files that were open when its mount was detached (umount -l)";
  } else if (name == kMountedName || name.empty()) {
    holder.leaves = !is_mounted(store) && !(!pid.empty() && is_mounted(store, pid));
  }
  return holder;
}

MountWatch::MountWatch(const std::string& mountpoint)
    : fd_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {
  struct stat st {};
  if (::stat(mountpoint.c_str(), &st) != 0) return;
  device_ = std::to_string(major(st.st_dev)) + ':' + std::to_string(minor(st.st_dev));
}

MountWatch::~MountWatch() {
  if (fd_ >= 0) ::close(fd_);
}

bool MountWatch::attached() {
  if (fd_ < 0 || device_.empty() || ::lseek(fd_, 0, SEEK_SET) != 0) return true;
  std::string mounts;
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = ::read(fd_, buffer.data(), buffer.size())) > 0;) {
    mounts.append(buffer.data(), static_cast<size_t>(size));
  }
  std::istringstream lines(mounts);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id;
    std::string parent;
    std::string device;
    if (fields >> id >> parent >> device && device == device_) return true;
  }
  return false;
}

}  // namespace rangefs
