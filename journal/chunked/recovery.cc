#include "journal/chunked/recovery.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <set>

#include "journal/chunked/fragment_reader.h"

namespace range {

namespace {

bool all_zero(ConstBytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

Result<Sector> read_sector(File& file, uint64_t at) {
  Sector sector{};
  RETURN_IF_ERROR(file.read_at(at, sector));
  return sector;
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
      ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index_));
      if (!valid) continue;
      ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index_));
      advance(entry, index_ + 1);
      found = true;
    }
    return found;
  }

  const ChunkEnd& end() const { return end_; }
  bool at_end_of_file() const { return index_ >= view_.end.entries; }
  bool amid_append() const { return seen_.entries != end_.entries; }

 private:
  // Takes the next entry if it is valid and continues what came before.
  Result<bool> take() {
    ASSIGN_OR_RETURN(const FragmentEntry entry, fragments_.entry(index_));
    const bool continues = seen_.open_bytes > 0 && entry.record + 1 == seen_.records;
    if (!continues && entry.record != seen_.records) return false;
    if (entry.ms < seen_.last_ms) return false;
    ASSIGN_OR_RETURN(const bool valid, fragments_.valid(index_, seen_.bytes, entry));
    if (valid) advance(entry, ++index_);
    return valid;
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
};

}  // namespace

Result<ChunkScan> scan_marks(ChunkFiles& files, ChunkId chunk) {
  ChunkScan scan;
  for (const uint64_t at : {kHeaderAt, kHeaderCopyAt}) {
    ASSIGN_OR_RETURN(const Sector sector, read_sector(*files.idx, at));
    const auto header = decode_header(sector);
    if (!scan.header && header && header->chunk == chunk) scan.header = header;
  }
  int damaged = 0;
  for (const uint64_t at : kMarkAt) {
    ASSIGN_OR_RETURN(const Sector sector, read_sector(*files.idx, at));
    const auto mark = decode_mark(sector, chunk);
    if (!mark && !all_zero(sector)) ++damaged;
    if (mark && (!scan.mark || mark->sequence > scan.mark->sequence)) scan.mark = mark;
  }
  if (scan.mark) scan.end = scan.mark->end;
  // One slot can be torn while it is written; the other one is not touched then.
  if (damaged == 2) scan.tail = Tail::kCorrupt;
  return scan;
}

Result<ChunkScan> scan_tail(const std::shared_ptr<ChunkFiles>& files, ChunkId chunk,
                            const BootId& boot_id) {
  ASSIGN_OR_RETURN(ChunkScan scan, scan_marks(*files, chunk));
  if (!scan.header) return scan;
  ASSIGN_OR_RETURN(const FileStat idx, files->idx->stat());
  ASSIGN_OR_RETURN(const FileStat dat, files->dat->stat());
  const uint64_t entry_bytes = idx.size - std::min(idx.size, kEntriesAt);
  const auto slots = static_cast<uint32_t>(
      std::min((entry_bytes + kEntryBytes - 1) / kEntryBytes, kChunkEntriesMax));
  if (slots < scan.end.entries || dat.size < scan.end.bytes) {
    scan.tail = Tail::kCorrupt;  // something took away what had been synced
    return scan;
  }
  const ChunkView view{.files = files,
                       .header = *scan.header,
                       .end = {.entries = slots, .records = 0, .bytes = dat.size}};
  TailScan tail(view, scan.end);
  RETURN_IF_ERROR(tail.walk());
  const bool marks_damaged = scan.tail == Tail::kCorrupt;
  const bool rebooted =
      (scan.mark ? scan.mark->boot_id : scan.header->boot_id) != boot_id && !marks_damaged;
  if (!tail.at_end_of_file() && !rebooted) {
    // Within one boot nothing but the append in flight can be incomplete: valid entries behind an
    // invalid one mean that stored bytes have changed.
    ASSIGN_OR_RETURN(const bool more, tail.walk_over_damage());
    scan.tail = more ? Tail::kCorrupt : Tail::kInFlight;
  } else if (!tail.at_end_of_file() || tail.amid_append()) {
    scan.tail = rebooted ? Tail::kTorn : Tail::kInFlight;
  } else if (!marks_damaged) {
    scan.tail = Tail::kClean;
  }
  scan.end = tail.end();
  return scan;
}

Result<JournalFiles> list_journal(Env& env, const Path& directory) {
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> names, env.list(directory));
  JournalFiles files;
  std::set<ChunkId> chunks;
  for (const DirectoryEntry& entry : names) {
    auto chunk = chunk_of_file_name(entry.name, ".idx");
    if (!chunk) chunk = chunk_of_file_name(entry.name, ".dat");
    if (chunk && entry.kind == FileKind::kRegular) {
      chunks.insert(*chunk);
    } else if (entry.name.find(".idx.torn") != std::string::npos) {
      ++files.torn_tails;
    } else if (!entry.name.starts_with("attributes") &&
               entry.name.find(".dat.torn") == std::string::npos) {
      spdlog::warn("{}: not a file of rangefs, left alone", (directory / entry.name).string());
    }
  }
  files.chunks.assign(chunks.begin(), chunks.end());
  return files;
}

