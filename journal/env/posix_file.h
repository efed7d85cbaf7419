// Files of the operating system, for env_posix.cc.
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string>

#include "journal/base/fd.h"
#include "journal/env/env.h"
#include "journal/status.h"

namespace range {

// Calls `call` again for as long as a signal interrupts it.
template <typename Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// The error in errno, with "operation path" as context.
inline Error posix_error(const char* operation, const Path& path) {
  const int sys_errno = errno;  // before anything below can change it
  return system_error(sys_errno, std::string(operation) + ' ' + path.native());
}

// The same for a call that opens or looks only.
inline Error posix_look_error(const char* operation, const Path& path) {
  Error error = posix_error(operation, path);
  error.lost_nothing = true;
  return error;
}

FileStat to_file_stat(const struct ::stat& from);

// `path` is for messages only.
std::unique_ptr<File> make_posix_file(Fd fd, Path path);

}  // namespace range
