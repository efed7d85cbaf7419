// rangectl COMMAND: what is done to a store that is not mounted.
#include <fmt/core.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "journal/exchange/export_range.h"
#include "journal/exchange/import_range.h"
#include "journal/store.h"

namespace rangefs {

namespace {

using range::Error;
using range::Result;
using range::Status;
using range::Store;
using Arguments = std::vector<std::string>;

constexpr const char* kUsage =
    "usage: rangectl import-range DIR STORE [NAME...]\n"
    "       rangectl export-range STORE DIR [PATH...]\n"
    "       rangectl -h | -V\n"
    "\n"
    "Copies journals between a store of rangefs, which must not be mounted, and a directory DIR "
    "of\n"
    "the Go project Range, which must not be in use.\n"
    "\n"
    "  import-range  imports all journals of DIR, or those named; what an interrupted import left\n"
    "                undone is done by the same command. STORE is created if it is not there.\n"
    "  export-range  exports all journals of STORE, or those at PATH, to journals that DIR does\n"
    "                not have yet. DIR is created if it is not there.\n"
    "\n"
    "The exit status is 0 if all was copied, 1 if not, 2 for wrong usage.\n";

// What is done so far: a line on a terminal that is written again and again, the results of each
// journal, and the total.
class Report {
 public:
  explicit Report(const char* verb) : verb_(verb) {}

  void set_total(size_t journals) { journals_total_ = journals; }

  // More was copied.
  void advance(uint64_t records, uint64_t bytes);
  // A journal is done.
  void result(const std::string& line);
  // Lines about a journal. With `left_out`, something is missing for it.
  void notes(const std::string& name, const std::vector<std::string>& lines, bool left_out);
  void problem(const std::string& line);
  // Prints the total and returns the exit status.
  int finish();

  range::exchange::Progress progress() {
    return [this](uint64_t records, uint64_t bytes) { advance(records, bytes); };
  }

 private:
  using Clock = std::chrono::steady_clock;

  void draw() const;
  void clear_line() const;
  double mb_per_second() const;

