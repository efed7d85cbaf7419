// Appends that survive kill -9, against writes to a file opened with O_APPEND.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <climits>
#include <vector>

#include "bench/comparison.h"
#include "bench/scratch.h"

namespace range::bench {

namespace {

using benchmark::State;

constexpr int kAppendFlags = O_WRONLY | O_APPEND;

int64_t iterations(const State& state) { return static_cast<int64_t>(state.iterations()); }

// One record per call.

void append_each(State& state) {
  ScratchStore scratch;
  const auto journal = scratch.create("journal", Framing::kWrite);
  must(journal->append(record(0)));  // begins the first chunk
  uint64_t i = 0;
  for (auto _ : state) must(journal->append(record(i++)));
  state.SetItemsProcessed(iterations(state));
}

void write_each(State& state) {
  const ScratchDirectory scratch;
  RawFile file(scratch.path("file"), kAppendFlags);
  file.write(record(0));
  uint64_t i = 0;
  for (auto _ : state) file.write(record(i++));
  state.SetItemsProcessed(iterations(state));
}

// The same by two threads, each with a journal or file of its own.

constexpr int64_t kEachOfTwo = 250'000;

void append_by_two(State& state) {
  ScratchStore scratch;
  const std::vector journals{scratch.create("0", Framing::kWrite),
                             scratch.create("1", Framing::kWrite)};
  for (const auto& journal : journals) must(journal->append(record(0)));
  for (auto _ : state) {
    in_threads(2, [&](size_t thread) {
      for (int64_t i = 0; i < kEachOfTwo; ++i) must(journals[thread]->append(record(0)));
    });
  }
  state.SetItemsProcessed(iterations(state) * 2 * kEachOfTwo);
}

void write_by_two(State& state) {
  const ScratchDirectory scratch;
  std::vector<RawFile> files;
  for (const char* name : {"0", "1"}) files.emplace_back(scratch.path(name), kAppendFlags);
  for (RawFile& file : files) file.write(record(0));
  for (auto _ : state) {
    in_threads(2, [&](size_t thread) {
      for (int64_t i = 0; i < kEachOfTwo; ++i) files[thread].write(record(0));
    });
  }
  state.SetItemsProcessed(iterations(state) * 2 * kEachOfTwo);
}

// Batches: append_records(), against writev(2) with one part per record, as many as it takes.

void append_batches(State& state, size_t batch) {
  ScratchStore scratch;
  const auto journal = scratch.create("journal", Framing::kWrite);
  std::vector<ConstBytes> records;
  for (size_t i = 0; i < batch; ++i) records.push_back(record(i));
  must(journal->append_records(records));
  for (auto _ : state) must(journal->append_records(records));
  state.SetItemsProcessed(iterations(state) * static_cast<int64_t>(batch));
}

void writev_batches(State& state, size_t batch) {
  const ScratchDirectory scratch;
  const RawFile file(scratch.path("file"), kAppendFlags);
  std::vector<iovec> parts;
  for (size_t i = 0; i < batch; ++i) {
    parts.push_back({const_cast<std::byte*>(record(i).data()), kRecordBytes});
  }
  const auto write_batch = [&] {
    for (size_t i = 0; i < batch; i += IOV_MAX) {
      const size_t count = std::min<size_t>(IOV_MAX, batch - i);
      const ssize_t written = ::writev(file.fd(), parts.data() + i, static_cast<int>(count));
      RANGE_CHECK(written == static_cast<ssize_t>(count * kRecordBytes));
    }
  };
  write_batch();
  for (auto _ : state) write_batch();
  state.SetItemsProcessed(iterations(state) * static_cast<int64_t>(batch));
}

// Blocks of text, which line framing divides into records, against write(2) of the same blocks.

void append_text(State& state, size_t block) {
  ScratchStore scratch;
  const auto journal = scratch.create("journal", Framing::kLine);
  must(journal->append(text().first(block)));
  for (auto _ : state) must(journal->append(text().first(block)));
  state.SetBytesProcessed(iterations(state) * static_cast<int64_t>(block));
}

void write_text(State& state, size_t block) {
  const ScratchDirectory scratch;
  RawFile file(scratch.path("file"), kAppendFlags);
  file.write(text().first(block));
  for (auto _ : state) file.write(text().first(block));
  state.SetBytesProcessed(iterations(state) * static_cast<int64_t>(block));
}

// A new journal and its first record, against mkdir and two empty files: what the least store that
// keeps data and index apart would have to do.

void append_new(State& state) {
  ScratchStore scratch;
  uint64_t i = 0;
  for (auto _ : state) {
    must(scratch.create(fmt::format("{}", i), Framing::kWrite)->append(record(i)));
    ++i;
  }
  state.SetItemsProcessed(iterations(state));
}

void create_new(State& state) {
  const ScratchDirectory scratch;
  uint64_t i = 0;
  for (auto _ : state) {
    const std::string directory = scratch.path(fmt::format("{}", i++));
    RANGE_CHECK(::mkdir(directory.c_str(), 0700) == 0);
    const RawFile data(directory + "/data", kAppendFlags);
    const RawFile index(directory + "/index", kAppendFlags);
  }
  state.SetItemsProcessed(iterations(state));
}

}  // namespace

void add_append_benchmarks(Comparison& table) {
  table.add("append, one record / write", 500'000, append_each, write_each);
  table.add("append, two writers / write, two writers", 1, append_by_two, write_by_two);
  for (const auto& [batch, count] : {std::pair<size_t, int64_t>{100, 3'000}, {10'000, 30}}) {
    table.add(
        fmt::format("append, batches of {} / writev", batch), count,
        [batch = batch](State& state) { append_batches(state, batch); },
        [batch = batch](State& state) { writev_batches(state, batch); });
  }
  for (const auto& [kib, count] : {std::pair<size_t, int64_t>{64, 800}, {1024, 50}}) {
    table.add(
        fmt::format("append, {} KiB of lines / write", kib), count,
        [kib = kib](State& state) { append_text(state, kib << 10); },
        [kib = kib](State& state) { write_text(state, kib << 10); });
  }
  table.add("append, new journal / mkdir, 2 creates", 2'000, append_new, create_new);
}

}  // namespace range::bench
