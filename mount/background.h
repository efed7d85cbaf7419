// Running in the background.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "journal/status.h"

namespace rangefs {

// How the daemon tells whoever started it how it went; called once. An empty message: it serves.
using Report = std::function<void(const std::string& problem)>;

// Runs `daemon` in a process of its own: a session of its own, "/" as the working directory, no
// terminal. Returns in the parent, when the daemon has reported: 0, or 1 after it has printed the
// problem on stderr. `ready` is called in the parent first and returns a problem, or nothing; after
// a problem the daemon is stopped (SIGTERM), and has ended when this returns, or `patience` is
// over. Ends the daemon's process with what `daemon` returns.
int run_in_background(const std::function<int(const Report&)>& daemon,
                      const std::function<std::string()>& ready,
                      std::chrono::milliseconds patience = std::chrono::seconds(10));

// What to say about an error: where no system call failed, its context is the whole story.
std::string message_of(const range::Error& error);

// Prints "rangefs: PROBLEM" on stderr.
void print_problem(const std::string& problem);

}  // namespace rangefs
