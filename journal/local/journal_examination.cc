#include "journal/local/journal_examination.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/read_around.h"
#include "journal/printable.h"

namespace range {

JournalExamination::JournalExamination(Env& env, const Logger& log, ChunkFileCache& cache,
                                       const Path& directory, JournalId journal,
                                       const std::string& name, std::optional<ByteOffset> failed_at)
    : env_(env),
      log_(log),
      cache_(cache),
      directory_(directory),
      journal_(journal),
      name_(printable(name)),
      failed_at_(failed_at) {}

Result<RecoveredJournal> JournalExamination::run(const JournalFiles& files) {
  std::vector<ChunkId> chunks;
  std::vector<ChunkScan> scans;
  // From the newest on: the first that says so is where the journal begins.
  for (size_t i = files.chunks.size(); i-- > 0;) {
    prefetch_headers(files.chunks, i);
    const ChunkId chunk = files.chunks[i];
    if (chunk < found_.begin.position.chunk) {
      found_.dropped.push_back(chunk);
      continue;
    }
    ASSIGN_OR_RETURN(const ChunkScan scan, read_marks(chunk));
    if (scan.header && scan.header->journal != journal_) {
      log_.warn("journal {}: chunk {} belongs to journal {}, left alone", name_,
                chunk_file_name(chunk, ""), to_string(scan.header->journal));
      found_.left_out.push_back(chunk);
      continue;
    }
    chunks.push_back(chunk);
    scans.push_back(scan);
    if (scan.begin) found_.begin = *scan.begin;
    if (!found_.attributes) found_.attributes = scan.attributes;
    if (!scan.attributes) found_.attributes_in_all = false;
  }
  std::ranges::reverse(chunks);
  std::ranges::reverse(scans);
  rebuild_headers(chunks, scans);
  // Everything before the last chunk with a mark was synced.
  size_t first_unsure = scans.size();
  while (first_unsure > 0 && !scans[--first_unsure].mark) {
  }
  for (size_t i = 0; i < scans.size(); ++i) {
    if (i < first_unsure) {
      take_synced(chunks[i], scans[i]);
    } else {
      RETURN_IF_ERROR(take_unsure(chunks[i], scans[i]));
    }
  }
  RETURN_IF_ERROR(scan_last());
  RETURN_IF_ERROR(count_torn(files));
  for (ChunkScan& scan : found_.unsure) {
    RETURN_IF_ERROR(doubt(scan));
    log_tail(scan);
    if (scan.tail == Tail::kUnreadable) found_.unreadable = scan.unreadable;
  }
  if (found_.unreadable) return std::move(found_);
  log_loss();
  for (const ChunkId chunk : found_.torn_chunks) {
    log_.warn(
        "journal {}: chunk {} has no place in it: rangefs died or power was lost when it was "
        "begun, or its disk failed before what precedes it was synced. It is set aside; records "
        "of the last sync interval may be among it",
        name_, chunk_file_name(chunk, ""));
  }
  return std::move(found_);
}

// What earlier recoveries have left, and this one will. Copies stay when their chunk is dropped.
Status JournalExamination::count_torn(const JournalFiles& files) {
  for (const auto& [chunk, copies] : files.torn) {
    const bool aside =
        chunk >= found_.begin.position.chunk && !std::ranges::binary_search(files.chunks, chunk);
    if (aside) found_.left_out.push_back(chunk);
    found_.torn_tails += copies - (aside ? 1 : 0);
  }
  for (const ChunkId chunk : found_.torn_chunks) {
    ASSIGN_OR_RETURN(const bool kept, has_contents(env_, directory_, chunk));
    if (kept) found_.left_out.push_back(chunk);
  }
  std::ranges::sort(found_.left_out);
  return {};
}

// Before the header of chunk `next` is read: asks for those of many at a time, so that the disk
// is not waited for at each. They are read from the last on. What cannot be opened is left to
// read_marks().
void JournalExamination::prefetch_headers(const std::vector<ChunkId>& chunks, size_t next) {
  constexpr size_t kAhead = 64;
  if (chunks.size() == 1 || (chunks.size() - 1 - next) % kAhead != 0) return;
  for (size_t i = next + 1; i-- > 0 && next - i < kAhead;) {
    const auto files = cache_.open(directory_, journal_, chunks[i]);
    if (files) (*files)->idx->prefetch(0, kEntriesAt);
  }
}

Result<ChunkScan> JournalExamination::read_marks(ChunkId chunk) {
  const auto files = cache_.open(directory_, journal_, chunk);
  if (files) return scan_marks(*(*files)->idx, chunk);
  if (files.error().code != Errc::kNotFound) return files.error();
  // An index without payloads still says where the journal goes on.
  ChunkScan scan;
  const auto idx = env_.open(directory_ / chunk_file_name(chunk, ".idx"), Env::OpenMode::kRead);
  if (!idx && idx.error().code != Errc::kNotFound) return idx.error();
  if (idx) {
    ASSIGN_OR_RETURN(scan, scan_marks(**idx, chunk));
  }
  scan.missing = true;
  return scan;
}

// A header whose two copies are damaged follows from the chunks around it: a sealed one ends
// where its mark says, and the next begins there. The first of all begins where the journal does.
// Without a mark of its own a chunk is taken only if entries in it turn out to be valid.
void JournalExamination::rebuild_headers(const std::vector<ChunkId>& chunks,
                                         std::vector<ChunkScan>& scans) const {
  for (size_t i = 0; i < scans.size(); ++i) {
    ChunkScan& scan = scans[i];
    const bool first = i == 0;
    const bool behind_sealed =
        !first && scans[i - 1].header && scans[i - 1].mark && scans[i - 1].mark->sealed;
    if (scan.header || (!scan.mark && (scan.missing || !(first || behind_sealed)))) continue;
    ChunkHeader header{.journal = journal_,
                       .chunk = chunks[i],
                       .framing = Framing::kLine,  // of no effect: nothing more is appended
                       .first_record = found_.begin.record,
                       .first_byte = found_.begin.offset,
                       .start = time_of(chunks[i]),
                       .boot_id = {}};
    const ChunkHeader* after =
        i + 1 < scans.size() && scans[i + 1].header ? &*scans[i + 1].header : nullptr;
    if (behind_sealed) {
      header.first_record = scans[i - 1].header->first_record + scans[i - 1].mark->end.records;
      header.first_byte = scans[i - 1].header->first_byte + scans[i - 1].mark->end.bytes;
    } else if (after && scan.mark && scan.mark->sealed) {
      header.first_record = after->first_record - scan.mark->end.records;
      header.first_byte = after->first_byte - scan.mark->end.bytes;
    } else if (!first) {
      continue;
    }
    if (after) header.start = std::min(header.start, after->start);
    scan.header = header;
    scan.rebuilt = true;
  }
}

// A chunk whose end the next one's header tells.
void JournalExamination::take_synced(ChunkId chunk, const ChunkScan& scan) {
  if (scan.header && !in_order(*scan.header)) {
    report(chunk, "it begins before the chunk in front of it; its records are not served");
    found_.left_out.push_back(chunk);
  } else if (scan.header) {
    report_rebuilt(scan);
    found_.chunks.push_back(*scan.header);
    found_.end = scan.end;
  } else {
    report(chunk, "its header is unreadable; its records are not served");
    found_.left_out.push_back(chunk);
  }
}

// A chunk that may hold records which were never synced, or that was begun without any.
Status JournalExamination::take_unsure(ChunkId chunk, ChunkScan scan) {
  if (!found_.torn_chunks.empty()) {
    found_.torn_chunks.push_back(chunk);
    return {};
  }
  const bool guess = scan.rebuilt && !scan.mark;
  if (scan.unreadable && (scan.missing || !scan.header || guess)) {
    report(chunk, "it cannot be read; its records are not served");
    found_.unreadable = scan.unreadable;
    gap_behind_last_ = true;
    if (scan.header && in_order(*scan.header)) {
      take_synced(chunk, scan);
    } else {
      found_.left_out.push_back(chunk);
    }
    return {};
  }
  if (scan.mark && (scan.missing || !scan.header || !in_order(*scan.header))) {
    if (scan.missing) report(chunk, "one of its files is missing; its records are not served");
    take_synced(chunk, scan);
    return {};
  }
  if (!scan.missing && scan.header) {
    ASSIGN_OR_RETURN(const auto files, cache_.open(directory_, journal_, chunk));
    ASSIGN_OR_RETURN(scan, scan_tail(files, scan, env_.boot_id()));
    RETURN_IF_ERROR(correct_end_of_last(*scan.header));
  }
  if (scan.missing || !scan.header || (guess && scan.end.entries == 0) ||
      !follows_what_was_found(scan)) {
    found_.torn_chunks.push_back(chunk);
    return {};
  }
  report_rebuilt(scan);
  found_.chunks.push_back(*scan.header);
  found_.end = scan.end;
  found_.unsure.push_back(scan);
  gap_behind_last_ = false;
  return {};
}

// What was written within this boot is all there. So if a chunk begins behind the end that was
// found of its predecessor, that one's tail is damaged, and no append in flight. And where that
// end cannot be read, the chunk tells it.
Status JournalExamination::correct_end_of_last(const ChunkHeader& next) {
  if (found_.unsure.empty() || gap_behind_last_ || !is_behind_what_was_found(next)) return {};
  ChunkScan& last = found_.unsure.back();
  const bool behind = next.boot_id == env_.boot_id() && next.first_byte > end_of_last();
  if (!behind && last.tail != Tail::kUnreadable) return {};
  ASSIGN_OR_RETURN(const auto files, cache_.open(directory_, journal_, last.header->chunk));
  ASSIGN_OR_RETURN(const SlotCount count, count_slots(*files->idx));
  last.end.entries = count.slots;
  last.end.records = static_cast<uint32_t>(next.first_record - last.header->first_record);
  last.end.bytes = next.first_byte - last.header->first_byte;
  last.end.open_bytes = 0;
  last.tail = Tail::kCorrupt;
  found_.end = last.end;
  return {};
}

bool JournalExamination::in_order(const ChunkHeader& header) const {
  const bool first = found_.chunks.empty();
  return header.first_byte >= (first ? found_.begin.offset : found_.chunks.back().first_byte) &&
         header.first_record >= (first ? found_.begin.record : found_.chunks.back().first_record);
}

// Without a mark a chunk is part of the journal only if nothing before it was lost to a crash.
// Where something cannot be read, or a file is missing, nobody knows.
bool JournalExamination::follows_what_was_found(const ChunkScan& scan) const {
  if (scan.mark) return true;
  const bool missing = found_.unsure.empty() && !found_.chunks.empty();
  const bool unreadable = found_.unreadable || (!found_.unsure.empty() &&
                                                found_.unsure.back().tail == Tail::kUnreadable);
  return is_behind_what_was_found(*scan.header) &&
         (missing || unreadable || scan.header->first_byte == end_of_last());
}

// Else a record that was found would be served as another one, or not at all.
bool JournalExamination::is_behind_what_was_found(const ChunkHeader& header) const {
  const bool first = found_.chunks.empty();
  const RecordNumber end =
      first ? found_.begin.record : found_.chunks.back().first_record + found_.end.records;
  return header.first_byte >= end_of_last() && header.first_record >= end;
}

// The last chunk in its place is an earlier one than the last when nothing is known of that one.
Status JournalExamination::scan_last() {
  if (found_.chunks.empty() || !found_.unsure.empty()) return {};
  const ChunkId chunk = found_.chunks.back().chunk;
  ASSIGN_OR_RETURN(ChunkScan scan, read_marks(chunk));
  if (scan.missing) return {};
  scan.header = found_.chunks.back();
  ASSIGN_OR_RETURN(const auto files, cache_.open(directory_, journal_, chunk));
  ASSIGN_OR_RETURN(found_.unsure.emplace_back(), scan_tail(files, scan, env_.boot_id()));
  found_.end = found_.unsure.back().end;
  return {};
}

// Entries that a disk did not take read as zeros, which is no damage to be seen. So what payload
// there is behind the last one is kept; zeros are room made ahead.
Status JournalExamination::doubt(ChunkScan& scan) const {
  if (scan.tail != Tail::kClean && scan.tail != Tail::kInFlight) return {};
  if (!failed_at_ && (scan.tail == Tail::kInFlight || written_in(scan) != env_.boot_id())) {
    return {};
  }
  ASSIGN_OR_RETURN(const auto files, cache_.open(directory_, journal_, scan.header->chunk));
  ASSIGN_OR_RETURN(const FileStat dat, files->dat->stat());
  ASSIGN_OR_RETURN(const uint64_t end, end_of_contents(*files->dat, scan.end.bytes, dat.size, 1));
  if (end > scan.end.bytes) scan.tail = failed_at_ ? Tail::kLost : Tail::kUndescribed;
  return {};
}

// Nothing may be left that shows it.
void JournalExamination::log_loss() const {
  const ByteOffset end = end_of_last();
  if (!failed_at_ || end >= *failed_at_) return;
  log_.error(
      "journal {}: the disk failed when it was synced; the last {} bytes of it, of appends "
      "that had returned, but were not synced, are lost",
      name_, *failed_at_ - end);
}

ByteOffset JournalExamination::end_of_last() const {
  if (found_.chunks.empty()) return found_.begin.offset;
  return found_.chunks.back().first_byte + found_.end.bytes;
}

void JournalExamination::log_tail(const ChunkScan& scan) const {
  const ChunkId chunk = scan.header->chunk;
  if (scan.tail == Tail::kTorn) {
    log_.warn(
        "journal {}: power was lost, or the disk failed before the system went down; the torn "
        "tail of chunk {} behind record {} is cut off and kept as a copy; records of the last "
        "sync interval may be among it",
        name_, chunk_file_name(chunk, ""), scan.end.records);
  } else if (scan.tail == Tail::kInFlight) {
    log_.info(
        "journal {}: an append to chunk {} behind record {} was under way when rangefs "
        "died; it had not returned, unless the disk has lost the end of it, and is cut off",
        name_, chunk_file_name(chunk, ""), scan.end.records);
  } else if (scan.tail == Tail::kUndescribed) {
    log_.warn(
        "journal {}: behind record {} of chunk {} there is payload of which nothing says what it "
        "is: an append was under way when rangefs died, or the disk has lost entries; it is cut "
        "off and kept as a copy",
        name_, scan.end.records, chunk_file_name(chunk, ""));
  } else if (scan.tail == Tail::kLost) {
    log_.error(
        "journal {}: the disk failed to write chunk {}; what is left of it behind record {} is "
        "cut off and kept as a copy; records of appends that had returned, but were not synced, "
        "may "
        "be among it or lost",
        name_, chunk_file_name(chunk, ""), scan.end.records);
  } else if (scan.tail == Tail::kCorrupt) {
    report(chunk, scan.unreadable ? "a part of it cannot be read, and is not served"
                                  : "stored bytes have changed; what is damaged is not served");
  } else if (scan.tail == Tail::kUnreadable) {
    report(chunk, "where it ends cannot be read; nothing can be appended before it can");
  }
}

void JournalExamination::report_rebuilt(const ChunkScan& scan) const {
  if (!scan.rebuilt) return;
  report(scan.header->chunk,
         "both copies of its header are damaged; what they said follows from other chunks");
}

void JournalExamination::report(ChunkId chunk, const char* what) const {
  log_.error("journal {}: chunk {} is corrupt: {}", name_, chunk_file_name(chunk, ""), what);
}

}  // namespace range