namespace {

// Opens what is there of a chunk. Nothing if one of its files is missing.
Result<std::shared_ptr<ChunkFiles>> open_chunk(ChunkFileCache& cache, const Path& directory,
                                               JournalId journal, ChunkId chunk) {
  auto files = cache.open(directory, journal, chunk);
  if (!files && files.error().code == Errc::kNotFound) return std::shared_ptr<ChunkFiles>();
  return files;
}

class JournalExamination {
 public:
  JournalExamination(Env& env, ChunkFileCache& cache, const Path& directory, JournalId journal,
                     const std::string& name)
      : env_(env), cache_(cache), directory_(directory), journal_(journal), name_(name) {}

  Result<RecoveredJournal> run() {
    ASSIGN_OR_RETURN(const JournalFiles files, list_journal(env_, directory_));
    found_.torn_tails = files.torn_tails;
    ASSIGN_OR_RETURN(const std::vector<ChunkScan> marks, read_marks(files.chunks));
    // Everything before the last chunk with a mark was synced.
    size_t first_unsure = marks.size();
    while (first_unsure > 0 && !marks[--first_unsure].mark) {
    }
    for (size_t i = 0; i < first_unsure; ++i) take_synced(files.chunks[i], marks[i]);
    for (size_t i = first_unsure; i < files.chunks.size(); ++i) {
      RETURN_IF_ERROR(take_unsure(files.chunks[i], i > first_unsure));
    }
    RETURN_IF_ERROR(scan_last());
    return std::move(found_);
  }

 private:
  Result<std::vector<ChunkScan>> read_marks(const std::vector<ChunkId>& chunks) {
    std::vector<ChunkScan> scans;
    for (const ChunkId chunk : chunks) {
      ASSIGN_OR_RETURN(const auto files, open_chunk(cache_, directory_, journal_, chunk));
      if (!files) {
        scans.emplace_back();
        continue;
      }
      ASSIGN_OR_RETURN(scans.emplace_back(), scan_marks(*files, chunk));
    }
    return scans;
  }

  void take_synced(ChunkId chunk, const ChunkScan& scan) {
    if (scan.header) {
      found_.chunks.push_back(*scan.header);
    } else {
      report(chunk, "its header is unreadable; its records are not served");
    }
  }

  // A chunk that may hold records which were never synced, or that was begun without any.
  Status take_unsure(ChunkId chunk, bool has_predecessor) {
    if (!found_.torn_chunks.empty()) {
      found_.torn_chunks.push_back(chunk);
      return {};
    }
    ASSIGN_OR_RETURN(const auto files, open_chunk(cache_, directory_, journal_, chunk));
    ChunkScan scan;
    if (files) {
      ASSIGN_OR_RETURN(scan, scan_tail(files, chunk, env_.boot_id()));
    }
    if (!scan.header && scan.mark) {
      report(chunk, "its header is unreadable; its records are not served");
      return {};
    }
    const bool follows = scan.header && follows_what_was_found(scan, has_predecessor);
    if (!follows) {
      found_.torn_chunks.push_back(chunk);
      spdlog::warn(
          "journal {}: chunk {} was begun before what precedes it was synced, and power was "
          "lost: it is set aside; records of the last sync interval may be among it",
          name_, chunk_file_name(chunk, ""));
      return {};
    }
    log_tail(chunk, scan);
    found_.chunks.push_back(*scan.header);
    found_.unsure.push_back(scan);
    return {};
  }

  // Without a mark a chunk is part of the journal only if nothing before it was lost.
  bool follows_what_was_found(const ChunkScan& scan, bool has_predecessor) const {
    if (!found_.unsure.empty()) return scan.header->first_byte == end_of_last();
    return scan.mark || has_predecessor || scan.header->first_byte == ByteOffset();
  }

  // The last readable chunk is an earlier one than the last when that one is damaged.
  Status scan_last() {
    if (found_.chunks.empty()) return {};
    const ChunkId chunk = found_.chunks.back().chunk;
    if (!found_.unsure.empty() && found_.unsure.back().header->chunk == chunk) return {};
    ASSIGN_OR_RETURN(const auto files, cache_.open(directory_, journal_, chunk));
    ASSIGN_OR_RETURN(found_.unsure.emplace_back(), scan_tail(files, chunk, env_.boot_id()));
    return {};
  }

  ByteOffset end_of_last() const {
    return found_.chunks.back().first_byte + found_.unsure.back().end.bytes;
  }

  void log_tail(ChunkId chunk, const ChunkScan& scan) const {
    if (scan.tail == Tail::kTorn) {
      spdlog::warn(
          "journal {}: power was lost; the torn tail of chunk {} behind record {} is cut off "
          "and kept as a copy; records of the last sync interval may be among it",
          name_, chunk_file_name(chunk, ""), scan.end.records);
    } else if (scan.tail == Tail::kInFlight) {
      spdlog::info(
          "journal {}: an append to chunk {} behind record {} was under way when rangefs "
          "died; it had not returned and is cut off",
          name_, chunk_file_name(chunk, ""), scan.end.records);
    } else if (scan.tail == Tail::kCorrupt) {
      report(chunk, "stored bytes have changed; what is damaged is not served");
    }
  }

  void report(ChunkId chunk, const char* what) const {
    spdlog::error("journal {}: chunk {} is corrupt: {}", name_, chunk_file_name(chunk, ""), what);
  }

  Env& env_;
  ChunkFileCache& cache_;
  const Path& directory_;
  JournalId journal_;
  const std::string& name_;
  RecoveredJournal found_;
};

}  // namespace

Result<RecoveredJournal> examine_journal(Env& env, ChunkFileCache& cache, const Path& directory,
                                         JournalId journal, const std::string& name) {
  return JournalExamination(env, cache, directory, journal, name).run();
}

}  // namespace range
