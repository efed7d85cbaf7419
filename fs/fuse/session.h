// A mount, and the threads that serve it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fs/fuse/fuse_adapter.h"
#include "fs/types.h"

struct fuse_session;

namespace rangefs {

// Owned by the daemon, used by one thread: mount(), serve(), wait for ended_fd() or a signal,
// stop().
class Session {
 public:
  // `adapter` must outlive the session.
  explicit Session(FuseAdapter& adapter);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Mounts on `mountpoint`, an absolute path. `options` are those that libfuse and mount(2) know.
  // Nobody is answered before serve(). Errors: kIo, with what libfuse and fusermount3 had to say.
  Status mount(const std::string& mountpoint, const std::vector<std::string>& options, bool debug);

  // Starts the serving threads.
  void serve();

  // Readable when serving has ended by itself, because somebody unmounted.
  int ended_fd() const { return ended_; }

  // Answers what is deferred, stops serving and unmounts, also when files are open.
  void stop();

 private:
  void serve_requests();

  FuseAdapter& adapter_;
  fuse_session* session_ = nullptr;
  bool mounted_ = false;
  int ended_ = -1;                // eventfd
  std::atomic<int> serving_ = 0;  // threads that are not about to return
  std::vector<std::thread> threads_;
};

}  // namespace rangefs
