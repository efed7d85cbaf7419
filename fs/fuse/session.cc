#include "fs/fuse/session.h"

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>

namespace rangefs {

namespace {

// Two, so that one answers while the other works. More would only take turns on the locks, and
// threads that come and go cost more than they serve.
constexpr int kServingThreads = 2;
constexpr int kWakeSignal = SIGUSR1;

// What is written to stderr in its lifetime: libfuse explains there why it cannot mount, and so
// does fusermount3, which it starts.
class CapturedStderr {
 public:
  CapturedStderr() : saved_(::dup(STDERR_FILENO)), file_(::memfd_create("stderr", MFD_CLOEXEC)) {
    if (saved_ >= 0 && file_ >= 0) ::dup2(file_, STDERR_FILENO);
  }
  ~CapturedStderr() {
    if (saved_ >= 0) ::close(saved_);
    if (file_ >= 0) ::close(file_);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  // Ends capturing. The first line of what came.
  std::string first_line() {
    if (saved_ < 0 || file_ < 0) return "";
    ::dup2(saved_, STDERR_FILENO);
    std::string text(4096, '\0');
    const ssize_t size = ::pread(file_, text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    return text.substr(0, text.find('\n'));
  }

 private:
  const int saved_;
  const int file_;
};

void ignore_signal(int) {}

// So that pthread_kill() makes a blocked read(2) return.
void prepare_wake_signal() {
  struct sigaction action {};
  action.sa_handler = ignore_signal;  // without SA_RESTART
  sigaction(kWakeSignal, &action, nullptr);
}

void set_wake_signal_blocked(bool blocked) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, kWakeSignal);
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &signals, nullptr);
}

fuse_session* new_session(FuseAdapter& adapter, const std::vector<std::string>& options,
                          bool debug) {
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&args, "rangefs");
  if (debug) fuse_opt_add_arg(&args, "-d");
  char* joined = nullptr;
  for (const std::string& option : options) fuse_opt_add_opt_escaped(&joined, option.c_str());
  if (joined != nullptr) {
    fuse_opt_add_arg(&args, "-o");
    fuse_opt_add_arg(&args, joined);
    std::free(joined);
  }
  fuse_session* session =
      fuse_session_new(&args, &FuseAdapter::callbacks(), sizeof(fuse_lowlevel_ops), &adapter);
  fuse_opt_free_args(&args);
  return session;
}

}  // namespace

Session::Session(FuseAdapter& adapter)
    : adapter_(adapter), ended_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  prepare_wake_signal();
  set_wake_signal_blocked(true);  // and so in every thread started from here on
}

Session::~Session() {
  stop();
  if (session_ != nullptr) fuse_session_destroy(session_);
  if (ended_ >= 0) ::close(ended_);
}

Status Session::mount(const std::string& mountpoint, const std::vector<std::string>& options,
                      bool debug) {
  CapturedStderr captured;
  session_ = new_session(adapter_, options, debug);
  mounted_ = session_ != nullptr && fuse_session_mount(session_, mountpoint.c_str()) == 0;
  const std::string reason = captured.first_line();
  if (!mounted_) {
    return Error{Errc::kIo, 0, reason.empty() ? "cannot mount on " + mountpoint : reason};
  }
  adapter_.attach(session_);
  return {};
}

void Session::serve() {
  serving_ = kServingThreads;
  for (int i = 0; i < kServingThreads; ++i) {
    threads_.emplace_back([this] { serve_requests(); });
  }
}

void Session::serve_requests() {
  set_wake_signal_blocked(false);
  fuse_buf buffer{};
  while (fuse_session_exited(session_) == 0) {
    const int size = fuse_session_receive_buf(session_, &buffer);
    if (size == -EINTR) continue;
    if (size <= 0) break;
    fuse_session_process_buf(session_, &buffer);
  }
  std::free(buffer.mem);
  set_wake_signal_blocked(true);
  fuse_session_exit(session_);
  --serving_;
  const uint64_t one = 1;
  static_cast<void>(!::write(ended_, &one, sizeof one));
}

void Session::stop() {
  if (!mounted_) return;
  adapter_.finish();
  fuse_session_exit(session_);
  // A thread may look at the session just before and block just after a signal: so again and again.
  while (serving_ > 0) {
    for (std::thread& thread : threads_) pthread_kill(thread.native_handle(), kWakeSignal);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  fuse_session_unmount(session_);
  mounted_ = false;
}

}  // namespace rangefs
