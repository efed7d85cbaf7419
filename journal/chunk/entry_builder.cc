#include "journal/chunk/entry_builder.h"

#include <algorithm>
#include <cstring>

#include "journal/journal.h"
#include "journal/status.h"

namespace range {

namespace {

// The length of the first line of `data`, its newline included; all of it if there is none.
size_t line_length(ConstBytes data) {
  const void* newline = std::memchr(data.data(), '\n', data.size());
  if (newline == nullptr) return data.size();
  return static_cast<size_t>(static_cast<const std::byte*>(newline) - data.data()) + 1;
}

bool ends_line(ConstBytes data) { return !data.empty() && data.back() == std::byte{'\n'}; }

}  // namespace

EntryBuilder::EntryBuilder(ChunkSeed chunk, const ChunkEnd& end, uint64_t ms,
                           std::vector<EntryBytes>& entries)
    : chunk_(chunk), ms_(ms), end_(end), entries_(entries) {
  entries_.clear();
  RANGE_CHECK(ms >= end.last_ms && ms <= kChunkAgeMsMax);
}

// Adds `part` to the open record, or begins one with it. `last`: nothing more will be added.
inline void EntryBuilder::add_part(ConstBytes part, bool complete, bool last) {
  longest_ = std::max(longest_, end_.open_bytes + part.size());
  if (complete && part.size() <= kFragmentBytesMax) {
    add_fragment(part, false, last);
  } else {
    add_fragments(part, complete, last);
  }
}

void EntryBuilder::add_framed(Framing framing, ConstBytes data) {
  if (framing == Framing::kWrite) return add_records({&data, 1});
  while (!data.empty()) {
    const ConstBytes line = data.first(line_length(data));
    data = data.subspan(line.size());
    add_part(line, ends_line(line), data.empty());
  }
}

void EntryBuilder::add_records(std::span<const ConstBytes> records) {
  end_.open_bytes = 0;
  for (const ConstBytes& record : records) add_part(record, true, &record == &records.back());
}

// A record that has become as long as an open one may be is closed there.
void EntryBuilder::add_fragments(ConstBytes part, bool complete, bool last) {
  while (!part.empty()) {
    ConstBytes fragment = part.first(std::min(part.size(), kFragmentBytesMax));
    if (!complete) {
      fragment = fragment.first(std::min(fragment.size(), kOpenRecordBytesMax - end_.open_bytes));
    }
    part = part.subspan(fragment.size());
    const bool full = !complete && end_.open_bytes + fragment.size() == kOpenRecordBytesMax;
    add_fragment(fragment, !full && (!complete || !part.empty()), last && part.empty());
  }
}

void EntryBuilder::add_fragment(ConstBytes fragment, bool open, bool last) {
  if (end_.open_bytes == 0) ++end_.records;
  FragmentEntry entry{.end = static_cast<uint32_t>(end_.bytes + fragment.size()),
                      .record = end_.records - 1,
                      .last_of_append = last,
                      .open = open,
                      .ms = ms_};
  entry.check = fragment_check(chunk_, end_.entries, end_.bytes, entry, fragment);
  entries_.push_back(encode(entry));
  ++end_.entries;
  end_.bytes += fragment.size();
  end_.last_ms = ms_;
  end_.open_bytes = open ? end_.open_bytes + static_cast<uint32_t>(fragment.size()) : 0;
  RANGE_CHECK(end_.bytes <= kChunkBytesMax && end_.records <= kChunkRecordsMax);
}

}  // namespace range
