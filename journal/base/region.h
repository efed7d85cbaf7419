// Parts of files in memory.
#pragma once

#include <atomic>
#include <cstddef>

#include "journal/status.h"
#include "journal/types.h"

namespace range {

// The unit of mapping, in bytes.
size_t page_bytes();

// A part of a file in memory: what is stored here and what is written to the file at the same place
// are one and the same, at once and for everybody. Unmapped by the destructor. Any number of
// threads may use it, as long as nobody reads what somebody else is storing.
//
// It may reach beyond the end of the file, where nothing must be touched. Where the file was
// truncated or the disk fails, touching it is SIGBUS: see RegionGuard.
class Region {
 public:
  virtual ~Region() = default;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  ConstBytes bytes() const { return {data_, size_}; }

  // Each copies `bytes` to `at`. Like a write it survives the death of the process as soon as it
  // returns, and power loss after the next sync of the file. A process that dies in the middle
  // leaves any part of it; of store_words(), which takes multiples of 8 bytes at multiples of 8, a
  // prefix. Only for writable regions. Errors: kIo, after which any part may have been stored.
  virtual Status store(size_t at, ConstBytes bytes) = 0;
  virtual Status store_words(size_t at, ConstBytes bytes) = 0;

  // How many of the `size` bytes from `at` on, all of them in the file, are in memory before the
  // first that is not: touching those does not wait for a disk, unless the kernel drops them just
  // then. 0 if that cannot be known.
  virtual size_t in_memory(size_t at, size_t size) const = 0;

  // Something of it could not be read or stored: what bytes() shows is not what the file holds.
  bool failed() const { return failed_.load(std::memory_order_acquire); }

 protected:
  Region(std::byte* data, size_t size) : data_(data), size_(size) {}

  std::byte* data() const { return data_; }

 private:
  friend class RegionGuard;

  std::byte* const data_;
  const size_t size_;
  std::atomic<bool> failed_ = false;
};

// While one of these lives, its thread may touch one or two regions although the disk below them
// fails: instead of SIGBUS there are zeros, and the region has failed(). Not to be shared.
class RegionGuard {
 public:
  // The regions must outlive the guard; either may be null.
  explicit RegionGuard(Region* first, Region* second = nullptr);
  ~RegionGuard();
  RegionGuard(const RegionGuard&) = delete;
  RegionGuard& operator=(const RegionGuard&) = delete;

  // Makes guards work in this process: installs a handler of SIGBUS, which passes on to the earlier
  // one whatever does not concern a guard. Does so once, however often it is called.
  static void install();

 private:
  static bool absorb(void* address);
  static void on_signal(int signal, void* info, void* context);
  bool take(Region* region, std::byte* address);

  Region* const first_;
  Region* const second_;
  RegionGuard* const outer_;
};

}  // namespace range
