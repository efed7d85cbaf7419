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

// The same with a journal for each thread.
void append_and_sync_apart(State& state, size_t writers) {
  ScratchStore scratch;
  std::vector<std::shared_ptr<Journal>> journals;
  for (size_t i = 0; i < writers; ++i) {
    journals.push_back(scratch.create(fmt::format("{}", i), Framing::kWrite));
    must(journals.back()->append(record(0)));
    must(journals.back()->sync());
  }
  for (auto _ : state) {
    in_threads(writers, [&](size_t writer) {
      for (uint64_t i = 0; i < kEach; ++i) {
        must(journals[writer]->append(record(i)));
        must(journals[writer]->sync());
      }
    });
  }
  state.SetItemsProcessed(static_cast<int64_t>(writers) * state.iterations() * kEach);
}

// So many threads with a file each.
void write_and_sync(State& state, size_t writers) {
  const ScratchDirectory scratch;
  std::vector<RawFile> files;
  for (size_t i = 0; i < writers; ++i) {
    files.emplace_back(scratch.path(fmt::format("{}", i)), O_WRONLY | O_APPEND);
  }
  const auto write_one = [&](size_t writer, uint64_t i) {
    files[writer].write(record(i));
    RANGE_CHECK(::fdatasync(files[writer].fd()) == 0);
  };
  for (size_t i = 0; i < writers; ++i) write_one(i, 0);
  for (auto _ : state) {
    in_threads(writers, [&](size_t writer) {
      for (uint64_t i = 0; i < kEach; ++i) write_one(writer, i);
    });
  }
  state.SetItemsProcessed(static_cast<int64_t>(writers) * state.iterations() * kEach);
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
      single, 1, [](State& state) { append_and_sync(state, 1); },
      [](State& state) { write_and_sync(state, 1); });
  for (const size_t writers : {size_t{16}, size_t{32}}) {
    table.add(
        fmt::format("append + sync, {} writers / our one", writers), 1,
        [writers](State& state) { append_and_sync(state, writers); }, single);
  }
  table.add(
      "append + sync, 16 journals / fdatasync, 16 files", 1,
      [](State& state) { append_and_sync_apart(state, 16); },
      [](State& state) { write_and_sync(state, 16); });
  table.add("sync, 1,000 dirty journals / fdatasync each", 1, sync_many, fdatasync_many);
}

}  // namespace range::bench
