#include "journal/exchange/export_range.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <span>
#include <utility>

#include "journal/chunked/env.h"
#include "journal/chunked/posix_file.h"
#include "journal/exchange/range_chunk.h"
#include "journal/result_macros.h"

namespace range::exchange {

namespace fs = boost::filesystem;

namespace {

// In the root, where Range has only names of 1 or 2 bytes.
constexpr const char* kStaging = "exporting.tmp";

// Writes the chunks of a journal into a directory.
class ChunkExport {
 public:
  ChunkExport(Journal& journal, Path directory, const Progress& progress)
      : journal_(journal), directory_(std::move(directory)), progress_(progress) {}

  Result<ExportedJournal> run();

 private:
  Status export_chunk(const ChunkInfo& chunk, RecordNumber end);
  Status write(RangeChunkWriter& writer, std::span<const RecordBatch::Item> records);
  Status write_open_record(RangeChunkWriter& writer);
  void leave_out(RecordNumber first, uint64_t count);

  Journal& journal_;
  const Path directory_;
  const Progress& progress_;
  Extent extent_;
  RecordNumber damaged_begin_;  // damaged records that are not reported yet
  uint64_t damaged_ = 0;
  RecordBatch batch_;
  ExportedJournal exported_;
};

Result<ExportedJournal> ChunkExport::run() {
  extent_ = journal_.extent();
  RecordNumber next = extent_.begin.record;
  for (const ChunkInfo& chunk : journal_.chunks()) {
    if (chunk.first_record > next) leave_out(next, chunk.first_record - next);
    next = chunk.first_record + chunk.records;
    if (chunk.records > 0) RETURN_IF_ERROR(export_chunk(chunk, next));
  }
  RETURN_IF_ERROR(posix_env().sync_directory(directory_));
  return std::move(exported_);
}

Status ChunkExport::export_chunk(const ChunkInfo& chunk, RecordNumber end) {
  constexpr size_t kBatchRecordsMax = 4096;
  constexpr size_t kBatchBytesMax = size_t{4} << 20;
  const bool open = extent_.open_bytes > 0 && end == extent_.end.record;
  if (open) end = end - 1;
  ASSIGN_OR_RETURN(auto writer, RangeChunkWriter::create(directory_, chunk.id));
  for (RecordNumber at = chunk.first_record; at < end;) {
    const size_t count = std::min<uint64_t>(kBatchRecordsMax, end - at);
    Status read = journal_.read_records(at, count, kBatchBytesMax, batch_);
    if (!read && read.error().code != Errc::kCorrupt) return read;
    if (read && batch_.items.empty()) return Error{Errc::kIo, 0, "a journal became shorter"};
    if (!read) leave_out(at, 1);
    if (read) RETURN_IF_ERROR(write(writer, batch_.items));
    at += read ? batch_.items.size() : 1;
  }
  if (open) RETURN_IF_ERROR(write_open_record(writer));
  ++exported_.chunks;
  return writer.finish();
}

Status ChunkExport::write(RangeChunkWriter& writer, std::span<const RecordBatch::Item> records) {
  uint64_t bytes = 0;
  for (const auto& record : records) {
    RETURN_IF_ERROR(writer.append(record.bytes));
    bytes += record.bytes.size();
  }
  exported_.records += records.size();
  exported_.bytes += bytes;
  if (progress_) progress_(records.size(), bytes);
  return {};
}

// The line at the end that is not complete, if there is one: not a record yet, but it was appended.
Status ChunkExport::write_open_record(RangeChunkWriter& writer) {
  std::vector<std::byte> bytes(extent_.open_bytes);
  size_t done = 0;
  while (done < bytes.size()) {
    auto n = journal_.read(extent_.end.offset - (bytes.size() - done),
                           MutableBytes(bytes).subspan(done));
    if (!n && n.error().code == Errc::kCorrupt) {
      leave_out(extent_.end.record - 1, 1);
      return {};
    }
    if (!n) return std::move(n).error();
    if (*n == 0) return Error{Errc::kIo, 0, "a journal became shorter"};
    done += *n;
  }
  exported_.notes.push_back(
      fmt::format("its last line has no end yet: exported as a record of {} bytes", bytes.size()));
  const RecordBatch::Item record{bytes, {}};
  return write(writer, {&record, 1});
}

void ChunkExport::leave_out(RecordNumber first, uint64_t count) {
  // One line for all that are next to each other.
  if (damaged_ > 0 && damaged_begin_ + damaged_ == first) {
    damaged_ += count;
    exported_.damage.pop_back();
  } else {
    damaged_begin_ = first;
    damaged_ = count;
  }
  exported_.damage.push_back(fmt::format("{} damaged records from number {} on left out", damaged_,
                                         damaged_begin_.value()));
}

}  // namespace

Result<RangeExport> RangeExport::open(const Path& root) {
  boost::system::error_code failed;
  fs::create_directories(root, failed);
  if (failed) return failure(failed, "create", root);
  Fd lock(
      retry_interrupted([&] { return ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!lock) return posix_error("open", root);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return posix_error("flock", root);
    return Error{Errc::kLocked, 0, root.native() + ": another export to it is running"};
  }
  RangeExport opened(root, std::move(lock));
  RETURN_IF_ERROR(opened.clear_staging());
  return opened;
}

Result<ExportedJournal> RangeExport::export_journal(Store& store, const std::string& path,
                                                    const Progress& progress) {
  ASSIGN_OR_RETURN(const Path place, place_of(path));
  boost::system::error_code ignored;
  if (fs::exists(root_ / place, ignored) && !fs::is_empty(root_ / place, ignored)) {
    return Error{Errc::kNotEmpty, 0, path + ": " + (root_ / place).native() + " is there already"};
  }
  ASSIGN_OR_RETURN(const auto journal, store.open(path));
  RETURN_IF_ERROR(posix_env().make_directory(staging()));
  auto exported = ChunkExport(*journal, staging(), progress).run();
  Status published = exported ? publish(place) : Status();
  if (exported && published) return exported;
  static_cast<void>(clear_staging());  // the next export does it again
  return exported ? std::move(published).error() : std::move(exported).error();
}

Path RangeExport::staging() const { return root_ / kStaging; }

Status RangeExport::clear_staging() const {
  boost::system::error_code failed;
  fs::remove_all(staging(), failed);
  return failed ? Status(failure(failed, "remove", staging())) : Status();
}

Status RangeExport::publish(const Path& place) const {
  const Path group = (root_ / place).parent_path();
  boost::system::error_code failed;
  fs::create_directory(group, failed);
  if (failed) return failure(failed, "create", group);
  // Replaces an empty directory, but no other.
  RETURN_IF_ERROR(posix_env().rename(staging(), root_ / place, /*replace=*/true));
  RETURN_IF_ERROR(posix_env().sync_directory(group));
  return posix_env().sync_directory(root_);
}

}  // namespace range::exchange
