#include "mount/remount.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "journal/base/result_macros.h"
#include "mount/checks.h"
#include "mount/running_mount.h"

namespace rangefs {

namespace {

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

// What the kernel shows of a mount of FUSE where it was said.
constexpr std::array<std::string_view, 9> kShown{"user_id",   "group_id",   "max_read",
                                                 "blksize",   "rootmode",   "context",
                                                 "fscontext", "defcontext", "rootcontext"};

// What nothing tells of a mount.
constexpr std::array<std::string_view, 2> kUnknowable{"auto_unmount", "debug"};

template <typename Names>
bool is_among(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Those that `given` names. mount(8) leaves out what is not to hold, but always says whether there
// are writing, devices and set-ID programs: if nobody does, that stays as it is.
unsigned long flags_of(const RunningMount& mount, const std::vector<std::string>& given) {
  unsigned long flags = 0;
  for (const std::string_view kept : {"ro", "nosuid", "nodev"}) {
    if (mount.has(kept)) flags |= std::ranges::find(kFlags, kept, &Flag::name)->bits;
  }
  for (const std::string& option : given) {
    const auto* flag = std::ranges::find(kFlags, option, &Flag::name);
    if (flag == kFlags.end()) continue;
    flags = flag->on ? flags | flag->bits : flags & ~flag->bits;
  }
  return flags;
}

// The option's name, without "no_" and a value.
std::string_view option_name(std::string_view option) {
  if (option.starts_with("no_")) option.remove_prefix(3);
  return option.substr(0, option.find('='));
}

// Whether `option`, which is not of kFlags, says what holds for the mount anyway. What is for
// mount(8) or for nobody does.
Result<bool> holds(const Options& options, const RunningMount& mount, const std::string& option) {
  const std::string_view name = option_name(option);
  const auto is = [&](const std::string& key, std::string_view value) -> Result<bool> {
    ASSIGN_OR_RETURN(const std::string present, mount.property(key));
    return present == value;
  };
  if (name == "chunk_size") return is("chunk_size", std::to_string(options.engine.chunk_size));
  if (name == "sync_interval") {
    return is("sync_interval", std::to_string(options.engine.sync_interval.count()) + "ms");
  }
  if (name == "framing") return is("default_framing", to_string(options.engine.framing));
  if (name == "allow_other") return mount.has("allow_other") == !option.starts_with("no_");
  if (name == "fsname") return option == "fsname=" + mount.source();
  if (name == "subtype") return option == "subtype=rangefs";
  if (is_among(kUnknowable, name)) return false;
  if (is_among(kShown, name)) return mount.has(option);
  return true;
}

// The daemon took its settings when it was started, and the kernel its own: those in fstab may
// stand there, as they are repeated, but new ones would do nothing.
Status check_unchanged(const Options& options, const RunningMount& mount) {
  std::vector<std::string_view> seen;
  // The last one counts.
  for (auto it = options.given.rbegin(); it != options.given.rend(); ++it) {
    if (is_among(seen, option_name(*it))) continue;
    seen.push_back(option_name(*it));
    const auto unchanged = holds(options, mount, *it);
    if (!unchanged) {
      return problem("option '" + *it + "' cannot be compared with that of the mount: " +
                     to_string(unchanged.error()));
    }
    if (!*unchanged) {
      return problem("option '" + *it + "' takes a new mount: it cannot be changed in this one");
    }
  }
  return {};
}

}  // namespace

Status remount(const Options& options) {
  const std::string& mountpoint = options.mountpoint;
  const auto mount = RunningMount::on(mountpoint);
  if (!mount) return problem(mountpoint + " is not a mount of rangefs");
  const unsigned long flags = flags_of(*mount, options.given);
  const bool writes = (flags & MS_RDONLY) == 0;
  const auto read_only = mount->property("read_only");
  if (writes && read_only && *read_only == "1") {
    return problem("the store of " + mountpoint +
                   " was opened read-only, for good: unmount it and mount it anew");
  }
  RETURN_IF_ERROR(check_unchanged(options, *mount));
  if (::mount("none", mountpoint.c_str(), nullptr, MS_REMOUNT | flags, nullptr) != 0) {
    if (errno == EPERM) return problem("only root may remount");
    if (errno == EBUSY) return problem(mountpoint + " is busy: files are open for writing");
    return range::system_error(errno, "remounting " + mountpoint);
  }
  const Status synced = writes ? Status() : mount->sync();
  if (synced) return {};
  return problem(mountpoint +
                 " is read-only now, but what was written before may not be durable: " +
                 to_string(synced.error()));
}

}  // namespace rangefs
