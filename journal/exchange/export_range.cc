#include "journal/exchange/export_range.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/exchange/range_chunk_writer.h"
#include "journal/printable.h"

namespace range::exchange {

namespace {

// In the root, where Range has only names of 1 or 2 bytes.
constexpr const char* kStaging = "exporting.tmp";

// Writes the chunks of a journal into a directory.
class ChunkExport {
 public:
  ChunkExport(Env& env, Journal& journal, Path directory, const Progress& progress)
      : env_(env), journal_(journal), directory_(std::move(directory)), progress_(progress) {}

  Result<ExportedJournal> run();

 private:
  Status report_losses();
  Status export_chunk(const ChunkInfo& chunk, RecordNumber end);
  Status write(RangeChunkWriter& writer, std::span<const RecordBatch::Item> records);
  Status write_open_record(RangeChunkWriter& writer);
  void leave_out(RecordNumber first, uint64_t count);

  Env& env_;
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
  RETURN_IF_ERROR(report_losses());
  RecordNumber next = extent_.begin.record;
  for (const ChunkInfo& chunk : journal_.chunks()) {
    if (chunk.first_record > next) leave_out(next, chunk.first_record - next);
    next = chunk.first_record + chunk.records;
    if (chunk.records > 0) RETURN_IF_ERROR(export_chunk(chunk, next));
  }
  RETURN_IF_ERROR(env_.sync_directory(directory_));
  return std::move(exported_);
}

// What no record in the journal, or gap between two, tells of.
Status ChunkExport::report_losses() {
  ASSIGN_OR_RETURN(const JournalInfo info, journal_.info());
  auto& damage = exported_.damage;
  if (journal_.chunks().empty() && info.chunks_left_out == 0) {
    damage.emplace_back("nothing of it is there, not even a chunk");
  }
  if (info.records_missing_in_front > 0) {
    damage.push_back(
        fmt::format("{} missing at its beginning, and nothing says that they were dropped",
                    counted(info.records_missing_in_front, "record")));
  }
  if (info.chunks_left_out > 0) {
    damage.push_back(fmt::format(
        "{} left out, with no place in it: set aside by a recovery, or damaged; how many records "
        "there were is not known (journal {:012x} in the store)",
        counted(info.chunks_left_out, "chunk"), journal_.id().value()));
  }
  if (!info.failure.empty()) damage.push_back(info.failure);
  return {};
}

Status ChunkExport::export_chunk(const ChunkInfo& chunk, RecordNumber end) {
  constexpr size_t kBatchRecordsMax = 4096;
  constexpr size_t kBatchBytesMax = size_t{4} << 20;
  const bool open = extent_.open_bytes > 0 && end == extent_.end.record;
  if (open) end = end - 1;
  ASSIGN_OR_RETURN(auto writer, RangeChunkWriter::create(env_, directory_, chunk.id));
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
  exported_.damage.push_back(fmt::format("{} from number {} on left out",
                                         counted(damaged_, "damaged record"),
                                         damaged_begin_.value()));
}

// Makes a directory and those above it, where they are missing; its name survives power loss then.
Status make_directories(Env& env, const Path& path) {
  Status made = env.make_directory(path);
  if (!made && made.error().code == Errc::kNotFound && path.has_parent_path()) {
    RETURN_IF_ERROR(make_directories(env, path.parent_path()));
    made = env.make_directory(path);
  }
  if (!made) return made.error().code == Errc::kExists ? Status() : made;
  return env.sync_directory(path.has_parent_path() ? path.parent_path() : Path("."));
}

}  // namespace

Result<RangeExport> RangeExport::open(const Path& root, Env& env) {
  RETURN_IF_ERROR(make_directories(env, root.filename() == "." ? root.parent_path() : root));
  ASSIGN_OR_RETURN(const Path top, behind_link(env, root));
  auto lock = env.lock_directory(top);
  if (!lock && lock.error().code == Errc::kLocked) {
    return Error{Errc::kLocked, 0, root.native() + ": another export to it is running"};
  }
  if (!lock) return std::move(lock).error();
  RangeExport opened(env, top, *std::move(lock));
  RETURN_IF_ERROR(opened.clear_staging());
  RETURN_IF_ERROR(check_export_root(top, env));
  return opened;
}

Result<ExportedJournal> RangeExport::export_journal(Store& store, const std::string& path,
                                                    const std::string& name,
                                                    const Progress& progress) {
  ASSIGN_OR_RETURN(const Path place, place_of(name));
  RETURN_IF_ERROR(check_free(root_ / place));
  ASSIGN_OR_RETURN(const auto journal, store.open(path));
  RETURN_IF_ERROR(env_->make_directory(staging()));
  auto exported = ChunkExport(*env_, *journal, staging(), progress).run();
  Status published = exported ? publish(place) : Status();
  if (exported && published) return exported;
  static_cast<void>(clear_staging());  // the next export does it again
  return exported ? std::move(published).error() : std::move(exported).error();
}

Path RangeExport::staging() const { return root_ / kStaging; }

Status RangeExport::clear_staging() const {
  auto files = env_->list(staging());
  if (!files && files.error().code == Errc::kNotFound) return {};
  if (!files) return std::move(files).error();
  const auto other = std::ranges::find_if_not(
      *files, [](const DirectoryEntry& file) { return is_chunk_file(file.name); });
  if (other != files->end()) {
    return refusal(Errc::kNotEmpty, (staging() / other->name).native() +
                                        " is in the way: exports are put together there");
  }
  for (const DirectoryEntry& file : *files) {
    RETURN_IF_ERROR(env_->remove_file(staging() / file.name));
  }
  return env_->remove_directory(staging());
}

Status RangeExport::check_free(const Path& place) const {
  auto there = env_->list(place, 0, 1);
  if (!there && there.error().code == Errc::kNotFound) return {};
  if (!there) return std::move(there).error();
  if (there->entries.empty()) return {};
  return refusal(Errc::kNotEmpty, place.native() + " is there already");
}

Status RangeExport::publish(const Path& place) const {
  const Path group = (root_ / place).parent_path();
  Status made = env_->make_directory(group);
  if (!made && made.error().code != Errc::kExists) return made;
  // Replaces an empty directory, but no other.
  RETURN_IF_ERROR(env_->rename(staging(), root_ / place, /*replace=*/true));
  Status synced = env_->sync_directory(group);
  if (synced) synced = env_->sync_directory(root_);
  // What may not survive power loss is taken back, so that the next export does it again.
  if (!synced) static_cast<void>(env_->rename(root_ / place, staging(), /*replace=*/false));
  return synced;
}

}  // namespace range::exchange
