// Where a path leads, for env_posix.cc.
#pragma once

#include <fcntl.h>

#include <utility>

#include "journal/base/fd.h"
#include "journal/env/env.h"
#include "journal/status.h"

namespace range {

// The arguments by which system calls of the kind of openat(2) find a path of any length, although
// none of them takes more than PATH_MAX bytes at once. As with a path that is short, the store's
// lock keeps others from moving the directories on the way. Borrows the path.
class PosixPlace {
 public:
  // Errors: those of open(2), with "operation path" as context.
  static Result<PosixPlace> find(const char* operation, const Path& path);

  int directory() const { return directory_ ? directory_.get() : AT_FDCWD; }
  const char* name() const { return name_; }

 private:
  PosixPlace(Fd directory, const char* name) : directory_(std::move(directory)), name_(name) {}

  Fd directory_;  // of a path that is too long, one on the way that is near enough
  const char* name_;
};

}  // namespace range
