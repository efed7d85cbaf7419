#include "journal/chunk/chunk_scan.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "journal/base/result_macros.h"
#include "journal/chunk/attributes.h"
#include "journal/chunk/fragment_reader.h"
#include "journal/chunk/read_around.h"

namespace range {

namespace {

bool all_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

using Front = std::array<std::byte, kEntriesAt>;  // what an index has before its entries

Sector sector_at(const Front& front, uint64_t at) {
  Sector sector{};
  std::copy_n(front.begin() + static_cast<ptrdiff_t>(at), sector.size(), sector.begin());
  return sector;
}

std::optional<Attributes> decode_attributes_at(const Front& front, uint64_t at) {
  const std::string_view text = as_text(ConstBytes(front).subspan(at, kSectorBytes));
  const auto stored = decode_attributes(text.substr(0, text.find('\0')));
  return stored ? std::optional(stored->attributes) : std::nullopt;
}

// Walks the entries behind the mark.
class TailScan {
 public:
  TailScan(const ChunkView& view, const ChunkEnd& from)
      : view_(view), fragments_(view_), end_(from), seen_(from), index_(from.entries) {}

  // Goes on to the first entry that is not what an append would have written.
  Status walk() {
    while (index_ < view_.end.entries) {
      ASSIGN_OR_RETURN(const bool valid, take());
      if (!valid) break;
    }
    return {};
  }

  // Goes on over damaged entries to the last valid one. Returns whether there was any.
  Result<bool> walk_over_damage() {
    bool found = false;
    for (; index_ < view_.end.entries; ++index_) {
      ASSIGN_OR_RETURN(const uint64_t start, fragments_.start(index_));
      ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index_));
      ASSIGN_OR_RETURN(const bool there, is_there(start, entry));
      if (!there) continue;
      advance(entry, index_ + 1);
      found = true;
    }
    return found;
  }

  // Whether an append that had returned is behind the last valid entry: its last entry is there. Of
  // an append in flight that one is not, since entries are written in order.
  Result<bool> had_returned() {
    for (uint32_t index = seen_.entries; index < view_.end.entries; ++index) {
      ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index));
      if (entry.last_of_append) return true;
    }
    return false;
  }

  const ChunkEnd& end() const { return end_; }
  bool at_end() const { return index_ >= view_.end.entries; }
  // What cannot be read of it: something that the walk has met, or entries behind that. What was
  // met counts even if it can be read by now: it was taken for zeros.
  Result<std::optional<Error>> unreadable() const {
    if (hidden_ || fragments_.entries_unreadable()) return fragments_.unreadable();
    constexpr uint64_t kBlockBytes = uint64_t{1} << 20;
    const uint64_t end = end_of_entries(view_.end.entries);
    std::vector<std::byte> block;
    for (uint64_t at = end_of_entries(index_); at < end; at += block.size()) {
      block.resize(std::min(kBlockBytes, end - at));
      ASSIGN_OR_RETURN(ReadAround read, read_around(view_.bytes->index(), at, block));
      if (read.unreadable) return std::move(read.unreadable);
    }
    return std::optional<Error>();
  }
  // After walk_over_damage(): whether there is no entry behind the last valid one. They are written
  // in order, so if the next is none, what cannot be read behind it is none either.
  Result<bool> end_is_known() const {
    if (seen_.entries == view_.end.entries) return true;
    std::array<std::byte, kEntryBytes> entry{};
    ASSIGN_OR_RETURN(const ReadAround read,
                     read_around(view_.bytes->index(), end_of_entries(seen_.entries), entry));
    return !read.unreadable && all_zero(entry);
  }
  bool amid_append() const { return seen_.entries != end_.entries; }

 private:
  // Takes the next entry if it is valid and continues what came before.
  Result<bool> take() {
    ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index_));
    const bool continues = seen_.open_bytes > 0 && entry.record + 1 == seen_.records;
    if (!continues && entry.record != seen_.records) return false;
    if (entry.ms < seen_.last_ms) return false;
    ASSIGN_OR_RETURN(const bool there, is_there(seen_.bytes, entry));
    if (there) advance(entry, ++index_);
    return there;
  }

  // Whether the next entry is valid, or would be if its payload could be read: an entry is written
  // after its payload, so as far as anybody can tell that was appended.
  Result<bool> is_there(uint64_t start, const FragmentEntry& entry) {
    ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index_, start, entry));
    if (valid || !fragments_.unreadable()) return valid;
    if (!fragments_.plausible(start, entry) || FragmentReader::lost(entry)) return false;
    std::vector<std::byte> payload(entry.end - start);
    ASSIGN_OR_RETURN(const ReadAround read, read_around(view_.bytes->payload(), start, payload));
    hidden_ = true;  // though it may be readable by now
    return read.unreadable.has_value();
  }

  void advance(const FragmentEntry& entry, uint32_t entries) {
    const bool continues = seen_.open_bytes > 0 && entry.record + 1 == seen_.records;
    const uint64_t size = entry.end - seen_.bytes;
    seen_ = {.entries = entries,
             .records = entry.record + 1,
             .bytes = entry.end,
             .last_ms = entry.ms,
             .open_bytes =
                 entry.open ? static_cast<uint32_t>((continues ? seen_.open_bytes : 0) + size) : 0};
    if (entry.last_of_append) end_ = seen_;
  }

  const ChunkView& view_;
  FragmentReader fragments_;
  ChunkEnd end_;   // behind the last complete append
  ChunkEnd seen_;  // behind the last valid entry
  uint32_t index_;
  bool hidden_ = false;  // whether the payload of any may have been hidden
};

