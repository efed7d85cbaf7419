#include "mount/location.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>
#include <fstream>
#include <sstream>

namespace rangefs {

namespace {

namespace fs = boost::filesystem;

// Blanks, newlines and backslashes are octal numbers in /proc/self/mountinfo.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct Mount {
  std::string device;
  fs::path root;  // the part of the file system that is mounted
  fs::path point;
};

std::optional<Mount> find_mount(uint64_t id) {
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    uint64_t own = 0;
    uint64_t parent = 0;
    std::string device;
    std::string root;
    std::string point;
    if (fields >> own >> parent >> device >> root >> point && own == id) {
      return Mount{device, unescaped(root), unescaped(point)};
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_below(const fs::path& path, const fs::path& directory) {
  const auto relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

std::optional<DiskPlace> locate(const fs::path& path) {
  boost::system::error_code failed;
  const auto real_path = fs::weakly_canonical(path, failed);
  if (failed) return std::nullopt;
  auto there = real_path;
  struct statx st {};
  while (::statx(AT_FDCWD, there.c_str(), AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) != 0) {
    if (there == there.root_path()) return std::nullopt;
    there = there.parent_path();
  }
  if ((st.stx_mask & STATX_MNT_ID) == 0) return std::nullopt;  // before Linux 5.8
  const auto mount = find_mount(st.stx_mnt_id);
  if (!mount) return std::nullopt;
  const auto below = real_path.lexically_relative(mount->point);
  return DiskPlace{mount->device, below == "." ? mount->root : mount->root / below};
}

bool is_within(const DiskPlace& inner, const DiskPlace& outer) {
  return inner.device == outer.device && is_below(inner.path, outer.path);
}

}  // namespace rangefs
