// Appends that survive power loss, against a write and fdatasync(2) each.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <vector>

#include "bench/comparison.h"
#include "bench/scratch.h"

namespace range::bench {

namespace {

using benchmark::State;

constexpr int64_t kEach = 100;  // records per writer

// So many threads append to one journal and sync each record of theirs.
void append_and_sync(State& state, size_t writers) {
  ScratchStore scratch;
  const auto journal = scratch.create("journal", Framing::kWrite);
  must(journal->append(record(0)));
  must(journal->sync());
  for (auto _ : state) {
    in_threads(writers, [&](size_t) {
      for (uint64_t i = 0; i < kEach; ++i) {
        must(journal->append(record(i)));
        must(journal->sync());
      }
    });
  }
  state.SetItemsProcessed(static_cast<int64_t>(writers) * state.iterations() * kEach);
}

void write_and_sync(State& state) {
  const ScratchDirectory scratch;
  RawFile file(scratch.path("file"), O_WRONLY | O_APPEND);
  const auto write_one = [&](uint64_t i) {
    file.write(record(i));
    RANGE_CHECK(::fdatasync(file.fd()) == 0);
  };
  write_one(0);
  for (auto _ : state) {
    for (uint64_t i = 0; i < kEach; ++i) write_one(i);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kEach);
}

// Many journals with one new record each, synced together, against one fdatasync(2) per file.

constexpr size_t kDirty = 1000;

// Made once: to create them takes longer than to sync them.
class ManyFiles {
 public:
  static ManyFiles& get() {
    static ManyFiles many;
    return many;
  }

  Store& store() { return store_.store(); }
  const std::vector<std::shared_ptr<Journal>>& journals() const { return journals_; }
  std::vector<RawFile>& files() { return files_; }

 private:
  ManyFiles() {
    for (size_t i = 0; i < kDirty; ++i) {
      const std::string name = fmt::format("{}", i);
      journals_.push_back(store_.create(name, Framing::kWrite));
      must(journals_.back()->append(record(i)));
      files_.emplace_back(directory_.path(name), O_WRONLY | O_APPEND);
      files_.back().write(record(i));
    }
    must(store().sync());
    RANGE_CHECK(::syncfs(files_.back().fd()) == 0);
  }

  ScratchStore store_;
  ScratchDirectory directory_;
  std::vector<std::shared_ptr<Journal>> journals_;
  std::vector<RawFile> files_;
};

void sync_many(State& state) {
  ManyFiles& many = ManyFiles::get();
  for (auto _ : state) {
    state.PauseTiming();
    for (const auto& journal : many.journals()) must(journal->append(record(0)));
    state.ResumeTiming();
    must(many.store().sync());
  }
  state.SetItemsProcessed(static_cast<int64_t>(kDirty) * state.iterations());
}

void fdatasync_many(State& state) {
  ManyFiles& many = ManyFiles::get();
  for (auto _ : state) {
    state.PauseTiming();
    for (RawFile& file : many.files()) file.write(record(0));
    state.ResumeTiming();
    for (const RawFile& file : many.files()) RANGE_CHECK(::fdatasync(file.fd()) == 0);
  }
  state.SetItemsProcessed(static_cast<int64_t>(kDirty) * state.iterations());
}

}  // namespace

void add_sync_benchmarks(Comparison& table) {
  const std::string single = "append + sync, one writer / fdatasync";
  table.add(
      single, 1, [](State& state) { append_and_sync(state, 1); }, write_and_sync);
  for (const size_t writers : {size_t{16}, size_t{32}}) {
    table.add(
        fmt::format("append + sync, {} writers / our one", writers), 1,
        [writers](State& state) { append_and_sync(state, writers); }, single);
  }
  table.add("sync, 1,000 dirty journals / fdatasync each", 1, sync_many, fdatasync_many);
}

}  // namespace range::bench