// What the end of a walk means, if nothing is met that cannot be read.
Result<Tail> judge(TailScan& tail, const ChunkScan& scan, const BootId& boot_id) {
  const bool damaged = scan.tail == Tail::kCorrupt;
  // A mark that cannot be read may be newer, and vouch for what is invalid here.
  const bool hidden_mark = scan.unreadable.has_value();
  const bool rebooted = written_in(scan) != boot_id && !damaged && !hidden_mark;
  if (!tail.at_end() && !rebooted) {
    // Within one boot nothing but the append in flight can be incomplete: valid entries behind an
    // invalid one mean that stored bytes have changed.
    ASSIGN_OR_RETURN(const bool more, tail.walk_over_damage());
    ASSIGN_OR_RETURN(const bool had_returned, tail.had_returned());
    if (more || hidden_mark) return Tail::kCorrupt;
    return had_returned ? Tail::kLost : Tail::kInFlight;
  }
  if (!tail.at_end() || tail.amid_append()) return rebooted ? Tail::kTorn : Tail::kInFlight;
  return damaged ? Tail::kCorrupt : Tail::kClean;
}

}  // namespace

Result<SlotCount> count_slots(ByteSource& index) {
  constexpr uint64_t kBlockFirst = 64;
  constexpr uint64_t kBlockMax = uint64_t{64} << 10;
  constexpr uint64_t kGrowth = 8;
  SlotCount count;
  ASSIGN_OR_RETURN(const uint64_t index_bytes, index.size());
  uint64_t end = std::max(index_bytes, kEntriesAt);
  std::vector<std::byte> block;
  // Mostly the file ends with an entry, and one small block tells.
  for (uint64_t size = kBlockFirst; block.empty() && !count.unreadable && end > kEntriesAt;
       size = std::min(size * kGrowth, kBlockMax)) {
    block.resize(std::min(size, end - kEntriesAt));
    end -= block.size();
    ASSIGN_OR_RETURN(ReadAround read, read_around(index, end, block));
    block.resize(read.bytes);
    count.unreadable = std::move(read.unreadable);
    while (!count.unreadable && !block.empty() && block.back() == std::byte{0}) block.pop_back();
  }
  const uint64_t bytes = end + block.size() - kEntriesAt;
  count.slots =
      static_cast<uint32_t>(std::min((bytes + kEntryBytes - 1) / kEntryBytes, kChunkEntriesMax));
  return count;
}

