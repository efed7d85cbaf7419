// When files are mapped into memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace range {

// Mapping a file costs as much as some dozens of reads or writes of it, and the room that a window
// has ahead of appends is on the disk until it is used: so a window is opened only for a file that
// is appended to again and again, and begins small.
struct MappingSizes {
  uint32_t writes_before = 32;        // so many appends are written first,
  uint32_t syncs_before = 4;          // fewer if each is followed by a sync
  size_t append_bytes_max = 2 << 10;  // larger ones are written: that costs less than new pages
  size_t window_bytes_first = size_t{16} << 10;  // each window is twice as large as the last,
  size_t window_bytes_max = size_t{1} << 20;     // up to this; best a multiple of page_bytes()
  uint64_t read_bytes_min = uint64_t{32} << 10;  // smaller chunks are read through buffers
};

}  // namespace range
