#include "fs/fuse/callers.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>

namespace rangefs {

namespace {

// What follows `name` and blanks in its line; empty if there is no such line.
std::string_view value_of(std::string_view status, std::string_view name) {
  const std::string start = "\n" + std::string(name) + ":";
  const size_t found = status.find(start);
  if (found == std::string_view::npos) return {};
  status.remove_prefix(found + start.size());
  status = status.substr(0, status.find('\n'));
  const size_t blanks = status.find_first_not_of(" \t");
  return blanks == std::string_view::npos ? std::string_view() : status.substr(blanks);
}

uint64_t signals(std::string_view status, std::string_view name) {
  const std::string_view digits = value_of(status, name);
  uint64_t set = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
  return set;
}

constexpr uint64_t set_of(std::initializer_list<int> numbers) {
  uint64_t set = 0;
  for (const int number : numbers) set |= uint64_t{1} << (number - 1);
  return set;
}

// Those that leave a core behind, unless handled or ignored. From them the kernel makes no SIGKILL
// before the thread takes them.
constexpr uint64_t kCoreSignals =
    set_of({SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGSEGV, SIGBUS, SIGSYS, SIGXCPU, SIGXFSZ});

// Whether the ids in /proc are those that the kernel tells us: not where it was mounted for another
// namespace.
bool proc_is_ours() {
  std::array<char, 32> self{};
  const ssize_t size = ::readlink("/proc/self", self.data(), self.size());
  return size > 0 &&
         std::string_view(self.data(), static_cast<size_t>(size)) == std::to_string(::getpid());
}

}  // namespace

CallerState caller_state(std::string_view status) {
  const std::string_view state = value_of(status, "State");
  if (state.empty()) return CallerState::kUnseen;
  if (state.starts_with('Z') || state.starts_with('X')) return CallerState::kDying;
  const uint64_t pending = signals(status, "SigPnd") | signals(status, "ShdPnd");
  // Whatever else ends a process is turned into this one, for each of its threads, at once.
  if ((pending & set_of({SIGKILL})) != 0) return CallerState::kDying;
  const uint64_t survived =
      signals(status, "SigBlk") | signals(status, "SigIgn") | signals(status, "SigCgt");
  const bool traced = value_of(status, "TracerPid") != "0";  // a debugger may take them away
  const bool dumps_core = !traced && (pending & kCoreSignals & ~survived) != 0;
  return dumps_core ? CallerState::kDying : CallerState::kLives;
}

CallerState caller_state(pid_t thread) {
  if (thread <= 0 || !proc_is_ours()) return CallerState::kUnseen;
  // Not there: hidden from us (hidepid), since nobody is gone who waits for an answer.
  std::ifstream file("/proc/" + std::to_string(thread) + "/status");
  const std::string status((std::istreambuf_iterator<char>(file)), {});
  return caller_state(status);
}

}  // namespace rangefs
