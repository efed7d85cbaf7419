// Errors as values: `Status` and `Result<T>`, after C++23's std::expected (whose member names they
// use), which the supported compilers do not have yet. Nothing in rangefs throws.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace range {

// What went wrong, as far as a caller may want to act on it.
enum class Errc {
  kInvalid,        // an argument that can never be right: a bad name, a malformed position
  kOutOfRange,     // a position past the end of the journal
  kDropped,        // a part of the journal that is not kept any more
  kNotFound,       // no such journal or directory
  kExists,         // the name is taken
  kNotEmpty,       // a directory with entries in it
  kNotPermitted,   // it would change what is stored, and stored records never change
  kCorrupt,        // a checksum does not hold; what it covers is not served
  kTooLarge,       // an append or a record above a limit
  kNoSpace,        // the store is full; nothing of the append was kept
  kIo,             // any other failure of the file system underneath
  kLocked,         // another process has the store open; the context says which
  kUnknownFormat,  // not a store, or of a newer version; the context says that
};

struct Error {
  Errc code = Errc::kIo;
  int sys_errno = 0;      // errno of the system call that failed, 0 if none did
  std::string context{};  // operation, file and offset, for the log; names in it as they are
  // The call that failed was one that opens or looks only: it has changed and lost nothing, and may
  // work the next time. For want of descriptors or memory, say.
  bool lost_nothing = false;
  // The context is the reason, and all that there is to say.
  bool says_all = false;
};

// An error that says why, in words that need no more.
Error refusal(Errc code, std::string why);

// "context: reason", or the context where it is the reason, on one line: see printable.h.
std::string to_string(const Error& error);

// True for a call that failed because no descriptor was free: it did nothing, and may work later.
bool out_of_descriptors(const Error& error);

// An error for the system call that just failed; ENOSPC, EDQUOT, EFBIG, ENOENT, EEXIST and
// ENOTEMPTY get codes of their own, everything else is kIo.
Error system_error(int sys_errno, std::string context);

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit, so that functions can return either a value or an Error.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Each requires that the named alternative is present.
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: as above

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

// Ends the process with a message: an invariant of ours does not hold, and going on could write
// wrong data. On in release builds too.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace range

#define RANGE_CHECK(condition) \
  ((condition) ? void(0) : ::range::check_failed(#condition, __FILE__, __LINE__))
