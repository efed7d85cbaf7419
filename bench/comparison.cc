#include "bench/comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace range::bench {

namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Three figures, with the unit that suits them.
std::string rate_text(double rate, bool bytes) {
  static constexpr std::pair<double, const char*> kScales[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  for (const auto& [scale, prefix] : kScales) {
    if (rate < scale) continue;
    return fmt::format("{:.3g} {}{}", rate / scale, prefix, bytes ? "B/s" : "/s");
  }
  return fmt::format("{:.3g} {}", rate, bytes ? "B/s" : "/s");
}

void register_one(const std::string& name, int64_t iterations, Body body) {
  benchmark::RegisterBenchmark(name.c_str(), std::move(body))
      ->Iterations(iterations)
      ->UseRealTime();
}

}  // namespace

void Comparison::add(const std::string& name, int64_t iterations, Body ours, Body raw) {
  const std::string baseline = name + " (raw)";
  add(name, iterations, std::move(ours), baseline);
  register_one(baseline, iterations, std::move(raw));
}

void Comparison::add(const std::string& name, int64_t iterations, Body ours,
                     const std::string& baseline) {
  rows_.push_back({name, baseline});
  register_one(name, iterations, std::move(ours));
}

bool Comparison::ReportContext(const Context&) { return true; }

void Comparison::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.run_type != Run::RT_Iteration) continue;
    Figure& figure = figures_[run.run_name.function_name];
    const auto items = run.counters.find("items_per_second");
    const auto bytes = run.counters.find("bytes_per_second");
    if (run.error_occurred || (items == run.counters.end() && bytes == run.counters.end())) {
      fmt::print(stderr, "{}: {}\n", run.run_name.function_name, run.error_message);
      failed_ = true;
      continue;
    }
    figure.bytes = items == run.counters.end();
    figure.rates.push_back((figure.bytes ? bytes : items)->second.value);
  }
}

void Comparison::Finalize() {
  fmt::print("{:<44}{:>12}{:>12}{:>8}\n", "", "ours", "baseline", "ratio");
  for (const Row& row : rows_) {
    const Figure& ours = figures_[row.name];
    const Figure& raw = figures_[row.baseline];
    if (ours.rates.empty()) continue;
    fmt::print("{:<44}{:>12}", row.name, rate_text(median(ours.rates), ours.bytes));
    if (!raw.rates.empty()) {
      fmt::print("{:>12}{:>8.2f}", rate_text(median(raw.rates), raw.bytes),
                 median(ours.rates) / median(raw.rates));
    }
    fmt::print("\n");
  }
}

}  // namespace range::bench
