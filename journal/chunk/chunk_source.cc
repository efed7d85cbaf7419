#include "journal/chunk/chunk_source.h"

#include <utility>

namespace range {

namespace {

bool covers(const ChunkView& view, RecordNumber record) {
  const RecordNumber first = view.header.first_record;
  return record >= first && record < first + (view.end.records - (view.end.open_bytes > 0 ? 1 : 0));
}

}  // namespace

ChunkSource& ChunkSource::of(RecordBatch& batch, const Journal& journal) {
  if (batch.source && batch.source->is_of(journal)) {
    return static_cast<ChunkSource&>(*batch.source);
  }
  auto source = std::make_shared<ChunkSource>(journal);
  ChunkSource& created = *source;
  batch.items.clear();
  batch.source = std::move(source);
  return created;
}

const ChunkView* ChunkSource::find(RecordNumber record) {
  if (current_ && covers(*current_, record)) return current_->failed() ? nullptr : &*current_;
  for (const Earlier& earlier : earlier_) {
    if (!covers(earlier.chunk, record)) continue;
    if (auto view = earlier.view()) return &current_.emplace(*std::move(view));
  }
  return nullptr;
}

const ChunkView& ChunkSource::add(ChunkView view) {
  std::erase_if(earlier_, [&](const Earlier& old) {
    return old.chunk.header.chunk == view.header.chunk || old.dat.expired();
  });
  if (view.mapped()) {
    view.bytes.reset();
    if (earlier_.size() == kEarlierMax) earlier_.erase(earlier_.begin());
    earlier_.push_back({{nullptr, view.header, view.end}, view.dat, view.idx});
  }
  return current_.emplace(std::move(view));
}

void ChunkSource::close_files() {
  if (current_ && !current_->mapped()) current_.reset();
}

std::optional<ChunkView> ChunkSource::rest_with(RecordNumber record) const {
  if (!pin_ || !pin_->rest || pin_->rest->failed()) return std::nullopt;
  const ChunkView& rest = *pin_->rest;
  return covers(rest, record) ? pin_->rest : std::nullopt;
}

void ChunkSource::remember(const ChunkHeader& chunk, const LostRecords& lost) {
  lost_ = Lost{chunk, lost};
}

std::optional<Error> ChunkSource::remembered(RecordNumber record) const {
  if (!lost_ || record < lost_->chunk.first_record) return std::nullopt;
  const uint64_t in_chunk = record - lost_->chunk.first_record;
  if (in_chunk < lost_->records.begin || in_chunk >= lost_->records.end) return std::nullopt;
  return corrupt_record(lost_->chunk.chunk, in_chunk, lost_->records.sys_errno);
}

std::optional<ChunkView> ChunkSource::Earlier::view() const {
  ChunkView view = chunk;
  view.dat = dat.lock();
  view.idx = idx.lock();
  if (!view.dat || !view.idx || view.failed()) return std::nullopt;
  return view;
}

}  // namespace range