  const char* const verb_;
  const bool on_terminal_ = ::isatty(STDERR_FILENO) == 1;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
  size_t journals_ = 0;
  size_t journals_total_ = 0;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  bool left_out_ = false;
};

double megabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

double Report::mb_per_second() const {
  const std::chrono::duration<double> taken = Clock::now() - start_;
  return megabytes(bytes_) / std::max(taken.count(), 1e-3);
}

void Report::advance(uint64_t records, uint64_t bytes) {
  constexpr std::chrono::milliseconds kInterval{200};
  records_ += records;
  bytes_ += bytes;
  if (!on_terminal_ || Clock::now() - drawn_ < kInterval) return;
  drawn_ = Clock::now();
  draw();
}

void Report::draw() const {
  fmt::print(stderr, "\r\033[K{}/{} journals, {} records, {:.1f} MB, {:.1f} MB/s", journals_,
             journals_total_, records_, megabytes(bytes_), mb_per_second());
  std::fflush(stderr);
}

void Report::clear_line() const {
  if (on_terminal_) fmt::print(stderr, "\r\033[K");
}

void Report::result(const std::string& line) {
  ++journals_;
  clear_line();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void Report::notes(const std::string& name, const std::vector<std::string>& lines, bool left_out) {
  if (lines.empty()) return;
  left_out_ = left_out_ || left_out;
  clear_line();
  for (const std::string& line : lines) {
    fmt::print(stderr, "{}: {}: {}\n", name, left_out ? "damage" : "note", line);
  }
}

void Report::problem(const std::string& line) {
  left_out_ = true;
  clear_line();
  fmt::print(stderr, "rangectl: {}\n", line);
}

int Report::finish() {
  clear_line();
  fmt::print("{} of {} journals {}, {} records, {:.1f} MB ({:.1f} MB/s)\n", journals_,
             journals_total_, verb_, records_, megabytes(bytes_), mb_per_second());
  if (std::fflush(stdout) != 0) problem("cannot write to the standard output");
  return left_out_ ? 1 : 0;
}

int fail(const Error& error) {
  fmt::print(stderr, "rangectl: {}\n", to_string(error));
  return 1;
}

// Those of `journals` whose names are `wanted`, all of them if none is.
template <typename Journal, typename NameOf>
std::vector<Journal> select(std::vector<Journal> journals, const Arguments& wanted, NameOf name_of,
                            Report& report) {
  if (wanted.empty()) return journals;
  std::set<std::string> missing(wanted.begin(), wanted.end());
  const std::set<std::string> names = missing;
  std::erase_if(journals, [&](const Journal& journal) {
    missing.erase(name_of(journal));
    return !names.contains(name_of(journal));
  });
  for (const std::string& name : missing) report.problem(name + ": no such journal");
  return journals;
}

std::string summary(const range::exchange::ImportedJournal& imported) {
  if (imported.records > 0 && imported.records == imported.records_before) {
    return fmt::format("already complete, {} records compared", imported.records);
  }
  std::string text = fmt::format("{} records, {} chunks, {:.1f} MB imported", imported.records,
                                 imported.chunks, megabytes(imported.bytes));
  if (imported.records_before > 0) {
    text += fmt::format(", the first {} of them before", imported.records_before);
  }
  return text;
}

void import_one(Store& store, const range::exchange::RangeJournal& journal, Report& report) {
  const auto imported = import_journal(store, journal, report.progress());
  if (!imported) return report.problem(journal.name + ": " + to_string(imported.error()));
  report.notes(journal.name, imported->notes, /*left_out=*/false);
  report.notes(journal.name, imported->damage, /*left_out=*/true);
  report.result(journal.name + ": " + summary(*imported));
}

int close(Store& store, Report& report) {
  if (const Status closed = store.close(); !closed) report.problem(to_string(closed.error()));
  return report.finish();
}

int import_range(const std::string& directory, const std::string& path, const Arguments& names) {
  Report report("imported");
  auto found = range::exchange::list_journals(directory);
  if (!found) return fail(found.error());
  if (names.empty()) {
    for (const std::string& problem : found->problems) report.problem(problem);
  }
  const auto journals = select(
      std::move(found->journals), names, [](const auto& journal) { return journal.name; }, report);
  report.set_total(journals.size());
  ::umask(077);  // as the daemon does: modes of journals are kept in the store
  const auto store = range::open_store(path, {});
  if (!store) return fail(store.error());
  for (const auto& journal : journals) import_one(**store, journal, report);
  return close(**store, report);
}

void export_one(range::exchange::RangeExport& target, Store& store, const std::string& path,
                Report& report) {
  const auto exported = target.export_journal(store, path, report.progress());
  if (!exported) return report.problem(path + ": " + to_string(exported.error()));
  report.notes(path, exported->notes, /*left_out=*/false);
  report.notes(path, exported->damage, /*left_out=*/true);
  report.result(fmt::format("{}: {} records, {} chunks, {:.1f} MB exported", path,
                            exported->records, exported->chunks, megabytes(exported->bytes)));
}

Result<Arguments> journals_of(Store& store) {
  Arguments paths;
  const Status visited = store.visit("", [&](const std::string& path, range::JournalId) {
    paths.push_back(path);
    return true;
  });
  if (!visited) return visited.error();
  std::ranges::sort(paths);
  return paths;
}

int export_range(const std::string& path, const std::string& directory, const Arguments& names) {
  Report report("exported");
  range::StoreOptions options;
  options.read_only = true;
  const auto store = range::open_store(path, options);
  if (!store) return fail(store.error());
  auto found = journals_of(**store);
  if (!found) return fail(found.error());
  auto target = range::exchange::RangeExport::open(directory);
  if (!target) return fail(target.error());
  const auto journals = select(
      *std::move(found), names, [](const std::string& each) { return each; }, report);
  report.set_total(journals.size());
  for (const std::string& journal : journals) export_one(*target, **store, journal, report);
  return close(**store, report);
}

int refuse(const std::string& problem) {
  fmt::print(stderr, "rangectl: {} (rangectl -h helps)\n", problem);
  return 2;
}

void prepare_process() {
  auto logger = spdlog::stderr_color_mt("rangectl");
  logger->set_pattern("rangectl: %l: %v");
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  // The calls that would raise it answer EFBIG instead.
  ::signal(SIGXFSZ, SIG_IGN);
}

int run(const Arguments& arguments) {
  if (arguments.empty()) return refuse("a command is expected");
  const std::string& command = arguments[0];
  if (command == "-h" || command == "--help") return fmt::print("{}", kUsage), 0;
  if (command == "-V" || command == "--version") {
    return fmt::print("rangectl {}\n", RANGEFS_VERSION), 0;
  }
  if (command != "import-range" && command != "export-range") {
    return refuse("unknown command '" + command + "'");
  }
  if (arguments.size() < 3) return refuse(command + " expects two directories");
  for (size_t i = 1; i < 3; ++i) {  // names of journals may be anything
    const std::string& argument = arguments[i];
    if (argument.empty()) return refuse("an argument is empty");
    if (argument.starts_with('-')) return refuse("unknown option '" + argument + "'");
  }
  prepare_process();
  const Arguments names(arguments.begin() + 3, arguments.end());
  return command == "import-range" ? import_range(arguments[1], arguments[2], names)
                                   : export_range(arguments[1], arguments[2], names);
}

}  // namespace

}  // namespace rangefs

int main(int argc, char** argv) {
  return rangefs::run(std::vector<std::string>(argv + 1, argv + argc));
}
