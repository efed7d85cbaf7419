// The part of LocalJournal that reads.

#include <fmt/core.h>

#include <algorithm>

#include "journal/base/printable.h"
#include "journal/base/result_macros.h"
#include "journal/local/local_journal.h"
#include "journal/local/mapping_slot.h"
#include "journal/local/read_around.h"

namespace range {

// Names the journal in an error, and logs damage the first time it is met.
Error LocalJournal::report(Error error) {
  constexpr size_t kReportedMax = 1000;
  const char* separator = error.context.empty() ? "" : ": ";
  error.context = fmt::format("journal {}{}{}", path(), separator, error.context);
  if (error.code != Errc::kCorrupt) return error;
  {
    MutexLock lock(mutex_);
    if (reported_.size() == kReportedMax || !reported_.insert(error.context).second) return error;
  }
  context_.log.error("{} {} and not served", printable(error.context),
                     error.sys_errno == 0 ? "is corrupt" : "cannot be read");
  return error;
}

LocalJournal::ChunkPart LocalJournal::part(size_t i) const {
  return {table_.header(i), table_.end_of(i)};
}

Result<ChunkView> LocalJournal::open_view(const ChunkPart& part, Mapping mapping) {
  ChunkView view{.files = nullptr, .header = part.header, .end = part.end};
  auto files = context_.files.open(directory_, id_, part.header.chunk);
  if (!files) {
    if (unreadable(files.error())) return as_damage(std::move(files).error());
    // A chunk that somebody took away is damage like any other.
    if (files.error().code == Errc::kNotFound) {
      if (!holds(part.header.chunk)) return Error{Errc::kDropped};
      return Error{Errc::kCorrupt, 0,
                   fmt::format("chunk {} (missing)", chunk_file_name(part.header.chunk, ""))};
    }
    return std::move(files).error();
  }
  view.files = *std::move(files);
  if (view.end.entries == 0 && view.end.records > 0) {
    view.end.entries = view.files->slots;
    if (view.end.entries == 0) {
      ASSIGN_OR_RETURN(const SlotCount count, count_slots(*view.files->idx));
      view.end.entries = count.slots;
      if (!count.unreadable) view.files->slots = count.slots;
    }
  }
  const bool first_search = mapping == Mapping::kForSearch && !view.files->searched.exchange(true);
  const auto map = [&](ReadMapping& of, File& file, uint64_t bytes) {
    return first_search ? of.covering(bytes) : of.cover(file, bytes);
  };
  if (mapping == Mapping::kNone || view.end.bytes < context_.mapping.read_bytes_min) return view;
  const auto map_both = [&] {
    auto dat = map(view.files->dat_mapping, *view.files->dat, view.end.bytes);
    if (!dat) return false;
    auto idx = map(view.files->idx_mapping, *view.files->idx, end_of_entries(view.end.entries));
    if (!idx) return false;
    view.dat = std::move(dat);
    view.idx = std::move(idx);
    return true;
  };
  // Without a mapping left, those of chunks that nobody uses go, or else the chunk is read.
  if (!map_both() && !first_search && MappingSlot::none_left() && context_.files.unmap_unused()) {
    map_both();
  }
  return view;
}

template <typename Read>
std::invoke_result_t<Read, ChunkReader&> LocalJournal::read_chunk(const ChunkPart& part,
                                                                  Mapping mapping,
                                                                  const Read& read) {
  for (;; mapping = Mapping::kNone) {
    ASSIGN_OR_RETURN(const ChunkView view, open_view(part, mapping));
    ChunkReader reader(view);
    auto result = read(reader);
    if (!view.failed()) return result;
  }
}

Result<size_t> LocalJournal::read(ByteOffset from, MutableBytes into) {
  if (!here_) return forked();
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
Result<size_t> LocalJournal::read_one(ByteOffset from, MutableBytes into) {
  ChunkPart part;
  {
    MutexLock lock(mutex_);
    if (from >= table_.end().offset) return size_t{0};
    if (from < table_.begin().offset) return Error{Errc::kDropped};
    part = this->part(table_.chunk_of(from));
  }
  return read_chunk(part, Mapping::kForReading, [&](ChunkReader& reader) {
    return reader.read(from - part.header.first_byte, into);
  });
}

std::shared_ptr<ChunkPin> LocalJournal::pin(ChunkId chunk) {
  std::erase_if(pins_, [](const auto& known) { return known.second.expired(); });
  auto pin = pins_[chunk].lock();
  if (!pin) {
    pin = std::make_shared<ChunkPin>();
    pins_[chunk] = pin;
  }
  return pin;
}

bool LocalJournal::holds(ChunkId chunk) const {
  MutexLock lock(mutex_);
  return table_.find(chunk).has_value();
}

Status LocalJournal::read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                                  RecordBatch& batch) {
  if (!here_) return forked();
  batch.first = first;
  const Status read = read_source(first, records_max, bytes_max, batch);
  if (read) return {};
  batch.items.clear();
  return report(read.error());
}

Status LocalJournal::read_source(RecordNumber first, size_t records_max, size_t bytes_max,
                                 RecordBatch& batch) {
  ChunkSource& source = ChunkSource::of(batch, *this);
  bool dropped = false;
  if (const auto error = source.remembered(first)) return *error;
  for (Mapping mapping = Mapping::kForReading;; mapping = Mapping::kNone) {
    const ChunkView* view = source.find(first);
    if (view == nullptr) {
      ChunkPart part;
      std::shared_ptr<ChunkPin> held;
      std::optional<ChunkView> rest;  // of a chunk that was dropped
      {
        MutexLock lock(mutex_);
        batch.items.clear();
        rest = source.rest_with(first);
        if (!rest) {
          if (first < table_.begin().record) return Error{Errc::kDropped};
          if (first > table_.end().record) return Error{Errc::kOutOfRange};
          if (first == table_.end().record) return {};
          const size_t i = table_.chunk_of(first);
          part = this->part(i);
          if (i + 1 == table_.size()) held = pin(part.header.chunk);
        }
      }
      if (!rest) {
        auto opened = open_view(part, mapping);
        // It may be the one that is held, and be held whole now.
        if (!opened && opened.error().code == Errc::kDropped && !std::exchange(dropped, true)) {
          continue;
        }
        if (!opened) return std::move(opened).error();
        rest = *std::move(opened);
        source.hold(std::move(held));
      }
      view = &source.add(*std::move(rest));
    }
    ChunkReader reader(*view);
    Status read = reader.read_records(static_cast<uint32_t>(first - view->header.first_record),
                                      records_max, bytes_max, batch);
    if (view->failed()) continue;
    source.forget_damage();
    if (reader.lost()) source.remember(view->header, *reader.lost());
    if (!view->mapped() && context_.files.overfull()) source.close_files();
    return read;
  }
}

Result<Location> LocalJournal::seek(const PositionSpec& spec, RecordNumber here) {
  if (!here_) return forked();
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
      if (here > now.end.record || what.records > now.end.record - here)
        return Error{Errc::kOutOfRange};
      return seek_record(here + what.records);
    } else if constexpr (std::is_same_v<Spec, Time>) {
      return seek_time(what);
    } else if constexpr (std::is_same_v<Spec, ByteOffset>) {
      return seek_byte(what);
    } else {
      return seek_position(what);
    }
  };
  auto found = std::visit(find, spec);
  if (!found) return report(found.error());
  return found;
}

