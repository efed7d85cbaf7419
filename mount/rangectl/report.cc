#include "mount/rangectl/report.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "journal/printable.h"

namespace rangefs {

using range::counted;
using range::printable;

double megabytes(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

int fail(const range::Error& error) {
  fmt::print(stderr, "rangectl: {}\n", to_string(error));
  return 1;
}

Report::Report(const char* verb) : verb_(verb), on_terminal_(::isatty(STDERR_FILENO) == 1) {}

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
  fmt::print(stderr, "\r\033[K{}/{}, {}, {:.1f} MB, {:.1f} MB/s", journals_,
             counted(journals_total_, "journal"), counted(records_, "record"), megabytes(bytes_),
             mb_per_second());
  std::fflush(stderr);
}

void Report::clear_line() const {
  if (on_terminal_) fmt::print(stderr, "\r\033[K");
}

void Report::result(const std::string& name, const std::string& line) {
  ++journals_;
  clear_line();
  fmt::print("{}: {}\n", printable(name), line);
  std::fflush(stdout);
}

void Report::notes(const std::string& name, const std::vector<std::string>& lines, bool left_out) {
  if (lines.empty()) return;
  left_out_ = left_out_ || left_out;
  clear_line();
  for (const std::string& line : lines) {
    fmt::print(stderr, "{}: {}: {}\n", printable(name), left_out ? "damage" : "note", line);
  }
}

void Report::failed(const std::string& name, const range::Error& error) {
  problem(printable(name) + ": " + to_string(error));
}

void Report::problem(const std::string& line) {
  left_out_ = true;
  remark(line);
}

void Report::remark(const std::string& line) const {
  clear_line();
  fmt::print(stderr, "rangectl: {}\n", line);
}

int Report::finish() {
  clear_line();
  fmt::print("{} of {} {}, {}, {:.1f} MB ({:.1f} MB/s)\n", journals_,
             counted(journals_total_, "journal"), verb_, counted(records_, "record"),
             megabytes(bytes_), mb_per_second());
  if (std::fflush(stdout) != 0) problem("cannot write to the standard output");
  return left_out_ ? 1 : 0;
}

}  // namespace rangefs
