// Puts together what goes to a LogSink.
#pragma once

#include <fmt/core.h>

#include <utility>

#include "journal/log.h"

namespace range {

class Logger {
 public:
  explicit Logger(LogSink sink) : sink_(std::move(sink)) {}

  template <typename... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) const {
    log(LogLevel::kInfo, text, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) const {
    log(LogLevel::kWarning, text, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> text, Args&&... args) const {
    log(LogLevel::kError, text, fmt::make_format_args(args...));
  }

 private:
  void log(LogLevel level, fmt::string_view text, fmt::format_args args) const {
    if (sink_) sink_(level, fmt::vformat(text, args));
  }

  const LogSink sink_;
};

}  // namespace range
