// What a store tells without being asked: what a recovery found, damage, work in the background
// that fails.
#pragma once

#include <functional>
#include <string>

namespace range {

enum class LogLevel { kInfo, kWarning, kError };

// Takes a line, without a newline at its end. Names in it are in the escape of rangefs: it stays a
// line. Called by every thread of the store and of those who call it, by several at once, and with
// locks held: it must neither call the store nor throw.
using LogSink = std::function<void(LogLevel level, const std::string& line)>;

}  // namespace range
