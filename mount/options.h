// The command line of rangefs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "journal/store.h"

namespace rangefs {

struct Options {
  std::string store;           // as given, or the default
  bool default_store = false;  // then its parents are created as well
  std::string mountpoint;      // as given
  bool foreground = false;
  bool debug = false;
  bool help = false;
  bool version = false;
  bool remount = false;  // change the flags of a mount that is there
  range::StoreOptions engine;
  std::vector<std::string> given;  // everything behind -o, one by one
  std::vector<std::string> fuse;   // for libfuse and mount(2): "allow_other", "fsname=..."
};

// Why a command line is refused.
struct Refusal {
  int exit_status = 1;  // 2: it does not fit the usage
  std::string message;  // one line
};

// Whose defaults apply.
struct Invoker {
  bool root = false;
  std::string data_home;  // $XDG_DATA_HOME, may be empty
  std::string home;       // $HOME, may be empty
};

// Parses what follows the program's name. Options that mount(8) or fstab(5) mean for themselves are
// accepted and ignored, everything unknown is refused. Help and version need no arguments.
std::variant<Options, Refusal> parse_options(const std::vector<std::string>& arguments,
                                             const Invoker& invoker);

// "64k", "1M", "2G", "3T", "4096": bytes, in powers of 1024. Nothing if it is none or above 2^63.
std::optional<uint64_t> parse_size(std::string_view text);
// "250ms", "1s", "5m", "2h", "1d", "1w".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

extern const char kUsage[];

}  // namespace rangefs
