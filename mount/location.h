// Where a path leads, whatever mounts and links it goes through.
#pragma once

#include <boost/filesystem/path.hpp>
#include <optional>
#include <string>

namespace rangefs {

// A place in a file system; two paths to the same place have equal ones, also if one of them goes
// through a bind mount.
struct DiskPlace {
  std::string device;            // "major:minor"
  boost::filesystem::path path;  // from the root of that file system
};

// Of an absolute path, of which the last parts need not exist. Nothing if it cannot be found out.
std::optional<DiskPlace> locate(const boost::filesystem::path& path);

// Whether `inner` is `outer` or below it.
bool is_within(const DiskPlace& inner, const DiskPlace& outer);

// Both canonical. Also if they are equal.
bool is_below(const boost::filesystem::path& path, const boost::filesystem::path& directory);

}  // namespace rangefs
