#include "journal/local/chunk_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "journal/base/for_good.h"
#include "journal/base/result_macros.h"
#include "journal/chunk/attributes.h"

namespace range {

namespace {

Status write_header(File& idx, const ChunkHeader& header, const Attributes& attributes) {
  std::array<std::byte, kEntriesAt> front{};
  const Sector sector = encode(header);
  const std::string text = encode_attributes({attributes});
  RANGE_CHECK(text.size() < kSectorBytes);
  for (const size_t copy : {size_t{0}, size_t{1}}) {
    std::memcpy(front.data() + kHeaderAt[copy], sector.data(), sector.size());
    std::memcpy(front.data() + kAttributesAt[copy], text.data(), text.size());
  }
  return idx.write_at(0, front);
}

Result<std::unique_ptr<File>> create_index(Env& env, const Path& path, const ChunkHeader& header,
                                           const Attributes& attributes) {
  ASSIGN_OR_RETURN(auto idx, env.open(path, Env::OpenMode::kCreateNew));
  Status written = write_header(*idx, header, attributes);
  if (written) return idx;
  if (const Status removed = env.remove_file(path); !removed) {
    return Error{Errc::kCorrupt, removed.error().sys_errno, removed.error().context};
  }
  return std::move(written).error();
}

Result<std::shared_ptr<ChunkFiles>> create_files(Env& env, const Path& directory,
                                                 const ChunkHeader& header,
                                                 const Attributes& attributes) {
  const Path dat_path = directory / chunk_file_name(header.chunk, ".dat");
  ASSIGN_OR_RETURN(auto dat, env.open(dat_path, Env::OpenMode::kCreateNew));
  auto idx =
      create_index(env, directory / chunk_file_name(header.chunk, ".idx"), header, attributes);
  if (!idx) {
    (void)env.remove_file(dat_path);  // without an index it is no chunk
    return std::move(idx).error();
  }
  auto files = std::make_shared<ChunkFiles>();
  files->dat = std::move(dat);
  files->idx = *std::move(idx);
  return files;
}

}  // namespace

Result<std::shared_ptr<ChunkWriter>> ChunkWriter::create(Env& env, ChunkFileCache& cache,
                                                         const Path& directory,
                                                         const ChunkHeader& header,
                                                         const Attributes& attributes,
                                                         const MappingSizes& mapping) {
  ASSIGN_OR_RETURN(auto files, create_files(env, directory, header, attributes));
  auto writer =
      std::make_shared<ChunkWriter>(cache.insert(header.journal, header.chunk, std::move(files)),
                                    header, ChunkEnd{}, std::nullopt, mapping);
  writer->mark_synced_ = false;
  return writer;
}

ChunkWriter::ChunkWriter(std::shared_ptr<ChunkFiles> files, const ChunkHeader& header,
                         const ChunkEnd& end, const std::optional<Mark>& mark,
                         const MappingSizes& mapping)
    : files_(std::move(files)),
      header_(header),
      seed_(chunk_seed(header)),
      end_(end),
      awaited_syncs_before_window_(mapping.syncs_before),
      dat_window_(mapping),
      idx_window_(mapping),
      closed_(mark && mark->sealed),
      marked_(mark ? mark->end : ChunkEnd{}),
      mark_sequence_(mark ? mark->sequence : 0) {}

// Whether there is room ahead afterwards that should not be is of no consequence: recovery takes it
// for what it is.
void ChunkWriter::detach() {
  (void)give_back_room();
  files_.reset();
  awaited_syncs_.store(0, std::memory_order_relaxed);
}

Status ChunkWriter::give_back_room() {
  if (dat_window_.close(end_.bytes)) RETURN_IF_ERROR(files_->dat->truncate(end_.bytes));
  const uint64_t entries_end = end_of_entries(end_.entries);
  if (idx_window_.close(entries_end)) RETURN_IF_ERROR(files_->idx->truncate(entries_end));
  return {};
}

Status ChunkWriter::append(std::span<const ConstBytes> payload, ConstBytes entries,
                           const ChunkEnd& end) {
  RANGE_CHECK(!closed_ && end.entries > end_.entries && end.bytes >= end_.bytes);
  RANGE_CHECK(entries.size() == size_t{end.entries - end_.entries} * kEntryBytes);
  if (awaited_syncs_.load(std::memory_order_relaxed) >= awaited_syncs_before_window_) {
    dat_window_.heat();
    idx_window_.heat();
  }
  // Payload first: an entry is what makes it an append.
  Status written = dat_window_.append(*files_->dat, end_.bytes, payload, end.bytes - end_.bytes,
                                      /*words=*/false);
  if (written) {
    const uint64_t at = end_of_entries(end_.entries);
    written = idx_window_.append(*files_->idx, at, {&entries, 1}, entries.size(), /*words=*/true);
    if (!written) RETURN_IF_ERROR(undo_entries());
  }
  if (!written) {
    undo_payload();
    return written;
  }
  end_ = end;
  return {};
}

// Gives back the space of payload that no entry covers. Should that fail it stays behind the end,
// where nobody reads it and the next append overwrites it.
void ChunkWriter::undo_payload() {
  dat_window_.close(end_.bytes);
  (void)files_->dat->truncate(end_.bytes);
}

// Without this the entries could pass for an append after all: in this boot, and after a power loss
// for a part of the one that uses their slots next. So it must be on the disk before that.
Status ChunkWriter::undo_entries() {
  const uint64_t at = end_of_entries(end_.entries);
  idx_window_.close(at);
  Status undone = files_->idx->truncate(at);
  if (undone) undone = files_->sync_idx();
  return for_good(undone);
}

void ChunkWriter::start_writeback() {
  files_->dat->start_writeback();
  files_->idx->start_writeback();
}

Status ChunkWriter::sync_files() {
  RETURN_IF_ERROR(files_->dat->sync_data());
  return sync_mark();
}

Status ChunkWriter::note_filesystem_sync() {
  RETURN_IF_ERROR(files_->dat->check_writeback());
  RETURN_IF_ERROR(files_->idx->check_writeback());
  mark_synced_ = true;
  return {};
}

Status ChunkWriter::sync_mark() {
  RETURN_IF_ERROR(files_->sync_idx());
  mark_synced_ = true;
  return {};
}

Status ChunkWriter::store_mark(const ChunkEnd& end, bool sealed, const BootId& boot_id) {
  if (leaves_marks_) {
    marked_ = end;
    return {};
  }
  const Mark mark{.sequence = mark_sequence_ + 1, .end = end, .sealed = sealed, .boot_id = boot_id};
  const Sector sector = encode(mark, header_.chunk);
  mark_synced_ = false;
  RETURN_IF_ERROR(files_->idx->write_at(kMarkAt[mark.sequence % 2], sector));
  // The first one is stored twice, so that no page has the only one.
  if (mark.sequence == 1) RETURN_IF_ERROR(files_->idx->write_at(kMarkAt[0], sector));
  mark_sequence_ = mark.sequence;
  marked_ = end;
  return {};
}

}  // namespace range
