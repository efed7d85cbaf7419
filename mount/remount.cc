#include "mount/remount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "journal/result_macros.h"
#include "mount/checks.h"

namespace rangefs {

namespace {

using range::Errc;
using range::Error;
using range::Result;
using range::Status;

struct Flag {
  std::string_view name;
  unsigned long bits;
  bool on;
};

constexpr std::array kFlags{
    Flag{"ro", MS_RDONLY, true},
    Flag{"rw", MS_RDONLY, false},
    Flag{"nosuid", MS_NOSUID, true},
    Flag{"suid", MS_NOSUID, false},
    Flag{"nodev", MS_NODEV, true},
    Flag{"dev", MS_NODEV, false},
    Flag{"noexec", MS_NOEXEC, true},
    Flag{"exec", MS_NOEXEC, false},
    Flag{"sync", MS_SYNCHRONOUS, true},
    Flag{"async", MS_SYNCHRONOUS, false},
    Flag{"dirsync", MS_DIRSYNC, true},
    Flag{"noatime", MS_NOATIME, true},
    Flag{"atime", MS_NOATIME, false},
    Flag{"nodiratime", MS_NODIRATIME, true},
    Flag{"diratime", MS_NODIRATIME, false},
    Flag{"relatime", MS_RELATIME, true},
    Flag{"norelatime", MS_RELATIME, false},
    Flag{"strictatime", MS_STRICTATIME, true},
    Flag{"nostrictatime", MS_STRICTATIME, false},
};

// Those that `given` names. mount(8) leaves out what is not to hold, but always says whether there
// are writing, devices and set-ID programs: if nobody does, that stays as it is. statvfs(3) has the
// bits of mount(2).
Result<unsigned long> flags_of(const std::string& mountpoint,
                               const std::vector<std::string>& given) {
  constexpr unsigned long kKept = MS_RDONLY | MS_NOSUID | MS_NODEV;
  struct statvfs st {};
  if (::statvfs(mountpoint.c_str(), &st) != 0) return range::system_error(errno, mountpoint);
  unsigned long flags = st.f_flag & kKept;
  for (const std::string& option : given) {
    const auto* flag = std::ranges::find(kFlags, option, &Flag::name);
    if (flag == kFlags.end()) continue;
    flags = flag->on ? flags | flag->bits : flags & ~flag->bits;
  }
  return flags;
}

// What the root says about itself; nothing if this user must not know.
std::optional<std::string> property(const std::string& mountpoint, const std::string& key) {
  std::array<char, 256> value{};
  const ssize_t size =
      ::getxattr(mountpoint.c_str(), ("user.range." + key).c_str(), value.data(), value.size());
  if (size < 0) return std::nullopt;
  return std::string(value.data(), static_cast<size_t>(size));
}

// The daemon took its settings when it was started: those in fstab may stand there, as they are
// repeated, but new ones would do nothing.
Status check_unchanged(const Options& options) {
  const auto& engine = options.engine;
  // The last one counts, and that is the one to name.
  for (auto it = options.given.rbegin(); it != options.given.rend(); ++it) {
    const std::string& option = *it;
    const std::string key = option.substr(0, option.find('='));
    std::string wanted;
    if (key == "chunk_size") wanted = std::to_string(engine.chunk_size);
    if (key == "sync_interval") wanted = std::to_string(engine.sync_interval.count()) + "ms";
    if (!wanted.empty() && property(options.mountpoint, key).value_or(wanted) != wanted) {
      return problem("option '" + option + "' takes a new mount: it cannot be changed in this one");
    }
  }
  return {};
}

// Everything that was written, since there may be nobody who can ask for it later.
Status sync(const std::string& mountpoint) {
  const int fd = ::open(mountpoint.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES ? Status() : range::system_error(errno, mountpoint);
  const int failed = ::fsync(fd) != 0 ? errno : 0;
  ::close(fd);
  if (failed != 0) return range::system_error(failed, "sync of " + mountpoint);
  return {};
}

}  // namespace

Status remount(const Options& options) {
  const std::string& mountpoint = options.mountpoint;
  if (!is_mountpoint(mountpoint)) return problem(mountpoint + " is not a mount of rangefs");
  ASSIGN_OR_RETURN(const unsigned long flags, flags_of(mountpoint, options.given));
  const bool writes = (flags & MS_RDONLY) == 0;
  if (writes && property(mountpoint, "read_only") == "1") {
    return problem("the store of " + mountpoint +
                   " was opened read-only, for good: unmount it and mount it anew");
  }
  RETURN_IF_ERROR(check_unchanged(options));
  if (::mount("none", mountpoint.c_str(), nullptr, MS_REMOUNT | flags, nullptr) != 0) {
    if (errno == EPERM) return problem("only root may remount");
    if (errno == EBUSY) return problem(mountpoint + " is busy: files are open for writing");
    return range::system_error(errno, "remounting " + mountpoint);
  }
  return writes ? Status() : sync(mountpoint);
}

}  // namespace rangefs
