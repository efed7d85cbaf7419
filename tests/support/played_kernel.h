// A kernel played by a test: sends requests to a FuseAdapter in the order the test wants, through
// libfuse, but without a mount.
#pragma once

#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/types.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fs/fuse/fuse_adapter.h"

struct iovec;

namespace rangefs {

// There can be one at a time. Requests are handled in the thread that sends them; answers may come
// from any other.
class PlayedKernel {
 public:
  struct Answer {
    int error = 0;  // positive
    std::string body;
  };
  // What is told without being asked for.
  struct Notice {
    fuse_notify_code code{};
    std::string body;
  };

  // Offers all that a kernel can have. `adapter` must outlive it.
  explicit PlayedKernel(FuseAdapter& adapter);
  ~PlayedKernel();
  PlayedKernel(const PlayedKernel&) = delete;
  PlayedKernel& operator=(const PlayedKernel&) = delete;

  // What of that was taken.
  const fuse_init_out& connection() const { return connection_; }

  // Sends a request on behalf of thread `caller`, and returns its number.
  uint64_t send(fuse_opcode operation, uint64_t node, std::string_view body, pid_t caller = 0);
  // Tells that the caller of a request got a signal.
  void interrupt(uint64_t request);

  bool answered(uint64_t request);
  // Waits for the answer.
  Answer answer(uint64_t request);
  // Both.
  Answer call(fuse_opcode operation, uint64_t node, std::string_view body) {
    return answer(send(operation, node, body));
  }
  // What has come since this was last asked, in order.
  std::vector<Notice> take_notices();

  // What programs do, answered at once.
  uint64_t look_up(uint64_t parent, std::string_view name);  // the node
  uint64_t open(uint64_t node, uint32_t flags);              // the file handle

  // Of calls that may wait; the number of the request.
  uint64_t send_open(uint64_t node, uint32_t flags, pid_t caller);
  uint64_t send_write(uint64_t node, uint64_t handle, std::string_view text, uint32_t flags,
                      pid_t caller);
  uint64_t send_fsync(uint64_t node, uint64_t handle, pid_t caller);
  uint64_t send_read(uint64_t node, uint64_t handle, uint64_t offset, uint32_t size, pid_t caller);
  // Of who wants to be told of more under the number `key`; returns what can be done at once.
  uint32_t poll(uint64_t node, uint64_t handle, uint64_t key);

 private:
  static ssize_t take_answer(int fd, iovec* parts, int count, void* unused);

  fuse_session* session_;
  uint64_t last_request_ = 0;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::map<uint64_t, Answer> answers_;  // guarded by mutex_
  std::vector<Notice> notices_;         // guarded by mutex_
  fuse_init_out connection_{};
};

// Structures of the kernel's as they are sent.
template <typename Struct>
std::string bytes_of(const Struct& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::string name_sent(std::string_view name) { return std::string(name) + '\0'; }

template <typename Struct>
Struct struct_of(std::string_view bytes) {
  Struct value{};
  EXPECT_GE(bytes.size(), sizeof value);
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

}  // namespace rangefs
