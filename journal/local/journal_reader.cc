#include "journal/local/journal_reader.h"

#include <fmt/core.h>

#include <utility>

#include "journal/base/result_macros.h"
#include "journal/printable.h"

namespace range {

// Names the journal in an error, and logs damage the first time it is met.
Error JournalReader::report(Error error) {
  constexpr size_t kReportedMax = 1000;
  const char* separator = error.context.empty() ? "" : ": ";
  error.context = fmt::format("journal {}{}{}", state_.current_path(), separator, error.context);
  if (error.code != Errc::kCorrupt) return error;
  {
    MutexLock lock(state_.mutex);
    if (reported_.size() == kReportedMax || !reported_.insert(error.context).second) return error;
  }
  state_.context.log.error("{} {} and not served", printable(error.context),
                           error.sys_errno == 0 ? "is corrupt" : "cannot be read");
  return error;
}

Result<std::optional<size_t>> JournalReader::read_at_once(ByteOffset from, MutableBytes into) {
  const auto got = read(from, into, Waiting::kAtOnce);
  if (got) return std::optional(*got);
  if (would_wait(got.error())) return std::optional<size_t>();
  return got.error();
}

Result<size_t> JournalReader::read(ByteOffset from, MutableBytes into, Waiting waiting) {
  size_t total = 0;
  while (total < into.size()) {
    const auto got = read_one(from + total, into.subspan(total), waiting);
    // Not what there is until then: fewer bytes than asked for are the last ones.
    if (!got && waiting == Waiting::kAtOnce && would_wait(got.error())) return got.error();
    if (!got && total > 0) break;  // it is reported to whoever reads on from there
    if (!got) return report(got.error());
    if (*got == 0) break;
    total += *got;
  }
  return total;
}

// Reads from the one chunk that holds the byte at `from`.
Result<size_t> JournalReader::read_one(ByteOffset from, MutableBytes into, Waiting waiting) {
  ChunkPart part;
  {
    MutexLock lock(state_.mutex);
    if (from >= state_.table.end().offset) return size_t{0};
    if (from < state_.table.begin().offset) return Error{Errc::kDropped};
    part = part_of(state_.table, state_.table.chunk_of(from));
  }
  const auto read = [&](ChunkReader& reader) {
    return reader.read(from - part.header.first_byte, into);
  };
  if (waiting == Waiting::kAtOnce) return views_.read_at_once(part, read);
  return views_.read(part, Mapping::kForReading, read);
}

Status JournalReader::read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                                   ChunkSource& source, RecordBatch& batch) {
  batch.first = first;
  const Status read = read_source(first, records_max, bytes_max, source, batch);
  if (read) return {};
  batch.items.clear();
  return report(read.error());
}

Status JournalReader::read_source(RecordNumber first, size_t records_max, size_t bytes_max,
                                  ChunkSource& source, RecordBatch& batch) {
  if (const auto error = source.remembered(first)) return *error;
  for (Mapping mapping = Mapping::kForReading;; mapping = Mapping::kNone) {
    const ChunkView* view = source.find(first);
    if (view == nullptr) {
      batch.items.clear();
      ASSIGN_OR_RETURN(view, find_chunk(first, mapping, source));
      if (view == nullptr) return {};
    }
    ChunkReader reader(*view);
    Status read = reader.read_records(static_cast<uint32_t>(first - view->header.first_record),
                                      records_max, bytes_max, batch);
    if (view->failed()) continue;
    source.forget_damage();
    if (reader.lost()) source.remember(view->header, *reader.lost());
    if (!view->mapped() && state_.context.files.overfull()) source.close_files();
    return read;
  }
}

Result<const ChunkView*> JournalReader::find_chunk(RecordNumber first, Mapping mapping,
                                                   ChunkSource& source) {
  for (bool dropped = false;;) {
    ASSIGN_OR_RETURN(Lookup found, look_up(first, source));
    if (found.rest) return &source.add(*std::move(found.rest));
    if (!found.part) return nullptr;
    auto opened = views_.open(*found.part, mapping);
    // It may be the one that is held, and be held whole now.
    if (!opened && opened.error().code == Errc::kDropped && !std::exchange(dropped, true)) continue;
    if (!opened) return std::move(opened).error();
    source.hold(std::move(found.pin));
    return &source.add(*std::move(opened));
  }
}

Result<JournalReader::Lookup> JournalReader::look_up(RecordNumber first,
                                                     const ChunkSource& source) {
  MutexLock lock(state_.mutex);
  Lookup found;
  found.rest = source.rest_with(first);
  if (found.rest) return found;
  if (first < state_.table.begin().record) return Error{Errc::kDropped};
  if (first > state_.table.end().record) return Error{Errc::kOutOfRange};
  if (first == state_.table.end().record) return found;
  const size_t i = state_.table.chunk_of(first);
  found.part = part_of(state_.table, i);
  if (i + 1 == state_.table.size()) found.pin = pin(state_.table.header(i).chunk);
  return found;
}

std::shared_ptr<ChunkPin> JournalReader::pin(ChunkId chunk) {
  std::erase_if(pins_, [](const auto& known) { return known.second.expired(); });
  auto pin = pins_[chunk].lock();
  if (!pin) {
    pin = std::make_shared<ChunkPin>();
    pins_[chunk] = pin;
  }
  return pin;
}

void JournalReader::leave_to_readers(ChunkId last) {
  std::vector<std::pair<std::shared_ptr<ChunkPin>, ChunkPart>> pinned;
  {
    MutexLock lock(state_.mutex);
    for (const auto& [chunk, known] : pins_) {
      std::shared_ptr<ChunkPin> pin = known.lock();
      const auto i = state_.table.find(chunk);
      if (pin && i && chunk <= last) pinned.emplace_back(std::move(pin), part_of(state_.table, *i));
    }
  }
  for (const auto& [pin, part] : pinned) {
    auto view = views_.open(part, Mapping::kForReading);
    if (!view) {
      state_.context.log.warn("journal {}: {}", printable(state_.current_path()),
                              to_string(report(view.error())));
      continue;
    }
    if (view->mapped()) view->bytes.reset();
    MutexLock lock(state_.mutex);
    pin->rest = *std::move(view);
  }
}

}  // namespace range
