// What becomes of those whose calls wait.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace rangefs {

enum class CallerState {
  kLives,   // and will see how its call ends
  kDying,   // and will see nothing any more
  kUnseen,  // cannot be said
};

// Of the thread with this id, which waits for an answer of ours. Zero is nobody: one of a process
// namespace that is not below ours. Linux: asks /proc.
CallerState caller_state(pid_t thread);

// By what /proc/TID/status says: whether a signal is pending that nothing saves the thread from.
CallerState caller_state(std::string_view status);

}  // namespace rangefs
