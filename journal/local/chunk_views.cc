#include "journal/local/chunk_views.h"

#include <fmt/core.h>

#include <utility>

#include "journal/chunk/read_around.h"
#include "journal/env/mapping_slot.h"

namespace range {

Result<ChunkView> ChunkViews::open(const ChunkPart& part, Mapping mapping) const {
  auto files = state_.context.files.open(state_.directory, state_.id, part.header.chunk);
  if (!files) return why_not_open(std::move(files).error(), part.header.chunk);
  ChunkView view{.bytes = *files, .header = part.header, .end = part.end};
  RETURN_IF_ERROR(find_entries(**files, view));
  map(**files, mapping, view);
  return view;
}

std::optional<ChunkView> ChunkViews::open_at_once(const ChunkPart& part) const {
  auto files = state_.context.files.find(state_.id, part.header.chunk);
  if (!files) return std::nullopt;
  ChunkView view{.bytes = files, .header = part.header, .end = part.end};
  if (!entries_known(*files, view)) return std::nullopt;
  map(*files, Mapping::kForReading, view);
  return view;
}

Error ChunkViews::why_not_open(Error error, ChunkId chunk) const {
  if (unreadable(error)) return as_damage(std::move(error));
  if (error.code != Errc::kNotFound) return error;
  if (!state_.holds(chunk)) return Error{Errc::kDropped};
  // A chunk that somebody took away is damage like any other.
  return Error{Errc::kCorrupt, 0, fmt::format("chunk {} (missing)", chunk_file_name(chunk, ""))};
}

// Of a chunk that is not the last, the index file says how many entries it has, and was read then.
bool ChunkViews::entries_known(const ChunkFiles& files, ChunkView& view) {
  if (view.end.entries > 0 || view.end.records == 0) return true;
  view.end.entries = files.slots;
  return view.end.entries > 0;
}

Status ChunkViews::find_entries(ChunkFiles& files, ChunkView& view) {
  if (entries_known(files, view)) return {};
  ASSIGN_OR_RETURN(const SlotCount count, count_slots(*files.idx));
  view.end.entries = count.slots;
  if (!count.unreadable) files.slots = count.slots;
  return {};
}

void ChunkViews::map(ChunkFiles& files, Mapping mapping, ChunkView& view) const {
  const bool first_search = mapping == Mapping::kForSearch && !files.searched.exchange(true);
  if (mapping == Mapping::kNone || view.end.bytes < state_.context.mapping.read_bytes_min) return;
  const auto map_one = [&](ReadMapping& of, File& file, uint64_t bytes) {
    return first_search ? of.covering(bytes) : of.cover(file, bytes);
  };
  const auto map_both = [&] {
    auto dat = map_one(files.dat_mapping, *files.dat, view.end.bytes);
    if (!dat) return false;
    auto idx = map_one(files.idx_mapping, *files.idx, end_of_entries(view.end.entries));
    if (!idx) return false;
    view.dat = std::move(dat);
    view.idx = std::move(idx);
    return true;
  };
  // Without a mapping left, those of chunks that nobody uses go, or else the chunk is read.
  if (!map_both() && !first_search && MappingSlot::none_left() &&
      state_.context.files.unmap_unused()) {
    map_both();
  }
}

}  // namespace range
