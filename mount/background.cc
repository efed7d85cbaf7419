#include "mount/background.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "journal/printable.h"

namespace rangefs {

namespace {

// What a daemon that serves writes into the pipe, where one that cannot writes its problem.
constexpr std::string_view kReady("\0ready", 6);

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // the parent is gone: there is nobody to tell
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 1024> buffer{};
  while (true) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

void close_stdio() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  if (null > STDERR_FILENO) ::close(null);
}

// It would go on serving those who were told that it failed. One that a disk holds up ends later.
void stop(pid_t daemon, std::chrono::milliseconds patience) {
  const int ended = static_cast<int>(::syscall(SYS_pidfd_open, daemon, 0));
  ::kill(daemon, SIGTERM);
  pollfd waiting{ended, POLLIN, 0};
  const int changed = ended < 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(patience.count()));
  if (ended >= 0) ::close(ended);
  if (changed != 0) {
    ::waitpid(daemon, nullptr, WNOHANG);
  } else {
    print_problem("the daemon, process " + std::to_string(daemon) + ", has not ended yet");
  }
}

[[noreturn]] void be_daemon(int pipe, const std::function<int(const Report&)>& daemon) {
  ::setsid();
  static_cast<void>(!::chdir("/"));
  const int status = daemon([pipe](const std::string& problem) {
    // The caller's terminal or pipe must not stay open for as long as the mount lasts.
    if (problem.empty()) close_stdio();
    write_all(pipe, problem.empty() ? kReady : std::string_view(problem));
    ::close(pipe);
  });
  ::exit(status);  // NOLINT(concurrency-mt-unsafe): its threads have ended
}

}  // namespace

std::string message_of(const range::Error& error) {
  const bool says_all = error.sys_errno == 0 && !error.context.empty();
  return says_all ? range::printable(error.context) : to_string(error);
}

void print_problem(const std::string& problem) {
  std::fprintf(stderr, "rangefs: %s\n", problem.c_str());
}

int run_in_background(const std::function<int(const Report&)>& daemon,
                      const std::function<std::string()>& ready,
                      std::chrono::milliseconds patience) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    print_problem(to_string(range::system_error(errno, "pipe")));
    return 1;
  }
  const pid_t child = ::fork();
  if (child < 0) {
    print_problem(to_string(range::system_error(errno, "fork")));
    return 1;
  }
  if (child == 0) {
    ::close(pipe[0]);
    be_daemon(pipe[1], daemon);
  }
  ::close(pipe[1]);
  std::string problem = read_all(pipe[0]);
  ::close(pipe[0]);
  const bool serves = problem == kReady;
  if (problem.empty()) problem = "the daemon died before it served; the log may say why";
  if (serves) problem = ready();
  if (problem.empty()) return 0;
  print_problem(problem);
  if (serves) stop(child, patience);
  return 1;
}

}  // namespace rangefs
