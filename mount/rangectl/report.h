// What rangectl says about many journals.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "journal/exchange/import_range.h"
#include "journal/log.h"

namespace rangefs {

// What is done so far: a line on a terminal that is written again and again, the results of each
// journal, and the total. Names are printed as printable() writes them; lines are taken to be so.
class Report {
 public:
  explicit Report(const char* verb);

  void set_total(size_t journals) { journals_total_ = journals; }

  // More was copied.
  void advance(uint64_t records, uint64_t bytes);
  // A journal is done.
  void result(const std::string& name, const std::string& line);
  // Lines about a journal. With `left_out`, something is missing for it.
  void notes(const std::string& name, const std::vector<std::string>& lines, bool left_out);
  // A journal could not be copied at all.
  void failed(const std::string& name, const range::Error& error);
  void problem(const std::string& line);
  void remark(const std::string& line) const;
  // Prints the total and returns the exit status.
  int finish();

  // Of a store: warnings and errors, which cost nothing by themselves.
  range::LogSink log() const {
    return [this](range::LogLevel level, const std::string& line) {
      if (level != range::LogLevel::kInfo) remark(line);
    };
  }

  range::exchange::Progress progress() {
    return [this](uint64_t records, uint64_t bytes) { advance(records, bytes); };
  }

 private:
  using Clock = std::chrono::steady_clock;

  void draw() const;
  void clear_line() const;
  double mb_per_second() const;

  const char* const verb_;
  const bool on_terminal_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_ = start_;
  size_t journals_ = 0;
  size_t journals_total_ = 0;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  bool left_out_ = false;
};

double megabytes(uint64_t bytes);

// Prints why nothing was done, and returns the exit status.
int fail(const range::Error& error);

}  // namespace rangefs