Result<Location> LocalJournal::seek_record(RecordNumber record) {
  ChunkPart part;
  {
    MutexLock lock(mutex_);
    if (record > table_.end().record) return Error{Errc::kOutOfRange};
    if (record == table_.end().record) return table_.end();
    if (record <= table_.begin().record) return table_.begin();
    part = this->part(table_.chunk_of(record));
  }
  const auto in_chunk = static_cast<uint32_t>(record - part.header.first_record);
  // Records that lie between two chunks were lost with the chunk that held them.
  if (in_chunk > part.end.records) return Error{Errc::kCorrupt, 0, "a chunk is missing"};
  const auto place = read_chunk(part, Mapping::kForSearch, [&](ChunkReader& reader) {
    return reader.place_of_record(in_chunk);
  });
  return locate(part.header, place);
}

Result<Location> LocalJournal::seek_byte(ByteOffset byte) {
  ChunkPart part;
  {
    MutexLock lock(mutex_);
    if (byte > table_.end().offset) return Error{Errc::kOutOfRange};
    if (byte == table_.end().offset) return table_.end();
    if (byte < table_.begin().offset) return table_.begin();
    part = this->part(table_.chunk_of(byte));
  }
  const uint64_t in_chunk = byte - part.header.first_byte;
  // Bytes that lie between two chunks were lost with the chunk that held them.
  if (in_chunk >= part.end.bytes) return Error{Errc::kCorrupt, 0, "a chunk is missing"};
  const auto place = read_chunk(part, Mapping::kForSearch, [&](ChunkReader& reader) {
    return reader.place_of_byte(in_chunk);
  });
  return locate(part.header, place);
}

// A chunk that was dropped meanwhile leads to the oldest record.
Result<Location> LocalJournal::locate(const ChunkHeader& chunk,
                                      const Result<ChunkPlace>& place) const {
  MutexLock lock(mutex_);
  const auto i = table_.find(chunk.chunk);
  if (!i) return table_.begin();
  if (!place) return place.error();
  return table_.place(*i, place->record, place->offset);
}

Result<Location> LocalJournal::seek_time(Time time) {
  ChunkPart part;
  {
    MutexLock lock(mutex_);
    if (table_.empty() || time > table_.time_of_end()) return table_.end();
    if (time <= table_.header(0).start) return table_.begin();
    // A record stamped with just the time at which its chunk begins may have a predecessor with the
    // same time at the end of the chunk before: so the search starts a millisecond earlier.
    part = this->part(table_.chunk_of(time - std::chrono::milliseconds(1)));
  }
  const auto ms = static_cast<uint64_t>((time - part.header.start).count());
  auto place = read_chunk(part, Mapping::kForSearch,
                          [&](ChunkReader& reader) { return reader.place_at_time(ms); });
  // Of a chunk that is missing nothing is found; what comes next is behind it.
  if (!place && place.error().code == Errc::kCorrupt) {
    place = ChunkPlace{part.end.records, part.end.bytes};
  }
  return locate(part.header, place);
}

Result<Location> LocalJournal::seek_position(const Position& position) {
  RecordNumber record;
  {
    MutexLock lock(mutex_);
    if (position <= table_.begin().position) return table_.begin();
    const auto i = table_.find(position.chunk);
    if (!i || position.record > table_.end_of(*i).records) return Error{Errc::kOutOfRange};
    record = table_.header(*i).first_record + position.record;
  }
  return seek_record(record);
}

}  // namespace range
