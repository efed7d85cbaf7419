#include "journal/status.h"

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "journal/printable.h"

namespace range {

namespace {

const char* reason(Errc code) {
  switch (code) {
    case Errc::kInvalid:
      return "invalid argument";
    case Errc::kOutOfRange:
      return "position out of range";
    case Errc::kDropped:
      return "not kept any more";
    case Errc::kNotFound:
      return "not found";
    case Errc::kExists:
      return "already exists";
    case Errc::kNotEmpty:
      return "not empty";
    case Errc::kNotPermitted:
      return "not permitted";
    case Errc::kCorrupt:
      return "corrupt";
    case Errc::kTooLarge:
      return "too large";
    case Errc::kNoSpace:
      return "no space left in the store";
    case Errc::kIo:
      return "input/output error";
    case Errc::kLocked:
      return "locked";
    case Errc::kUnknownFormat:
      return "unknown format";
  }
  return "unknown error";
}

Errc code_of(int sys_errno) {
  switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // a limit on the size of files
      return Errc::kNoSpace;
    case ENOENT:
      return Errc::kNotFound;
    case EEXIST:
      return Errc::kExists;
    case ENOTEMPTY:
      return Errc::kNotEmpty;
    default:
      return Errc::kIo;
  }
}

}  // namespace

std::string to_string(const Error& error) {
  std::string why = error.sys_errno != 0 ? std::generic_category().message(error.sys_errno)
                                         : std::string(reason(error.code));
  if (error.context.empty()) return why;
  const bool says_all =
      error.says_all || error.code == Errc::kLocked || error.code == Errc::kUnknownFormat;
  const std::string context = printable(error.context);
  return says_all ? context : context + ": " + why;
}

Error refusal(Errc code, std::string why) {
  Error error{code, 0, std::move(why)};
  error.says_all = true;
  return error;
}

bool out_of_descriptors(const Error& error) {
  return error.sys_errno == EMFILE || error.sys_errno == ENFILE;
}

Error system_error(int sys_errno, std::string context) {
  return Error{code_of(sys_errno), sys_errno, std::move(context)};
}

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: invariant does not hold: %s\n", file, line, condition);
  std::abort();
}

}  // namespace range
