#include "mount/options.h"

#include <fuse_opt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "journal/printable.h"

namespace rangefs {

const char kUsage[] =
    "usage: rangefs [STORE] MOUNTPOINT [-f] [-d] [-o OPTION[,OPTION...]]\n"
    "       rangefs -h | -V\n"
    "\n"
    "Mounts the journals in the directory STORE on MOUNTPOINT. Without STORE: /var/lib/rangefs as\n"
    "root, otherwise $XDG_DATA_HOME/rangefs or ~/.local/share/rangefs.\n"
    "\n"
    "  -f  stay in the foreground, log to stderr\n"
    "  -d  show every request (implies -f)\n"
    "  -h  this help\n"
    "  -V  the version\n"
    "\n"
    "  -o chunk_size=SIZE         begin a new chunk after so many bytes (64k to 2G; default 64M)\n"
    "  -o sync_interval=DURATION  sync what nobody synced by then (default 1s)\n"
    "  -o framing=line|write      what a record is where no directory says so (default line)\n"
    "  -o ro                      read only; the store is not written either\n"
    "  -o allow_other             let other users in (root: default; no_allow_other: don't)\n"
    "\n"
    "Sizes end in k, M, G, T; durations in ms, s, m, h, d, w. Options of mount(8) like nodev,\n"
    "noexec, noatime, sync, remount, _netdev, nofail, x-systemd.* work as usual.\n";

namespace {

constexpr uint64_t kChunkSizeMin = uint64_t{64} << 10;
constexpr uint64_t kChunkSizeMax = uint64_t{2} << 30;
constexpr std::chrono::hours kSyncIntervalMax{52 * 7 * 24};

// Known to libfuse or, as flags, to mount(2).
constexpr std::array<std::string_view, 14> kForFuse{"rw",
                                                    "suid",
                                                    "nosuid",
                                                    "dev",
                                                    "nodev",
                                                    "exec",
                                                    "noexec",
                                                    "sync",
                                                    "async",
                                                    "dirsync",
                                                    "atime",
                                                    "noatime",
                                                    "default_permissions",
                                                    "auto_unmount"};
constexpr std::array<std::string_view, 6> kForFusePrefixes{
    "fsname=", "subtype=", "context=", "fscontext=", "defcontext=", "rootcontext="};

// Meant for mount(8), or without a meaning here: access times, for one, are not kept.
constexpr std::array<std::string_view, 26> kIgnored{
    "defaults",    "auto",          "noauto",   "user",       "nouser",   "users",
    "owner",       "group",         "nofail",   "_netdev",    "relatime", "norelatime",
    "strictatime", "nostrictatime", "diratime", "nodiratime", "lazytime", "nolazytime",
    "iversion",    "noiversion",    "silent",   "loud",       "mand",     "nomand",
    "symfollow",   "nosymfollow"};
constexpr std::array<std::string_view, 6> kIgnoredPrefixes{
    "x-", "X-", "comment=", "user=", "helper=", "uhelper="};

// What the kernel says of a mount of FUSE and mount(8) repeats when it remounts.
constexpr std::array<std::string_view, 5> kShownPrefixes{
    "user_id=", "group_id=", "max_read=", "blksize=", "rootmode="};

template <typename Names>
bool contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

template <typename Prefixes>
bool begins_with_any(const Prefixes& prefixes, std::string_view text) {
  return std::ranges::any_of(prefixes, [&](std::string_view p) { return text.starts_with(p); });
}

// A number and the unit behind it.
std::optional<std::pair<uint64_t, std::string_view>> split_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  return std::pair(number, text.substr(static_cast<size_t>(end - text.data())));
}

std::optional<uint64_t> multiply(uint64_t a, uint64_t b) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (a > kMax / b) return std::nullopt;
  return a * b;
}

struct Parser {
  Options options;
  std::optional<Refusal> refusal;
  std::vector<std::string> operands;
  std::optional<bool> allow_other;
  std::string shown;  // an option that makes sense with `remount` alone
  bool fsname = false;
  bool subtype = false;

  // These return what fuse_opt_parse() wants: 0 to go on, -1 to stop.
  int refuse(int exit_status, const std::string& message) {
    refusal = Refusal{exit_status, range::printable(message)};
    return -1;
  }
  int refuse_value(std::string_view option, std::string_view expected) {
    return refuse(2, "option '" + std::string(option) + "': " + std::string(expected));
  }
  int flag(std::string_view option);
  int option(std::string_view option);
  int setting(std::string_view option);
  int pass(std::string_view option);
};

int Parser::flag(std::string_view option) {
  if (option == "-f") {
    options.foreground = true;
  } else if (option == "-d") {
    options.debug = options.foreground = true;
  } else if (option == "-h" || option == "--help") {
    options.help = true;
  } else if (option == "-V" || option == "--version") {
    options.version = true;
  } else {
    return refuse(2, "unknown option '" + std::string(option) + "'");
  }
  return 0;
}

int Parser::option(std::string_view option) {
  if (option.empty()) return 0;  // "-o ,"
  options.given.emplace_back(option);
  if (option == "ro") {
    options.engine.read_only = true;
    return pass(option);
  }
  if (option == "rw") options.engine.read_only = false;
  if (option == "allow_other" || option == "no_allow_other") {
    allow_other = option == "allow_other";
  } else if (option == "remount") {
    options.remount = true;
  } else if (option == "debug") {
    options.debug = options.foreground = true;
  } else if (contains(kForFuse, option) || begins_with_any(kForFusePrefixes, option)) {
    return pass(option);
  } else if (begins_with_any(kShownPrefixes, option)) {
    if (shown.empty()) shown = option;
  } else if (!contains(kIgnored, option) && !begins_with_any(kIgnoredPrefixes, option)) {
    return setting(option);
  }
  return 0;
}

