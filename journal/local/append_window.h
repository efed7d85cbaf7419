// Appending to a file without system calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "journal/env/env.h"
#include "journal/local/mapping_sizes.h"

namespace range {

// The end of a file that takes appends: written with pwrite(2) or, once it is hot, stored into a
// mapped window of room that was written ahead, with zeros. (Zeros written rather than reserved:
// on ext4 a window is in use ten times sooner than with fallocate(2), and a sync of what is stored
// in it need not change any metadata.) So the file may end in zeros that were never appended. Not
// thread-safe; reading the file at the same time is fine.
class AppendWindow {
 public:
  explicit AppendWindow(const MappingSizes& sizes)
      : sizes_(sizes), bytes_next_(sizes.window_bytes_first) {}

  // Appends `parts` of `size` bytes at `at`, the end of what was appended so far; `at` and the
  // sizes of a file that is written in `words` are multiples of 8, and what a process that dies
  // leaves of the append is then a prefix. After an error any part of it may be there.
  Status append(File& file, uint64_t at, std::span<const ConstBytes> parts, size_t size,
                bool words);

  // From now on appends are stored.
  void heat() { writes_ = sizes_.writes_before; }

  // Gives up the window; appends begin anew with writing. Returns whether the file goes on behind
  // `end`, where what was appended ends: the caller may truncate it then.
  bool close(uint64_t end);

 private:
  Status append(File& file, uint64_t at, ConstBytes part, bool words);
  Result<bool> open(File& file, uint64_t at);
  size_t left_behind(uint64_t at) const;

  const MappingSizes sizes_;
  std::unique_ptr<Region> region_;  // null: none is open
  uint64_t begin_ = 0;              // of the region, in the file
  uint64_t file_end_ = 0;           // with the room ahead; 0 before there was any
  size_t bytes_next_;
  uint32_t writes_ = 0;
  bool refused_ = false;  // no window could be opened: it is not tried again before close()
};

}  // namespace range
