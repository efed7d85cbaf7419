// What the benchmarks work on: temporary directories, a store in one, raw files in another.
#pragma once

#include <boost/filesystem/path.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "journal/store.h"

namespace range::bench {

// The value of a call that must not fail.
template <typename T>
T must(Result<T> result) {
  RANGE_CHECK(result.has_value());
  return *std::move(result);
}
inline void must(const Status& status) { RANGE_CHECK(status.has_value()); }

// A directory below $TMPDIR, removed with everything in it.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  boost::filesystem::path path_;
};

// A store with the default options.
class ScratchStore {
 public:
  ScratchStore();
  ~ScratchStore();
  ScratchStore(const ScratchStore&) = delete;
  ScratchStore& operator=(const ScratchStore&) = delete;

  Store& store() { return *store_; }
  // A new journal. The caller must let go of it before the store goes.
  std::shared_ptr<Journal> create(const std::string& name, Framing framing);

 private:
  ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
};

// A file descriptor for plain system calls.
class RawFile {
 public:
  // `flags` as of open(2); O_CREAT is added.
  RawFile(const std::string& path, int flags);
  ~RawFile();
  RawFile(RawFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;

  int fd() const { return fd_; }
  void write(ConstBytes bytes);

 private:
  int fd_;
};

inline constexpr size_t kRecordBytes = 100;
inline constexpr size_t kTextBytes = size_t{1} << 20;

// A fixed text of kTextBytes in lines of 80 bytes, in memory.
ConstBytes text();
// Record `i`: kRecordBytes out of the same text.
inline ConstBytes record(uint64_t i) {
  return text().subspan(i % (kTextBytes / kRecordBytes) * kRecordBytes, kRecordBytes);
}

// Calls `work(index)` in so many threads at once and waits for all.
void in_threads(size_t count, const std::function<void(size_t)>& work);

}  // namespace range::bench
