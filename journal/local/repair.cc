// The part of recovery that changes files.

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "journal/base/for_good.h"
#include "journal/base/result_macros.h"
#include "journal/chunk/read_around.h"
#include "journal/local/recovery.h"

namespace range {

namespace {

constexpr size_t kCopyBytes = size_t{1} << 20;

// The name for the `n`-th copy that is kept of a torn file: earlier ones are never overwritten.
std::string torn_name(const std::string& file, int n) {
  return n == 0 ? file + ".torn" : fmt::format("{}.torn.{}", file, n + 1);
}

Status unless_missing(const Status& done) {
  return !done && done.error().code == Errc::kNotFound ? Status() : done;
}

Status rename_aside(Env& env, const Path& directory, const std::string& file) {
  for (int n = 0;; ++n) {
    Status renamed = env.rename(directory / file, directory / torn_name(file, n), false);
    if (renamed || renamed.error().code != Errc::kExists) return unless_missing(renamed);
  }
}

// Whether `file` has something but zeros from `begin` on, or may have: it cannot be read.
Result<bool> has_contents(Env& env, const Path& path, uint64_t begin) {
  const auto file = env.open(path, Env::OpenMode::kRead);
  if (!file && file.error().code == Errc::kNotFound) return false;
  if (!file) return unreadable(file.error()) ? Result<bool>(true) : file.error();
  std::vector<std::byte> block(kCopyBytes);
  while (true) {
    const auto got = (*file)->read_at(begin, block);
    if (!got) return unreadable(got.error()) ? Result<bool>(true) : got.error();
    if (*got == 0) return false;
    const auto bytes = std::span(block).first(*got);
    if (std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; })) return true;
    begin += *got;
  }
}

// Calls `use(offset, bytes)` for the contents of `file` from `begin` to `end`, in blocks, passing
// over pages that cannot be read.
template <typename Use>
Status for_each_block(File& file, uint64_t begin, uint64_t end, const Use& use) {
  std::vector<std::byte> block;
  bool by_pages = false;  // up to the one that cannot be read
  while (begin < end) {
    const uint64_t page_end = (begin / page_bytes() + 1) * page_bytes();
    block.resize(std::min(end, by_pages ? page_end : begin + kCopyBytes) - begin);
    const auto got = file.read_at(begin, block);
    if (!got && !unreadable(got.error())) return got.error();
    if (got) {
      if (*got == 0) return {};
      RETURN_IF_ERROR(use(begin, ConstBytes(block).first(*got)));
      begin += *got;
    } else if (std::exchange(by_pages, !by_pages)) {
      begin = page_end;
    }
  }
  return {};
}

// Copies what `file` holds from `begin` to `end` into a new file, durable with its name. What
// cannot be read is a hole in it.
Status keep_copy(Env& env, const Path& path, File& file, uint64_t begin, uint64_t end) {
  ASSIGN_OR_RETURN(const auto copy, env.open(path, Env::OpenMode::kCreateNew));
  Status kept = for_each_block(file, begin, end, [&](uint64_t at, ConstBytes bytes) {
    return copy->write_at(at - begin, bytes);
  });
  if (kept) kept = copy->sync_data();
  // It also has the chunks that a sync still has to make durable.
  if (kept) kept = for_good(env.sync_directory(path.parent_path()));
  // The next attempt makes another.
  if (!kept) (void)env.remove_file(path);
  return kept;
}

// Copies what `file` holds from `from` on, then truncates it there.
Status cut_file(Env& env, const Path& directory, const std::string& name, File& file, uint64_t from,
                uint64_t unit) {
  ASSIGN_OR_RETURN(const FileStat stat, file.stat());
  if (stat.size <= from) return {};
  ASSIGN_OR_RETURN(const uint64_t end, end_of_contents(file, from, stat.size, unit));
  for (int n = 0; end > from; ++n) {
    Status kept = keep_copy(env, directory / torn_name(name, n), file, from, end);
    if (!kept && kept.error().code == Errc::kExists) continue;
    RETURN_IF_ERROR(std::move(kept));
    break;
  }
  return file.truncate(from);
}

// What cannot be read is not in memory, waiting to be written: there is nothing to write again.
Status rewrite_file(File& file, uint64_t begin, uint64_t end) {
  return for_each_block(file, begin, end,
                        [&](uint64_t at, ConstBytes bytes) { return file.write_at(at, bytes); });
}

}  // namespace

