#include "mount/running_mount.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstring>
#include <sstream>

#include "mount/checks.h"

namespace rangefs {

using range::Result;
using range::Status;

namespace {

// A daemon may never answer.
constexpr std::chrono::seconds kPatience{10};

template <typename Id>
std::optional<Id> parse_id(const std::optional<std::string>& text) {
  Id id{};
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), id);
  return error == std::errc() ? std::optional(id) : std::nullopt;
}

bool become(uid_t uid, gid_t gid) {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(gid, gid, gid) == 0 &&
         ::setresuid(uid, uid, uid) == 0;
}

// What is written into a pipe at once; empty if nothing is until the other end is closed, or
// `patience_ms` (-1: no limit) are over.
std::string read_once(int pipe, int patience_ms) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
  pollfd waiting{pipe, POLLIN, 0};
  int left = patience_ms;
  int ready = ::poll(&waiting, 1, left);
  while (ready < 0 && errno == EINTR) {
    if (patience_ms >= 0) {
      const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      left = static_cast<int>(std::max<int64_t>(rest.count(), 0));
    }
    ready = ::poll(&waiting, 1, left);
  }
  if (ready <= 0) return {};
  std::string text(PIPE_BUF, '\0');
  ssize_t count = -1;
  do {
    count = ::read(pipe, text.data(), text.size());
  } while (count < 0 && errno == EINTR);
  text.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return text;
}

}  // namespace

std::optional<RunningMount> RunningMount::on(const std::string& path) {
  const auto shown = shown_mount(path);
  if (!shown) return std::nullopt;
  RunningMount mount(path, shown->source);
  std::istringstream options(shown->options);
  for (std::string option; std::getline(options, option, ',');) mount.options_.push_back(option);
  return mount;
}

bool RunningMount::has(std::string_view option) const {
  return std::ranges::find(options_, option) != options_.end();
}

std::optional<std::string> RunningMount::shown(std::string_view key) const {
  const std::string prefix = std::string(key) + '=';
  const auto it = std::ranges::find_if(
      options_, [&](const std::string& option) { return option.starts_with(prefix); });
  return it == options_.end() ? std::nullopt : std::optional(it->substr(prefix.size()));
}

Result<std::string> RunningMount::property(const std::string& key) const {
  const Answer answer = ask(
      [&](int directory) -> Answer {
        std::array<char, 256> value{};
        const ssize_t size =
            ::fgetxattr(directory, ("user.range." + key).c_str(), value.data(), value.size());
        if (size < 0) return {errno, ""};
        return {0, std::string(value.data(), static_cast<size_t>(size))};
      },
      kPatience);
  if (answer.failed != 0) return range::system_error(answer.failed, key + " of " + path_);
  return answer.text;
}

Status RunningMount::sync() const {
  const Answer answer = ask(
      [](int directory) -> Answer {
        return {::fsync(directory) != 0 ? errno : 0, ""};
      },
      std::nullopt);
  if (answer.failed == 0 || answer.failed == EACCES) return {};
  return range::system_error(answer.failed, "sync of " + path_);
}

RunningMount::Answer RunningMount::ask(const Question& question, const Patience& patience) const {
  const int place = ::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (place < 0) return {errno, ""};
  Answer answer = ask_as(std::nullopt, place, question, patience);
  const auto uid = parse_id<uid_t>(shown("user_id"));
  const auto gid = parse_id<gid_t>(shown("group_id"));
  if (answer.failed == EACCES && ::geteuid() == 0 && uid && gid) {
    answer = ask_as(Owner{*uid, *gid}, place, question, patience);
  }
  ::close(place);
  return answer;
}

// `place`: the mount's root, which whoever may look into it may open.
RunningMount::Answer RunningMount::ask_in(int place, const Question& question) {
  const int directory = ::openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return {errno, ""};
  Answer answer = question(directory);
  ::close(directory);
  return answer;
}

// In a process of its own, which cannot become root again, and can be left to itself.
RunningMount::Answer RunningMount::ask_as(const std::optional<Owner>& owner, int place,
                                          const Question& question, const Patience& patience) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return {errno, ""};
  const pid_t child = ::fork();
  if (child == 0) {
    // Nobody who waits for these to be closed waits for the daemon.
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
    const bool became = !owner || become(owner->uid, owner->gid);
    const Answer answer = became ? ask_in(place, question) : Answer{EPERM, ""};
    std::string text(reinterpret_cast<const char*>(&answer.failed), sizeof answer.failed);
    text += answer.text;
    static_cast<void>(!::write(pipe[1], text.data(), text.size()));
    ::_exit(0);
  }
  const int failed = child < 0 ? errno : 0;
  ::close(pipe[1]);
  const int patience_ms =
      patience ? static_cast<int>(std::chrono::milliseconds(*patience).count()) : -1;
  const std::string text = failed == 0 ? read_once(pipe[0], patience_ms) : std::string();
  ::close(pipe[0]);
  if (failed != 0) return {failed, ""};
  Answer answer{ETIMEDOUT, ""};
  if (text.size() < sizeof answer.failed) {
    // Not waited for: what the daemon has taken on, no signal ends.
    ::kill(child, SIGKILL);
    return answer;
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::memcpy(&answer.failed, text.data(), sizeof answer.failed);
  answer.text = text.substr(sizeof answer.failed);
  return answer;
}

}  // namespace rangefs
