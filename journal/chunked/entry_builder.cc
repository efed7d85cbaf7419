#include "journal/chunked/entry_builder.h"

#include <algorithm>
#include <cstring>

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
                           std::vector<std::byte>& entries)
    : chunk_(chunk), ms_(ms), end_(end), entries_(entries) {
  entries_.clear();
  RANGE_CHECK(ms >= end.last_ms && ms <= kChunkAgeMsMax);
}

void EntryBuilder::add_framed(Framing framing, ConstBytes data) {
  if (framing == Framing::kWrite) return add_record(data);
  while (!data.empty()) {
    const ConstBytes line = data.first(line_length(data));
    add_part(line, ends_line(line));
    data = data.subspan(line.size());
  }
}

void EntryBuilder::add_record(ConstBytes record) {
  end_.open_bytes = 0;
  add_part(record, true);
}

// Adds `part` to the open record, or begins one with it, in fragments. A record that has become as
// long as an open one may be is closed there.
void EntryBuilder::add_part(ConstBytes part, bool complete) {
  longest_ = std::max(longest_, end_.open_bytes + part.size());
  do {
    ConstBytes fragment = part.first(std::min(part.size(), kFragmentBytesMax));
    if (!complete) {
      fragment = fragment.first(std::min(fragment.size(), kOpenRecordBytesMax - end_.open_bytes));
    }
    part = part.subspan(fragment.size());
    const bool full = !complete && end_.open_bytes + fragment.size() == kOpenRecordBytesMax;
    add_fragment(fragment, !full && (!complete || !part.empty()));
  } while (!part.empty());
}

void EntryBuilder::add_fragment(ConstBytes fragment, bool open) {
  if (has_pending_) write_pending();
  if (end_.open_bytes == 0) ++end_.records;
  pending_ = Pending{.payload = fragment,
                     .index = end_.entries,
                     .start = end_.bytes,
                     .entry = {.end = static_cast<uint32_t>(end_.bytes + fragment.size()),
                               .record = end_.records - 1,
                               .open = open,
                               .ms = ms_}};
  has_pending_ = true;
  ++end_.entries;
  end_.bytes += fragment.size();
  end_.last_ms = ms_;
  end_.open_bytes = open ? end_.open_bytes + static_cast<uint32_t>(fragment.size()) : 0;
  RANGE_CHECK(end_.bytes <= kChunkBytesMax && end_.records <= kChunkRecordsMax);
}

void EntryBuilder::write_pending() {
  FragmentEntry& entry = pending_.entry;
  entry.check = fragment_check(chunk_, pending_.index, pending_.start, entry, pending_.payload);
  const EntryBytes encoded = encode(entry);
  entries_.insert(entries_.end(), encoded.begin(), encoded.end());
}

ConstBytes EntryBuilder::finish() {
  if (has_pending_) {
    pending_.entry.last_of_append = true;
    write_pending();
    has_pending_ = false;
  }
  return entries_;
}

}  // namespace range
