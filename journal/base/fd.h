// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <utility>

namespace range {

// Owns a descriptor. Closing drops no error that matters: what must survive was synced before.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);  // `other` closes what was ours
    return *this;
  }
  ~Fd() {
    // Never retried on EINTR: Linux has released the number by then.
    if (fd_ >= 0) ::close(fd_);
  }

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  // Gives the descriptor away to something else that closes it.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace range
