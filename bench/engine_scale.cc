// Many journals in one store, against what the file system takes for as much.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/filesystem/operations.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <vector>

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

// Calls `work(i)` for each iteration, with another `i` as long as there are so many journals, and
// has the rate reported that follows from the median of the times.
void report_median(State& state, uint64_t& next, const std::function<void(uint64_t)>& work) {
  using Clock = std::chrono::steady_clock;
  std::vector<Clock::duration> times;
  for (auto _ : state) {
    const Clock::time_point begun = Clock::now();
    work(next++ % kJournals);
    times.push_back(Clock::now() - begun);
  }
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  state.counters["items_per_second"] = 1 / std::chrono::duration<double>(*middle).count();
}

// Each journal is one that was not looked at before in this process.
void first_read(State& state) {
  const auto store = must(open_store(Crowd::get().store(), {}));
  static uint64_t next = 0;
  std::array<std::byte, kRecordBytes> buffer{};
  report_median(state, next, [&](uint64_t i) {
    RANGE_CHECK(must(must(store->open(name_of(i)))->read(ByteOffset(), buffer)) == kRecordBytes);
  });
  must(store->close());
}

void first_read_of_file(State& state) {
  static uint64_t next = 0;
  std::array<std::byte, kRecordBytes> buffer{};
  report_median(state, next, [&](uint64_t i) {
    const int fd = ::open(Crowd::get().file(i).c_str(), O_RDONLY);
    RANGE_CHECK(::read(fd, buffer.data(), buffer.size()) == static_cast<ssize_t>(kRecordBytes));
    ::close(fd);
  });
}

// A store whose process was killed while it had many journals in use, each with much that was
// synced and a little that was not.
class Killed {
 public:
  static constexpr uint64_t kActive = 1000;

  static Killed& get() {
    static Killed killed;
    return killed;
  }

  std::string store() const { return directory_.path("store"); }

 private:
  Killed() {
    const pid_t child = ::fork();
    RANGE_CHECK(child >= 0);
    if (child == 0) append_and_die();
    int status = 0;
    RANGE_CHECK(::waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  }

  [[noreturn]] void append_and_die() {
    constexpr size_t kSynced = size_t{1} << 20;
    constexpr size_t kUnsynced = size_t{16} << 10;
    StoreOptions options;
    options.sync_interval = std::chrono::hours(1);
    const auto store = must(open_store(this->store(), options));
    std::vector<std::shared_ptr<Journal>> journals;
    for (uint64_t i = 0; i < kActive; ++i) {
      journals.push_back(must(store->get_or_create(fmt::format("{}", i))));
    }
    const auto append_all = [&](size_t bytes) {
      std::string lines;
      while (lines.size() < bytes) lines += as_text(record(lines.size()));
      for (const auto& journal : journals) must(journal->append(as_bytes(lines)));
    };
    append_all(kSynced);
    must(store->sync());
    append_all(kUnsynced);
    ::raise(SIGKILL);
    std::abort();
  }

  ScratchDirectory directory_;
};

// Opening the store and finding the end of every journal in it.
void reopen_killed(State& state) {
  StoreOptions options;
  options.read_only = true;
  for (auto _ : state) {
    const auto store = must(open_store(Killed::get().store(), options));
    for (uint64_t i = 0; i < Killed::kActive; ++i) {
      benchmark::DoNotOptimize(must(store->open(fmt::format("{}", i)))->extent());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(Killed::kActive));
}

// As many pairs of files, the last 16 KiB of one and a page of the other.
void read_ends(State& state) {
  std::vector<std::byte> buffer(size_t{16} << 10);
  for (auto _ : state) {
    for (const auto& entry :
         boost::filesystem::recursive_directory_iterator(Killed::get().store() + "/chunks")) {
      const bool dat = entry.path().extension() == ".dat";
      if (!dat && entry.path().extension() != ".idx") continue;
      const int fd = ::open(entry.path().c_str(), O_RDONLY);
      const off_t end = ::lseek(fd, 0, SEEK_END);
      const size_t size = dat ? buffer.size() : 4096;
      RANGE_CHECK(::pread(fd, buffer.data(), size, end - static_cast<off_t>(size)) > 0);
      ::close(fd);
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(Killed::kActive));
}

// A journal of as many chunks as 100,000,000 records of 100 bytes have, though smaller ones, and
// nothing of them in memory.
class Cold {
 public:
  static constexpr uint64_t kChunks = 150;

  static Cold& get() {
    static Cold cold;
    return cold;
  }

  std::string store() const { return directory_.path("store"); }
  Time middle() const { return middle_; }
  // The file that is read from for comparison.
  const std::string& any_file() const { return files_.front(); }

  void evict() const {
    for (const std::string& file : files_) {
      const int fd = ::open(file.c_str(), O_RDONLY);
      RANGE_CHECK(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
      ::close(fd);
    }
  }

 private:
  Cold() {
    StoreOptions options;
    options.chunk_size = uint64_t{1} << 20;
    const auto store = must(open_store(this->store(), options));
    {
      const auto journal = must(store->get_or_create("big"));
      for (uint64_t i = 0; journal->chunks().size() < kChunks; ++i) {
        must(journal->append(record(i)));
      }
      middle_ = journal->chunks()[kChunks / 2].start + std::chrono::milliseconds(1);
    }
    must(store->close());
    ::sync();  // dirty pages stay
    for (const auto& entry :
         boost::filesystem::recursive_directory_iterator(this->store() + "/chunks")) {
      if (entry.path().has_extension()) files_.push_back(entry.path().native());
    }
  }

  ScratchDirectory directory_;
  Time middle_;
  std::vector<std::string> files_;
};

// Looks at the header of every chunk, and then for the time in one of them.
void seek_time_cold(State& state) {
  StoreOptions options;
  options.read_only = true;
  for (auto _ : state) {
    state.PauseTiming();
    Cold::get().evict();
    const auto store = must(open_store(Cold::get().store(), options));
    state.ResumeTiming();
    must(must(store->open("big"))->seek(Cold::get().middle(), {}));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void read_cold(State& state) {
  std::array<std::byte, kRecordBytes> buffer{};
  for (auto _ : state) {
    state.PauseTiming();
    Cold::get().evict();
    const int fd = ::open(Cold::get().any_file().c_str(), O_RDONLY);
    state.ResumeTiming();
    RANGE_CHECK(::pread(fd, buffer.data(), buffer.size(), 0) > 0);
    state.PauseTiming();
    ::close(fd);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

}  // namespace

void add_scale_benchmarks(Comparison& table) {
  table.add(fmt::format("open, {} journals / empty store", kJournals), 10, open_crowded,
            open_empty);
  table.add(fmt::format("journals reopened after kill -9, {} active", Killed::kActive), 3,
            reopen_killed, read_ends);
  table.add(fmt::format("seek by time, {} chunks, nothing in memory / one pread", Cold::kChunks),
            20, seek_time_cold, read_cold);
  table.add("first read of a journal / of a file, medians", 2'000, first_read, first_read_of_file);
}

}  // namespace range::bench
