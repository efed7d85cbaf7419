// What can be found out before mounting, so that the answer is one clear line.
#pragma once

#include <optional>
#include <string>

#include "journal/status.h"

namespace rangefs {

// Why rangefs does not mount, in words for who wanted it to.
range::Error problem(std::string what);

// `mountpoint` is a directory that can be mounted on: it is there, and neither a mount of rangefs
// nor one whose daemon is gone. Neither is it in `store` nor `store` in it. Both absolute.
range::Status check_mountpoint(const std::string& mountpoint, const std::string& store);

// FUSE is there and this user may use it.
range::Status check_fuse(bool root);

// A mount of rangefs as the kernel shows it.
struct ShownMount {
  std::string source;
  std::string options;  // and commas
};
// The one that is seen on `path`, which is canonical; nothing if there is none, or something else
// is mounted over it.
std::optional<ShownMount> shown_mount(const std::string& path);

// Whether rangefs is mounted on `path`, which is canonical.
bool is_mountpoint(const std::string& path);

// Whether `store` is mounted somewhere by rangefs, as far as process `pid` can see.
bool is_mounted(const std::string& store, const std::string& pid = "self");

}  // namespace rangefs
