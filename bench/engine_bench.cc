// The engine against raw system calls on the same file system, in one run:
//   TMPDIR=/var/tmp .build/bench/bench/range_bench [--benchmark_filter=REGEX] [...]
// $TMPDIR must be on a disk; on tmpfs neither figure says anything. The engine runs as it is
// delivered: checksums, index, and the background sync each second are in its figures. What a
// baseline does is said at each pair.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/comparison.h"

int main(int argc, char** argv) {
  // Ahead of the caller's flags, so that those win.
  std::vector<std::string> defaults{argv[0], "--benchmark_repetitions=5",
                                    "--benchmark_enable_random_interleaving=true"};
  std::vector<char*> arguments;
  for (std::string& argument : defaults) arguments.push_back(argument.data());
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  range::bench::Comparison table;
  add_append_benchmarks(table);
  add_read_benchmarks(table);
  add_sync_benchmarks(table);
  add_scale_benchmarks(table);
  benchmark::RunSpecifiedBenchmarks(&table);
  return table.failed() ? 1 : 0;
}
