// Verified reading, against read(2) and pread(2) of the same bytes, all of them in memory.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "bench/comparison.h"
#include "bench/scratch.h"
#include "journal/cursor.h"

namespace range::bench {

namespace {

using benchmark::State;

constexpr uint64_t kRecords = 1'000'000;  // a little more than a chunk
constexpr size_t kReadBytes = 128 << 10;  // as cat(1) reads

// The same records in a journal and in a file, just written and so in the page cache.
class Library {
 public:
  static Library& get() {
    static Library library;
    return library;
  }

  const std::shared_ptr<Journal>& journal() const { return journal_; }
  const RawFile& file() const { return file_; }

 private:
  Library()
      : journal_(store_.create("journal", Framing::kWrite)),
        file_(directory_.path("file"), O_RDWR | O_APPEND) {
    constexpr size_t kBatch = 1000;
    for (uint64_t i = 0; i < kRecords; i += kBatch) {
      std::vector<ConstBytes> batch;
      for (uint64_t j = i; j < i + kBatch; ++j) batch.push_back(record(j));
      must(journal_->append_records(batch));
      for (const ConstBytes bytes : batch) file_.write(bytes);
    }
    must(journal_->sync());
    RANGE_CHECK(::fdatasync(file_.fd()) == 0);
  }

  ScratchStore store_;
  ScratchDirectory directory_;
  std::shared_ptr<Journal> journal_;
  RawFile file_;
};

int64_t records_read(const State& state) {
  return static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(kRecords);
}

void walk_forward(State& state) {
  const Library& library = Library::get();
  for (auto _ : state) {
    Cursor cursor(library.journal());
    uint64_t count = 0;
    while (const auto found = must(cursor.next())) {
      benchmark::DoNotOptimize(found->bytes.data());
      ++count;
    }
    RANGE_CHECK(count == kRecords);
  }
  state.SetItemsProcessed(records_read(state));
}

void walk_backward(State& state) {
  const Library& library = Library::get();
  for (auto _ : state) {
    Cursor cursor(library.journal());
    must(cursor.seek(AtEnd{}));
    uint64_t count = 0;
    while (const auto found = must(cursor.previous())) {
      benchmark::DoNotOptimize(found->bytes.data());
      ++count;
    }
    RANGE_CHECK(count == kRecords);
  }
  state.SetItemsProcessed(records_read(state));
}

void read_file(State& state) {
  const Library& library = Library::get();
  std::vector<std::byte> buffer(kReadBytes);
  for (auto _ : state) {
    RANGE_CHECK(::lseek(library.file().fd(), 0, SEEK_SET) == 0);
    uint64_t total = 0;
    while (true) {
      const ssize_t got = ::read(library.file().fd(), buffer.data(), buffer.size());
      RANGE_CHECK(got >= 0);
      if (got == 0) break;
      total += static_cast<uint64_t>(got);
      benchmark::ClobberMemory();
    }
    RANGE_CHECK(total == kRecords * kRecordBytes);
  }
}

void read_file_records(State& state) {
  read_file(state);
  state.SetItemsProcessed(records_read(state));
}

void read_file_bytes(State& state) {
  read_file(state);
  state.SetBytesProcessed(records_read(state) * static_cast<int64_t>(kRecordBytes));
}

// Bytes without regard to records, which the mount asks for.

void read_journal_bytes(State& state) {
  const Library& library = Library::get();
  std::vector<std::byte> buffer(kReadBytes);
  for (auto _ : state) {
    ByteOffset at;
    while (const size_t got = must(library.journal()->read(at, buffer))) {
      at += got;
      benchmark::ClobberMemory();
    }
    RANGE_CHECK(at == ByteOffset(kRecords * kRecordBytes));
  }
  state.SetBytesProcessed(records_read(state) * static_cast<int64_t>(kRecordBytes));
}

// Both draw the same numbers.
class RandomRecords {
 public:
  uint64_t next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return (state_ >> 33) % kRecords;
  }

 private:
  uint64_t state_ = 1;
};

void get_random(State& state) {
  const Library& library = Library::get();
  RandomRecords random;
  RecordBatch batch;
  for (auto _ : state) {
    must(library.journal()->read_records(RecordNumber(random.next()), 1, kRecordBytes, batch));
    RANGE_CHECK(batch.items.front().bytes.size() == kRecordBytes);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void seek_time(State& state) {
  const Library& library = Library::get();
  const Extent extent = library.journal()->extent();
  RecordBatch batch;
  must(library.journal()->read_records(RecordNumber(0), 1, 1, batch));
  const Time begin = batch.items.front().time;
  const auto span = static_cast<uint64_t>((extent.last_time - begin).count()) + 1;
  RandomRecords random;
  for (auto _ : state) {
    const Time time = begin + std::chrono::milliseconds(random.next() % span);
    benchmark::DoNotOptimize(must(library.journal()->seek(time)));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

void pread_random(State& state) {
  const Library& library = Library::get();
  RandomRecords random;
  std::array<std::byte, kRecordBytes> buffer{};
  for (auto _ : state) {
    const auto at = static_cast<off_t>(random.next() * kRecordBytes);
    const ssize_t got = ::pread(library.file().fd(), buffer.data(), buffer.size(), at);
    RANGE_CHECK(got == static_cast<ssize_t>(kRecordBytes));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}

}  // namespace

void add_read_benchmarks(Comparison& table) {
  const std::string forward = "read, records forward / read";
  table.add(forward, 1, walk_forward, read_file_records);
  table.add("read, records backward / our forward", 1, walk_backward, forward);
  table.add("read, bytes / read", 1, read_journal_bytes, read_file_bytes);
  // So many that most find their pages mapped: the first read of each costs a fault.
  table.add("read, random record / pread", 200'000, get_random, pread_random);
  table.add("seek by time / pread", 10'000, seek_time, pread_random);
}

}  // namespace range::bench