Result<ChunkScan> scan_marks(ByteSource& index, ChunkId chunk) {
  ChunkScan scan;
  Front front{};
  ASSIGN_OR_RETURN(ReadAround read, read_around(index, 0, front));
  scan.unreadable = std::move(read.unreadable);
  for (const uint64_t at : kHeaderAt) {
    const Sector sector = sector_at(front, at);
    if (const auto version = header_version(sector); version && *version != kFormatVersion) {
      return Error{Errc::kUnknownFormat, 0,
                   fmt::format("chunk {}: of version {}, this rangefs knows version {}",
                               chunk_file_name(chunk, ""), *version, kFormatVersion)};
    }
    const auto header = decode_header(sector);
    if (!scan.header && header && header->chunk == chunk) scan.header = header;
  }
  int damaged = 0;
  for (const uint64_t at : kMarkAt) {
    const Sector sector = sector_at(front, at);
    const auto mark = decode_mark(sector, chunk);
    if (!mark && !all_zero(sector)) ++damaged;
    if (mark && (!scan.mark || mark->sequence > scan.mark->sequence)) scan.mark = mark;
  }
  if (scan.mark && scan.mark->sealed) scan.mark->end.open_bytes = 0;  // nothing can continue it
  if (scan.mark) scan.end = scan.mark->end;
  for (const size_t copy : {size_t{0}, size_t{1}}) {
    if (!scan.begin) scan.begin = decode_begin(sector_at(front, kBeginAt[copy]), chunk);
    if (!scan.attributes) scan.attributes = decode_attributes_at(front, kAttributesAt[copy]);
  }
  // One slot can be torn while it is written; the other one is not touched then, or is still empty.
  if (damaged == 2) scan.tail = Tail::kCorrupt;
  return scan;
}

Result<ChunkScan> scan_tail(const std::shared_ptr<ChunkBytes>& bytes, ChunkScan scan,
                            const BootId& boot_id) {
  ASSIGN_OR_RETURN(const SlotCount count, count_slots(bytes->index()));
  ASSIGN_OR_RETURN(const uint64_t payload_bytes, bytes->payload().size());
  if (count.slots < scan.end.entries || payload_bytes < scan.end.bytes) {
    scan.tail = Tail::kCorrupt;  // something took away what had been synced
    return scan;
  }
  if (scan.mark && scan.mark->sealed) {
    // What is behind it was no part of the chunk when the next one was begun.
    if (count.slots > scan.end.entries) scan.tail = Tail::kCorrupt;
    return scan;
  }
  const ChunkView view{.bytes = bytes,
                       .header = *scan.header,
                       .end = {.entries = count.slots, .records = 0, .bytes = payload_bytes}};
  TailScan tail(view, scan.end);
  RETURN_IF_ERROR(tail.walk());
  ASSIGN_OR_RETURN(auto unreadable, tail.unreadable());
  if (!unreadable) {
    ASSIGN_OR_RETURN(scan.tail, judge(tail, scan, boot_id));
    ASSIGN_OR_RETURN(unreadable, tail.unreadable());
  }
  if (unreadable) {
    RETURN_IF_ERROR(tail.walk_over_damage());
    ASSIGN_OR_RETURN(const bool known, tail.end_is_known());
    scan.unreadable = std::move(unreadable);
    scan.tail = known ? Tail::kCorrupt : Tail::kUnreadable;
  }
  scan.end = tail.end();
  return scan;
}

const BootId& written_in(const ChunkScan& scan) {
  return scan.mark ? scan.mark->boot_id : scan.header->boot_id;
}

}  // namespace range
