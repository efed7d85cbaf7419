// What a store has told, for tests that look at it.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "journal/log.h"

namespace range {

class LogLines {
 public:
  // To be called no longer than this object lives.
  LogSink sink() {
    return [this](LogLevel, const std::string& line) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(line);
    };
  }

  // Those since the last call.
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }
  // The same as one text, a line each.
  std::string take_text() {
    std::string text;
    for (const std::string& line : take()) text += line + '\n';
    return text;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by it
};

}  // namespace range
