// A table of figures, each beside the raw one it is held against.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace range::bench {

using Body = std::function<void(benchmark::State&)>;

// Collects rates and prints rows of `name  ours  baseline  ratio`, each figure the median over the
// repetitions, which Google Benchmark runs in random order. Rows of benchmarks that were filtered
// out are left out. Must outlive the run; used by one thread.
class Comparison : public benchmark::BenchmarkReporter {
 public:
  // Registers a pair, "NAME" and "NAME (raw)". Each body runs its loop `iterations` times and tells
  // what it processed, in items or in bytes.
  void add(const std::string& name, int64_t iterations, Body ours, Body raw);
  // Registers a figure whose baseline is another one, by its full name.
  void add(const std::string& name, int64_t iterations, Body ours, const std::string& baseline);

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;  // prints the table
  bool failed() const { return failed_; }

 private:
  struct Row {
    std::string name;
    std::string baseline;
  };
  struct Figure {
    std::vector<double> rates;  // one per repetition
    bool bytes = false;         // per second; else items
  };

  std::vector<Row> rows_;
  std::map<std::string, Figure> figures_;  // by the benchmark's name
  bool failed_ = false;
};

void add_append_benchmarks(Comparison& table);
void add_read_benchmarks(Comparison& table);
void add_scale_benchmarks(Comparison& table);
void add_sync_benchmarks(Comparison& table);

}  // namespace range::bench