int Parser::setting(std::string_view option) {
  static constexpr std::array<std::string_view, 3> kSettings{"chunk_size", "sync_interval",
                                                             "framing"};
  const std::string_view key = option.substr(0, option.find('='));
  if (!contains(kSettings, key)) {
    return refuse(2, "unknown option '" + std::string(option) + "'");
  }
  if (key.size() == option.size()) return refuse_value(option, "a value is expected");
  const std::string_view value = option.substr(key.size() + 1);
  if (key == "chunk_size") {
    const auto size = parse_size(value);
    if (!size || *size < kChunkSizeMin || *size > kChunkSizeMax) {
      return refuse_value(option, "a size from 64k to 2G is expected");
    }
    options.engine.chunk_size = *size;
  } else if (key == "sync_interval") {
    const auto interval = parse_duration(value);
    if (!interval || interval->count() == 0 || *interval > kSyncIntervalMax) {
      return refuse_value(option, "a duration from 1ms to 52w is expected");
    }
    options.engine.sync_interval = *interval;
  } else {
    if (value != "line" && value != "write") return refuse_value(option, "line or write expected");
    options.engine.framing = value == "line" ? range::Framing::kLine : range::Framing::kWrite;
  }
  return 0;
}

int Parser::pass(std::string_view option) {
  fsname = fsname || option.starts_with("fsname=");
  subtype = subtype || option.starts_with("subtype=");
  options.fuse.emplace_back(option);
  return 0;
}

int process(void* data, const char* argument, int key, fuse_args*) {
  auto& parser = *static_cast<Parser*>(data);
  const std::string_view text(argument);
  if (key == FUSE_OPT_KEY_NONOPT) {
    parser.operands.emplace_back(text);
    return 0;
  }
  return text.starts_with('-') ? parser.flag(text) : parser.option(text);
}

std::string default_store(const Invoker& invoker) {
  if (invoker.root) return "/var/lib/rangefs";
  // The XDG specification ignores relative paths.
  if (invoker.data_home.starts_with('/')) return invoker.data_home + "/rangefs";
  return invoker.home.empty() ? "" : invoker.home + "/.local/share/rangefs";
}

std::optional<Refusal> complete(Parser& parser, const Invoker& invoker) {
  Options& options = parser.options;
  if (options.help || options.version) return std::nullopt;
  if (parser.operands.empty()) return Refusal{2, "a mountpoint is expected (rangefs -h helps)"};
  if (parser.operands.size() > 2) {
    return Refusal{
        2, "unexpected argument '" + range::printable(parser.operands[2]) + "' (rangefs -h helps)"};
  }
  if (!parser.shown.empty() && !options.remount) {
    return Refusal{2, "unknown option '" + range::printable(parser.shown) + "'"};
  }
  options.mountpoint = parser.operands.back();
  options.default_store = parser.operands.size() == 1;
  options.store = options.default_store ? default_store(invoker) : parser.operands.front();
  if (options.store.empty()) return Refusal{1, "no store: neither XDG_DATA_HOME nor HOME is set"};
  if (options.mountpoint.empty()) return Refusal{2, "the mountpoint is empty"};
  if (parser.allow_other.value_or(invoker.root)) options.fuse.emplace_back("allow_other");
  if (!contains(options.fuse, std::string_view("default_permissions"))) {
    options.fuse.emplace_back("default_permissions");
  }
  if (!parser.subtype) options.fuse.emplace_back("subtype=rangefs");
  if (!parser.fsname) options.fuse.push_back("fsname=" + options.store);
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  const auto parts = split_number(text);
  if (!parts) return std::nullopt;
  const auto [number, unit] = *parts;
  if (unit.empty()) return multiply(number, 1);
  constexpr std::string_view kUnits = "kMGT";
  const size_t power = kUnits.find(unit == "K" ? "k" : unit);
  if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
  return multiply(number, uint64_t{1} << (10 * (power + 1)));
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, uint64_t>, 6> kUnits{
      {{"ms", 1},
       {"s", 1000},
       {"m", 60'000},
       {"h", 3'600'000},
       {"d", 86'400'000},
       {"w", 604'800'000}}};
  const auto parts = split_number(text);
  if (!parts) return std::nullopt;
  for (const auto& [unit, ms] : kUnits) {
    if (unit != parts->second) continue;
    const auto total = multiply(parts->first, ms);
    return total ? std::optional(std::chrono::milliseconds(*total)) : std::nullopt;
  }
  return std::nullopt;
}

std::variant<Options, Refusal> parse_options(const std::vector<std::string>& arguments,
                                             const Invoker& invoker) {
  Parser parser;
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&args, "rangefs");
  for (const std::string& argument : arguments) fuse_opt_add_arg(&args, argument.c_str());
  const fuse_opt none[] = {FUSE_OPT_END};
  const int failed = fuse_opt_parse(&args, &parser, none, process);
  fuse_opt_free_args(&args);
  if (parser.refusal) return *parser.refusal;
  if (failed != 0) return Refusal{2, "the command line makes no sense (rangefs -h helps)"};
  if (auto refusal = complete(parser, invoker)) return *refusal;
  return std::move(parser.options);
}

}  // namespace rangefs
