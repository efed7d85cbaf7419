// Many journals in one store, against what the file system takes for as much.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem/operations.hpp>

#include "bench/comparison.h"
#include "bench/scratch.h"

namespace range::bench {

namespace {

using benchmark::State;

constexpr uint64_t kJournals = 20'000;
constexpr uint64_t kInDirectory = 1000;

std::string name_of(uint64_t i) { return fmt::format("{}/{}", i / kInDirectory, i); }

// A store of many journals with one record each, closed, and as many files with the same.
class Crowd {
 public:
  static Crowd& get() {
    static Crowd crowd;
    return crowd;
  }

  std::string store() const { return directory_.path("store"); }
  std::string empty_store() const { return directory_.path("empty"); }
  std::string file(uint64_t i) const { return directory_.path(name_of(i)); }

 private:
  Crowd() {
    must(must(open_store(empty_store(), {}))->close());
    const auto store = must(open_store(this->store(), {}));
    for (uint64_t i = 0; i < kJournals; ++i) {
      const std::string directory = fmt::format("{}", i / kInDirectory);
      if (i % kInDirectory == 0) {
        must(store->make_directory(directory, {}));
        boost::filesystem::create_directory(directory_.path(directory));
      }
      must(must(store->get_or_create(name_of(i)))->append(record(i)));
      RawFile(file(i), O_WRONLY | O_APPEND).write(record(i));
    }
    must(store->close());
  }

  ScratchDirectory directory_;
};

void open_and_close(State& state, const std::string& path) {
  for (auto _ : state) {
    auto store = must(open_store(path, {}));
    state.PauseTiming();
    must(store->close());
    store.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void open_crowded(State& state) { open_and_close(state, Crowd::get().store()); }
void open_empty(State& state) { open_and_close(state, Crowd::get().empty_store()); }

// Each journal is one that was not looked at before in this process.
void first_read(State& state) {
  const auto store = must(open_store(Crowd::get().store(), {}));
  static uint64_t next = 0;
  std::array<std::byte, kRecordBytes> buffer{};
  for (auto _ : state) {
    const uint64_t i = next++ % kJournals;
    RANGE_CHECK(must(must(store->open(name_of(i)))->read(ByteOffset(), buffer)) == kRecordBytes);
  }
  must(store->close());
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void first_read_of_file(State& state) {
  static uint64_t next = 0;
  std::array<std::byte, kRecordBytes> buffer{};
  for (auto _ : state) {
    const int fd = ::open(Crowd::get().file(next++ % kJournals).c_str(), O_RDONLY);
    RANGE_CHECK(::read(fd, buffer.data(), buffer.size()) == static_cast<ssize_t>(kRecordBytes));
    ::close(fd);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

}  // namespace

void add_scale_benchmarks(Comparison& table) {
  table.add(fmt::format("open, {} journals / empty store", kJournals), 10, open_crowded,
            open_empty);
  table.add("first read of a journal / of a file", 2'000, first_read, first_read_of_file);
}

}  // namespace range::bench
