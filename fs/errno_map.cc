#include "fs/errno_map.h"

#include <cerrno>
#include <utility>

namespace rangefs {

Error refused(int errno_value, std::string context) {
  return Error{Errc::kInvalid, errno_value, std::move(context)};
}

int to_errno(const Error& error) {
  switch (error.code) {
    case Errc::kInvalid:
      // The engine sets no errno with this code: where there is one, refused() chose it.
      return error.sys_errno != 0 ? error.sys_errno : EINVAL;
    case Errc::kOutOfRange:
      return ERANGE;
    case Errc::kDropped:
      return ESTALE;
    case Errc::kNotFound:
      return ENOENT;
    case Errc::kExists:
      return EEXIST;
    case Errc::kNotEmpty:
      return ENOTEMPTY;
    case Errc::kNotPermitted:
      return error.sys_errno == EROFS ? EROFS : EPERM;
    case Errc::kTooLarge:
      return EFBIG;
    case Errc::kNoSpace:
      return ENOSPC;
    case Errc::kLocked:
      return EBUSY;
    case Errc::kIo:
      // The path below the store's directory is too long, though each name is not; or the file
      // system there was made read-only, by somebody or by an error of its own.
      return error.sys_errno == ENAMETOOLONG || error.sys_errno == EROFS ? error.sys_errno : EIO;
    case Errc::kCorrupt:
    case Errc::kUnknownFormat:
      return EIO;
  }
  return EIO;
}

}  // namespace rangefs
