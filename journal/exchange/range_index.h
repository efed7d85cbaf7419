// Reading the index of a chunk of the Go project Range: see range_chunk.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "journal/env/env.h"
#include "journal/status.h"

namespace range::exchange {

// The entries of an index, in memory for 1 MiB. Not thread-safe.
class RangeIndex {
 public:
  // One that is not there has no entries, and one that cannot be opened for EIO is unreadable.
  // Errors: any other failure to open it.
  static Result<RangeIndex> open(Env& env, const Path& path);

  // How many there are. Zeros at the end are none: a power loss has made the file longer.
  uint64_t entries() const { return entries_; }
  // The entry of a record of the chunk; nothing behind the last one, or where it is unreadable.
  std::optional<uint64_t> at(uint64_t number) {
    if (number >= entries_) return std::nullopt;
    if (const uint64_t i = number - first_; i < loaded_) return decode(i);
    return load(number);
  }

  // Whether something of it could not be read.
  bool unreadable() const { return unreadable_; }
  // The first error but EIO of reading; at() returns nothing after it.
  const Status& status() const { return status_; }

 private:
  RangeIndex() = default;

  uint64_t decode(uint64_t i) const;
  std::optional<uint64_t> load(uint64_t number);
  // Whether the entries from `first` on could be loaded, up to so many bytes.
  bool load(uint64_t first, size_t bytes);
  void leave_out_zeros();

  std::unique_ptr<File> file_;
  uint64_t entries_ = 0;
  std::vector<std::byte> buffer_;  // of entries first_ to first_ + loaded_
  uint64_t first_ = 0;
  uint64_t loaded_ = 0;
  uint64_t unreadable_page_ = std::numeric_limits<uint64_t>::max();  // the last one that was
  bool unreadable_ = false;
  Status status_;
};

}  // namespace range::exchange
