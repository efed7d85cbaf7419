// rangectl COMMAND: what is done to a store that is not mounted.
#include <fmt/core.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
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
constexpr std::string_view kMapEquals = "--map=";

int refuse(const std::string& problem, const std::string& command = {}) {
  fmt::print(stderr, "rangectl: {} (rangectl {}-h helps)\n", range::printable(problem),
             command.empty() ? "" : command + " ");
  return 2;
}

bool asks_for_help(const std::string& argument) { return argument == "-h" || argument == "--help"; }

void prepare_process() {
  // The calls that would raise it answer EFBIG instead.
  ::signal(SIGXFSZ, SIG_IGN);
}

// Options may stand anywhere before "--", as getopt(3) has it; nothing behind that is one.
struct CommandLine {
  Arguments operands;
  std::optional<std::string> map;
  bool help = false;
  std::string problem;  // empty if there is none
};

CommandLine parse(const Arguments& arguments) {
  CommandLine line;
  bool options = true;
  for (auto it = arguments.begin(); it != arguments.end(); ++it) {
    const std::string& argument = *it;
    if (!options || !argument.starts_with('-') || argument == "-") {
      line.operands.push_back(argument);
    } else if (argument == "--") {
      options = false;
    } else if (asks_for_help(argument)) {
      line.help = true;
      return line;
    } else if (argument.starts_with(kMapEquals)) {
      line.map = argument.substr(kMapEquals.size());
    } else if (argument + '=' == kMapEquals) {
      line.map = ++it != arguments.end() ? *it : "";
    } else {
      line.problem = "unknown option '" + argument + "'";
    }
    if (line.map == "") line.problem = "--map expects a file";
    if (!line.problem.empty()) return line;
  }
  if (std::ranges::find(line.operands, "") != line.operands.end()) {
    line.problem = "an argument is empty";
  }
  return line;
}

int run_command(const Command& command, const Arguments& arguments) {
  const CommandLine line = parse(arguments);
  if (line.help) return fmt::print("{}", command.usage), 0;
  if (!line.problem.empty()) return refuse(line.problem, command.name);
  if (line.operands.size() < 2) {
    return refuse(std::string(command.name) + " expects two directories", command.name);
  }
  Request request{.from = line.operands[0], .to = line.operands[1], .names = {}, .map = line.map};
  for (auto name = line.operands.begin() + 2; name != line.operands.end(); ++name) {
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
  if (found == kCommands.end()) {
    return refuse((name.starts_with('-') ? "unknown option '" : "unknown command '") + name + "'");
  }
  return run_command(**found, arguments);
}

}  // namespace

}  // namespace rangefs

int main(int argc, char** argv) {
  return rangefs::run(std::vector<std::string>(argv + 1, argv + argc));
}
