// A kernel played by a test: sends requests to a FuseAdapter in the order the test wants, through
// libfuse, but without a mount.
#pragma once

#include <linux/fuse.h>
#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "fs/fuse_adapter.h"

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

  // `adapter` must outlive it.
  explicit PlayedKernel(FuseAdapter& adapter);
  ~PlayedKernel();
  PlayedKernel(const PlayedKernel&) = delete;
  PlayedKernel& operator=(const PlayedKernel&) = delete;

  // Sends a request on behalf of thread `caller`, and returns its number.
  uint64_t send(fuse_opcode operation, uint64_t node, std::string_view body, pid_t caller = 0);
  // Tells that the caller of a request got a signal.
  void interrupt(uint64_t request);

  bool answered(uint64_t request);
  // Waits for the answer.
  Answer answer(uint64_t request);

  // What programs do, answered at once.
  uint64_t look_up(uint64_t parent, std::string_view name);  // the node
  uint64_t open(uint64_t node, uint32_t flags);              // the file handle

  // Of calls that may wait; the number of the request.
  uint64_t send_open(uint64_t node, uint32_t flags, pid_t caller);
  uint64_t send_write(uint64_t node, uint64_t handle, std::string_view text, uint32_t flags,
                      pid_t caller);
  uint64_t send_fsync(uint64_t node, uint64_t handle, pid_t caller);

 private:
  static ssize_t take_answer(int fd, iovec* parts, int count, void* unused);

  fuse_session* session_;
  uint64_t last_request_ = 0;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::map<uint64_t, Answer> answers_;  // guarded by mutex_
};

}  // namespace rangefs
