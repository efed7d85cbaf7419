// The part of ChunkedJournal that reads.

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "journal/chunked/chunked_journal.h"

namespace range {

Error ChunkedJournal::out_of_range() const {
  return {.code = Errc::kOutOfRange, .sys_errno = 0, .context = name_};
}

// Names the journal in an error, and logs damage the first time it is met.
Error ChunkedJournal::report(Error error) {
  constexpr size_t kReportedMax = 1000;
  error.context = fmt::format("journal {}: {}", name_, error.context);
  if (error.code != Errc::kCorrupt) return error;
  MutexLock lock(mutex_);
  if (reported_.size() < kReportedMax && reported_.insert(error.context).second) {
    spdlog::error("{} is corrupt and not served", error.context);
  }
  return error;
}

Result<ChunkView> ChunkedJournal::open_view(const ChunkHeader& header, const ChunkEnd& end) {
  ChunkView view{.files = nullptr, .header = header, .end = end};
  auto files = context_.files.open(directory_, id_, header.chunk);
  if (!files) {
    // A chunk that somebody took away is damage like any other.
    if (files.error().code == Errc::kNotFound) {
      return Error{Errc::kCorrupt, 0,
                   fmt::format("chunk {} (missing)", chunk_file_name(header.chunk, ""))};
    }
    return std::move(files).error();
  }
  view.files = *std::move(files);
  if (view.end.entries == 0 && view.end.records > 0) {
    ASSIGN_OR_RETURN(view.end.entries, count_slots(*view.files->idx));
  }
  return view;
}

Result<size_t> ChunkedJournal::read(ByteOffset from, MutableBytes into) {
  size_t total = 0;
  while (total < into.size()) {
    const auto got = read_one(from + total, into.subspan(total));
    if (!got && total > 0) break;  // it is reported to whoever reads on from there
    if (!got) return report(got.error());
    if (*got == 0) break;
    total += *got;
  }
  return total;
}

// Reads from the one chunk that holds the byte at `from`.
Result<size_t> ChunkedJournal::read_one(ByteOffset from, MutableBytes into) {
  ChunkHeader header;
  ChunkEnd end;
  {
    MutexLock lock(mutex_);
    if (from >= table_.end().offset) return size_t{0};
    if (from < table_.begin().offset) return out_of_range();
    const size_t i = table_.chunk_of(from);
    header = table_.header(i);
    end = table_.end_of(i);
  }
  ASSIGN_OR_RETURN(const ChunkView view, open_view(header, end));
  return ChunkReader(view).read(from - header.first_byte, into);
}

Result<RecordBatch> ChunkedJournal::read_records(RecordNumber first, size_t records_max,
                                                 size_t bytes_max) {
  RecordBatch batch;
  batch.first = first;
  for (;;) {
    const RecordNumber next = first + batch.items.size();
    ChunkHeader header;
    ChunkEnd end;
    {
      MutexLock lock(mutex_);
      if (next > table_.end().record || next < table_.begin().record) return out_of_range();
      if (next == table_.end().record || batch.items.size() >= records_max) return batch;
      const size_t i = table_.chunk_of(next);
      header = table_.header(i);
      end = table_.end_of(i);
    }
    const size_t before = batch.items.size();
    auto view = open_view(header, end);
    const Status read =
        view ? ChunkReader(*view).read_records(static_cast<uint32_t>(next - header.first_record),
                                               records_max, bytes_max, batch)
             : Status(view.error());
    if (!read && before == 0 && batch.items.empty()) return report(read.error());
    if (batch.items.size() == before || batch.bytes.size() > bytes_max) return batch;
  }
}

Result<Location> ChunkedJournal::seek(const PositionSpec& spec, RecordNumber here) {
  const Extent now = extent();
  const auto find = [&](const auto& what) -> Result<Location> {
    using Spec = std::decay_t<decltype(what)>;
    if constexpr (std::is_same_v<Spec, AtStart>) {
      return now.begin;
    } else if constexpr (std::is_same_v<Spec, AtEnd>) {
      return now.end;
    } else if constexpr (std::is_same_v<Spec, RecordNumber>) {
      return seek_record(what);
    } else if constexpr (std::is_same_v<Spec, BeforeEnd>) {
      const uint64_t held = now.end.record - now.begin.record;
      return seek_record(now.end.record - std::min(what.records, held));
    } else if constexpr (std::is_same_v<Spec, AfterHere>) {
      if (here > now.end.record || what.records > now.end.record - here) return out_of_range();
      return seek_record(here + what.records);
    } else if constexpr (std::is_same_v<Spec, Time>) {
      return seek_time(what);
    } else {
      return seek_position(what);
    }
  };
  auto found = std::visit(find, spec);
  if (!found) return report(found.error());
  return found;
}

Result<Location> ChunkedJournal::seek_record(RecordNumber record) {
  ChunkHeader header;
  ChunkEnd end;
  size_t i = 0;
  {
    MutexLock lock(mutex_);
    if (record > table_.end().record) return out_of_range();
    if (record == table_.end().record) return table_.end();
    if (record <= table_.begin().record) return table_.begin();
    i = table_.chunk_of(record);
    header = table_.header(i);
    end = table_.end_of(i);
  }
  ASSIGN_OR_RETURN(const ChunkView view, open_view(header, end));
  const auto in_chunk = static_cast<uint32_t>(record - header.first_record);
  // Records that lie between two chunks were lost with the chunk that held them.
  if (in_chunk > end.records) return Error{Errc::kCorrupt, 0, "a chunk is missing"};
  ASSIGN_OR_RETURN(const ChunkPlace place, ChunkReader(view).place_of_record(in_chunk));
  MutexLock lock(mutex_);
  return table_.place(i, place.record, place.offset);
}

Result<Location> ChunkedJournal::seek_time(Time time) {
  ChunkHeader header;
  ChunkEnd end;
  size_t i = 0;
  {
    MutexLock lock(mutex_);
    if (table_.empty() || time > table_.time_of_end()) return table_.end();
    if (time <= table_.header(0).start) return table_.begin();
    // A record stamped with just the time at which its chunk begins may have a predecessor with the
    // same time at the end of the chunk before: so the search starts a millisecond earlier.
    i = table_.chunk_of(time - std::chrono::milliseconds(1));
    header = table_.header(i);
    end = table_.end_of(i);
  }
  ChunkPlace place{end.records, end.bytes};
  const auto view = open_view(header, end);
  // Of a chunk that is missing nothing is found; what comes next is behind it.
  if (!view && view.error().code != Errc::kCorrupt) return view.error();
  if (view) {
    const auto ms = static_cast<uint64_t>((time - header.start).count());
    ASSIGN_OR_RETURN(place, ChunkReader(*view).place_at_time(ms));
  }
  MutexLock lock(mutex_);
  return table_.place(i, place.record, place.offset);
}

Result<Location> ChunkedJournal::seek_position(const Position& position) {
  RecordNumber record;
  {
    MutexLock lock(mutex_);
    if (position == Position()) return table_.begin();
    const auto i = table_.find(position.chunk);
    if (!i || position.record > table_.end_of(*i).records) return out_of_range();
    record = table_.header(*i).first_record + position.record;
  }
  return seek_record(record);
}

}  // namespace range
