#include "journal/chunk/chunk_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "journal/base/result_macros.h"

namespace range {

Result<size_t> ChunkReader::read(uint64_t offset, MutableBytes into) {
  const uint64_t left = view().end.bytes - offset;
  into = into.first(std::min<uint64_t>(into.size(), left));
  ASSIGN_OR_RETURN(const size_t got, copy(offset, into));
  ASSIGN_OR_RETURN(const size_t verified, verify_prefix(offset, into.first(got)));
  if (verified > 0 || into.empty()) return verified;
  if (fragments_.at_once()) return would_wait();
  ASSIGN_OR_RETURN(const std::optional<Fragment> fragment, rescue_byte(offset));
  if (!fragment) return corrupt_byte(offset);
  const size_t size = std::min<uint64_t>(into.size(), fragment->end - offset);
  RETURN_IF_ERROR(copy_part(*fragment, offset, into.first(size)));
  return size;
}

// Copies what the file holds, unverified.
Result<size_t> ChunkReader::copy(uint64_t offset, MutableBytes into) {
  if (!view().mapped()) return fragments_.read(view().bytes->payload(), offset, into);
  RETURN_IF_ERROR(fragments_.reach_payload(offset, into.size()));
  std::memcpy(into.data(), view().dat->bytes().data() + offset, into.size());
  return into.size();
}

// How many of `bytes`, which were read from `offset` on, belong to fragments whose check holds.
Result<size_t> ChunkReader::verify_prefix(uint64_t offset, MutableBytes bytes) {
  ASSIGN_OR_RETURN(uint32_t index, entry_of_byte(offset));
  if (index == view().end.entries) return size_t{0};
  ASSIGN_OR_RETURN(uint64_t start, fragments_.start(index));
  if (start > offset) return size_t{0};
  size_t verified = 0;
  while (verified < bytes.size() && index < view().end.entries) {
    ASSIGN_OR_RETURN(ConstBytes encoded, fragments_.entries(index));
    // verify_in() reads payloads only, so the entries stay.
    for (; verified < bytes.size() && encoded.size() >= kEntryBytes; ++index) {
      const FragmentEntry entry = decode_entry(encoded.first<kEntryBytes>());
      ASSIGN_OR_RETURN(const bool valid,
                       verify_in({index, start, entry.end}, entry, offset, bytes));
      if (!valid) return verified;
      verified = std::min<size_t>(entry.end - offset, bytes.size());
      start = entry.end;
      encoded = encoded.subspan(kEntryBytes);
    }
  }
  return verified;
}

// Verifies a fragment of which `bytes`, read from `offset` on, hold at least a part. A fragment
// that sticks out is read again as a whole, and what `bytes` hold of it is replaced by what was
// verified.
Result<bool> ChunkReader::verify_in(const Fragment& fragment, const FragmentEntry& entry,
                                    uint64_t offset, MutableBytes bytes) {
  if (!fragments_.plausible(fragment.start, entry) || FragmentReader::lost(entry)) return false;
  if (fragment.start >= offset && fragment.end <= offset + bytes.size()) {
    const ConstBytes payload =
        bytes.subspan(fragment.start - offset, fragment.end - fragment.start);
    return entry.check ==
           fragment_check(fragments_.seed(), fragment.index, fragment.start, entry, payload);
  }
  ASSIGN_OR_RETURN(const bool valid, fragments_.valid(fragment.index, fragment.start, entry));
  if (valid) RETURN_IF_ERROR(copy_part(fragment, offset, bytes));
  return valid;
}

// Copies what `bytes`, which stand for the chunk from `offset` on, cover of a verified fragment.
Status ChunkReader::copy_part(const Fragment& fragment, uint64_t offset, MutableBytes bytes) {
  const uint64_t begin = std::max(fragment.start, offset);
  const uint64_t end = std::min(fragment.end, offset + bytes.size());
  ASSIGN_OR_RETURN(const ConstBytes payload,
                   fragments_.payload(fragment.start, fragment.end - fragment.start));
  RANGE_CHECK(end >= begin && payload.size() == fragment.end - fragment.start);
  std::memcpy(bytes.data() + (begin - offset), payload.data() + (begin - fragment.start),
              end - begin);
  return {};
}

Status ChunkReader::read_records(uint32_t record, size_t records_max, size_t bytes_max,
                                 RecordBatch& batch) {
  batch.items.clear();
  batch.buffer.clear();
  batch.position = {.chunk = view().header.chunk, .record = record};
  const uint32_t complete = view().end.records - (view().end.open_bytes > 0 ? 1 : 0);
  if (record >= complete || records_max == 0) return {};
  records_max = std::min<size_t>(records_max, complete - record);
  ASSIGN_OR_RETURN(const bool all, take_run(record, records_max, bytes_max, batch));
  if (all) return {};
  uint64_t bytes = 0;
  for (const RecordBatch::Item& item : batch.items) bytes += item.bytes.size();
  ASSIGN_OR_RETURN(Walk walk, walk_from(record + static_cast<uint32_t>(batch.items.size())));
  while (batch.items.size() < records_max && bytes <= bytes_max) {
    ASSIGN_OR_RETURN(const bool intact, take_record(walk, batch));
    if (!intact) break;
    bytes += batch.items.back().bytes.size();
  }
  if (batch.items.empty()) return corrupt(record);
  if (view().mapped()) return {};
  // The buffer has stopped moving.
  size_t at = 0;
  for (RecordBatch::Item& item : batch.items) {
    item.bytes = ConstBytes(batch.buffer).subspan(at, item.bytes.size());
    at += item.bytes.size();
  }
  return {};
}

Result<ChunkReader::Walk> ChunkReader::walk_from(uint32_t record) {
  Walk walk{.record = record};
  ASSIGN_OR_RETURN(walk.index, first_entry_of(record));
  ASSIGN_OR_RETURN(walk.start, fragments_.start(walk.index));
  return walk;
}

// Reads records of one intact entry each, in memory: reading at its fastest. If every record of the
// chunk has one entry, the entry with the number of a record is its only one. Returns whether that
// was all there was to do; if not, it stopped before a record that take_record() must look at.
Result<bool> ChunkReader::take_run(uint32_t record, size_t records_max, size_t bytes_max,
                                   RecordBatch& batch) {
  if (!view().mapped() || !one_each()) return false;
  // Records are about the same size: with luck the payload comes while the entry is waited for.
  __builtin_prefetch(view().dat->bytes().data() +
                     proportional(record, view().end.records, view().end.bytes));
  ASSIGN_OR_RETURN(uint64_t start, fragments_.start(record));
  ASSIGN_OR_RETURN(ConstBytes encoded, fragments_.entries(record));
  const ConstBytes payload = view().dat->bytes();
  const ChunkSeed seed = fragments_.seed();
  const Time epoch = view().header.start;
  for (const uint64_t first = start; batch.items.size() < records_max && start - first <= bytes_max;
       ++record) {
    const FragmentEntry entry = decode_entry(encoded.first<kEntryBytes>());
    if (entry.record != record || entry.open || !fragments_.plausible(start, entry)) return false;
    const ConstBytes bytes = payload.subspan(start, entry.end - start);
    if (entry.check != fragment_check(seed, record, start, entry, bytes)) return false;
    batch.items.push_back({bytes, epoch + std::chrono::milliseconds(entry.ms)});
    encoded = encoded.subspan(kEntryBytes);
    start = entry.end;
  }
  return true;
}

// Takes the record at `walk`, whatever its fragments. False, and nothing is taken, if one of them
// is damaged.
Result<bool> ChunkReader::take_record(Walk& walk, RecordBatch& batch) {
  const size_t held = batch.buffer.size();
  const uint64_t begin = walk.start;
  uint64_t at = walk.start;
  uint32_t index = walk.index;
  Time time{};
  bool ended = false;
  for (; !ended && index < view().end.entries; ++index) {
    ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
    ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index, at, entry));
    // Only an intact entry tells that the record was closed before it.
    if (valid && index > walk.index && entry.record != walk.record) break;
    if (!valid || entry.record != walk.record) {
      batch.buffer.resize(held);
      return false;
    }
    if (!view().mapped()) {
      ASSIGN_OR_RETURN(const ConstBytes payload, fragments_.payload(at, entry.end - at));
      batch.buffer.insert(batch.buffer.end(), payload.begin(), payload.end());
    }
    if (index == walk.index) time = view().header.start + std::chrono::milliseconds(entry.ms);
    at = entry.end;
    ended = !entry.open;
  }
  // An open record that a new chunk has closed ends with the payload; before it, entries are
  // missing.
  const bool cut_off = index == view().end.entries && at != view().end.bytes;
  if (!ended && (index == walk.index || cut_off)) {
    batch.buffer.resize(held);
    return false;
  }
  // Of a buffer only the size counts until all is read.
  const ConstBytes bytes = view().mapped() ? view().dat->bytes().subspan(begin, at - begin)
                                           : ConstBytes(batch.buffer).subspan(held);
  batch.items.push_back({bytes, time});
  walk = {walk.record + 1, index, at};
  return true;
}

// Names the record that the byte at `offset` seems to belong to.
Error ChunkReader::corrupt_byte(uint64_t offset) {
  const auto index = entry_of_byte(offset);
  if (!index) return index.error();
  if (*index == view().end.entries) return corrupt(view().end.records);
  const auto entry = fragments_.entry(*index);
  return entry ? corrupt(entry->record) : entry.error();
}

Error ChunkReader::corrupt(uint32_t record) const {
  return corrupt_record(view().header.chunk, record, unreadable_errno());
}

int ChunkReader::unreadable_errno() const {
  const std::optional<Error>& unreadable = fragments_.unreadable();
  return unreadable ? unreadable->sys_errno : 0;
}

Error corrupt_record(ChunkId chunk, uint64_t record, int sys_errno) {
  return {.code = Errc::kCorrupt,
          .sys_errno = sys_errno,
          .context = fmt::format("chunk {} record {}", chunk_file_name(chunk, ""), record)};
}

}  // namespace range