Result<uint64_t> end_of_contents(File& file, uint64_t begin, uint64_t end, uint64_t unit) {
  uint64_t found = begin;
  RETURN_IF_ERROR(for_each_block(file, begin, end, [&](uint64_t at, ConstBytes bytes) -> Status {
    size_t size = bytes.size();
    while (size > 0 && bytes[size - 1] == std::byte{0}) --size;
    if (size > 0) found = at + size;
    return {};
  }));
  return std::min(end, begin + (found - begin + unit - 1) / unit * unit);
}

bool RecoveredJournal::needs_repair() const {
  const auto cut = [](const ChunkScan& scan) { return is_cut(scan.tail); };
  return !torn_chunks.empty() || std::any_of(unsure.begin(), unsure.end(), cut);
}

Status remove_chunk(Env& env, const Path& directory, ChunkId chunk) {
  for (const char* extension : {".idx", ".dat"}) {
    RETURN_IF_ERROR(unless_missing(env.remove_file(directory / chunk_file_name(chunk, extension))));
  }
  return {};
}

Result<bool> has_contents(Env& env, const Path& directory, ChunkId chunk) {
  for (const auto& [extension, begin] :
       {std::pair(".idx", kEntriesAt), std::pair(".dat", uint64_t{0})}) {
    ASSIGN_OR_RETURN(const bool found,
                     has_contents(env, directory / chunk_file_name(chunk, extension), begin));
    if (found) return true;
  }
  return false;
}

Status set_chunk_aside(Env& env, const Path& directory, ChunkId chunk) {
  ASSIGN_OR_RETURN(const bool keep, has_contents(env, directory, chunk));
  if (!keep) return remove_chunk(env, directory, chunk);
  for (const char* extension : {".idx", ".dat"}) {
    RETURN_IF_ERROR(rename_aside(env, directory, chunk_file_name(chunk, extension)));
  }
  return {};
}

Status cut_tail(Env& env, const Path& directory, ChunkId chunk, ChunkFiles& files,
                const ChunkEnd& end) {
  RETURN_IF_ERROR(cut_file(env, directory, chunk_file_name(chunk, ".idx"), *files.idx,
                           end_of_entries(end.entries), kEntryBytes));
  return cut_file(env, directory, chunk_file_name(chunk, ".dat"), *files.dat, end.bytes, 1);
}

Result<Writable> find_writable(ChunkFiles& files, const ChunkEnd& end) {
  const auto readable = [](File& file, uint64_t begin, uint64_t to) -> Result<bool> {
    std::vector<std::byte> bytes(to - begin);
    ASSIGN_OR_RETURN(const ReadAround read, read_around(file, begin, bytes));
    return !read.unreadable;
  };
  const auto last_page = [&](File& file, uint64_t to) {
    return readable(file, to / page_bytes() * page_bytes(), to);
  };
  ASSIGN_OR_RETURN(const bool marks, readable(*files.idx, 0, kEntriesAt));
  ASSIGN_OR_RETURN(const bool idx, last_page(*files.idx, end_of_entries(end.entries)));
  ASSIGN_OR_RETURN(const bool dat, last_page(*files.dat, end.bytes));
  return Writable{.marks = marks, .end = idx && dat};
}

Status give_back_room(ChunkFiles& files, const ChunkEnd& end) {
  ASSIGN_OR_RETURN(const FileStat idx, files.idx->stat());
  const uint64_t entries_end = end_of_entries(end.entries);
  if (idx.size > entries_end) RETURN_IF_ERROR(files.idx->truncate(entries_end));
  ASSIGN_OR_RETURN(const FileStat dat, files.dat->stat());
  return dat.size > end.bytes ? files.dat->truncate(end.bytes) : Status();
}

Status rewrite(ChunkFiles& files, const ChunkEnd& from, const ChunkEnd& to) {
  // From the header on if nothing was synced: it may be what a sync failed to write.
  const uint64_t idx_begin = from.entries == 0 ? 0 : end_of_entries(from.entries);
  RETURN_IF_ERROR(rewrite_file(*files.idx, idx_begin, end_of_entries(to.entries)));
  return rewrite_file(*files.dat, from.bytes, to.bytes);
}

}  // namespace range
