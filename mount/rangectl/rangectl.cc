// rangectl COMMAND: what is done to a store that is not mounted.
#include <fmt/core.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "mount/rangectl/commands.h"

namespace rangefs {

namespace {

constexpr const char* kUsage =
    "usage: rangectl import-range [--map FILE] DIR STORE [NAME...]\n"
    "       rangectl export-range [--map FILE] STORE DIR [PATH...]\n"
    "       rangectl COMMAND -h\n"
    "       rangectl -h | -V\n"
    "\n"
    "Copies journals between a store of rangefs, which must not be mounted, and a directory DIR "
    "of\n"
    "the Go project Range, which must not be in use.\n"
    "\n"
    "  import-range  imports all journals of DIR, or those named\n"
    "  export-range  exports all journals of STORE, or those at PATH\n"
    "\n"
    "The exit status is 0 if all was copied, 1 if not, 2 for wrong usage.\n";

constexpr std::array kCommands{&kImportRange, &kExportRange};

int refuse(const std::string& problem, const std::string& command = {}) {
  fmt::print(stderr, "rangectl: {} (rangectl {}-h helps)\n", range::printable(problem),
             command.empty() ? "" : command + " ");
  return 2;
}

bool asks_for_help(const std::string& argument) { return argument == "-h" || argument == "--help"; }

void prepare_process() {
  auto logger = spdlog::stderr_color_mt("rangectl");
  logger->set_pattern("rangectl: %l: %v");
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  // The calls that would raise it answer EFBIG instead.
  ::signal(SIGXFSZ, SIG_IGN);
}

// The value of option `name`, which is `argument` or begins with it; takes it off `rest`.
std::optional<std::string> option_value(const std::string& name, const std::string& argument,
                                        std::vector<std::string>& rest) {
  if (argument.starts_with(name + "=")) return argument.substr(name.size() + 1);
  if (argument != name || rest.empty()) return std::nullopt;
  const std::string value = rest.front();
  rest.erase(rest.begin());
  return value;
}

// Options come first; what follows the two directories are names, which may be anything.
int run_command(const Command& command, Arguments rest) {
  Request request;
  while (!rest.empty() && rest.front().starts_with('-')) {
    const std::string argument = rest.front();
    rest.erase(rest.begin());
    if (argument == "--") break;
    if (asks_for_help(argument)) return fmt::print("{}", command.usage), 0;
    const bool known = argument == "--map" || argument.starts_with("--map=");
    if (!known) return refuse("unknown option '" + argument + "'", command.name);
    request.map = option_value("--map", argument, rest);
    if (!request.map || request.map->empty()) return refuse("--map expects a file", command.name);
  }
  if (rest.size() < 2) {
    return refuse(std::string(command.name) + " expects two directories", command.name);
  }
  request.from = rest[0];
  request.to = rest[1];
  if (request.from.empty() || request.to.empty()) {
    return refuse("an argument is empty", command.name);
  }
  if (request.to.starts_with('-')) {
    return refuse("unknown option '" + request.to + "'", command.name);
  }
  for (auto name = rest.begin() + 2; name != rest.end(); ++name) {
    const auto parsed = range::parse_printable(*name);
    if (!parsed) return refuse("malformed escape in '" + *name + "'", command.name);
    request.names.push_back(*parsed);
  }
  prepare_process();
  return command.run(request);
}

int run(Arguments arguments) {
  if (arguments.empty()) return refuse("a command is expected");
  const std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (asks_for_help(name)) return fmt::print("{}", kUsage), 0;
  if (name == "-V" || name == "--version") return fmt::print("rangectl {}\n", RANGEFS_VERSION), 0;
  const auto* const found = std::ranges::find_if(
      kCommands, [&](const Command* command) { return name == command->name; });
  if (found == kCommands.end()) return refuse("unknown command '" + name + "'");
  return run_command(**found, std::move(arguments));
}

}  // namespace

}  // namespace rangefs

int main(int argc, char** argv) {
  return rangefs::run(std::vector<std::string>(argv + 1, argv + argc));
}
