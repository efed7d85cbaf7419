#include "journal/local/local_journal.h"

#include <utility>

#include "journal/base/result_macros.h"
#include "journal/printable.h"

namespace range {

namespace {

// A journal that has lost its attributes goes on as its records are.
Framing framing_of_last(const RecoveredJournal& recovered) {
  return recovered.chunks.empty() ? Framing::kLine : recovered.chunks.back().framing;
}

// The copy in a process that is forked is left as it is: who holds its mutexes and waits for its
// conditions is not there.
std::shared_ptr<LocalJournal> owned(LocalJournal* journal) {
  return {journal, [here = OfThisProcess()](LocalJournal* last) {
            if (here) delete last;
          }};
}

}  // namespace

Result<std::shared_ptr<LocalJournal>> LocalJournal::open(const JournalContext& context,
                                                         JournalId id, std::string path) {
  const Path directory = context.names.journal_directory(id);
  auto files = list_journal(context.env, context.log, directory);
  if (!files && files.error().code == Errc::kNotFound) {
    files = JournalFiles();  // power was lost before the journal was synced
  }
  if (!files) return std::move(files).error();
  Result<Attributes> attributes = Error{Errc::kNotFound, 0, directory.string()};
  if (files->attributes) {
    attributes = context.names.journal_attributes(id);
    if (!attributes && attributes.error().code != Errc::kCorrupt) return attributes.error();
  }
  ASSIGN_OR_RETURN(const auto failed_at, context.names.failure_noted(id));
  ASSIGN_OR_RETURN(RecoveredJournal recovered,
                   examine_journal(context.env, context.log, context.files, directory, id, *files,
                                   path, failed_at));
  // A file that is damaged may have said something else than the chunks do.
  if (!files->attributes && recovered.attributes) attributes = *recovered.attributes;
  if (!attributes) {
    context.log.warn(
        "{}: attributes of a journal are missing or damaged; only its owner may use it",
        printable(to_string(attributes.error())));
  }
  auto journal =
      owned(new LocalJournal(context, id, std::move(path), attributes, std::move(recovered)));
  journal->state_.journal = journal;
  return journal;
}

Result<std::shared_ptr<ChunkWriter>> LocalJournal::begin(const JournalContext& context,
                                                         JournalId id,
                                                         const Attributes& attributes) {
  const Time now = context.clock.now();
  const ChunkHeader header{.journal = id,
                           .chunk = chunk_id_at(now, context.options.host_id),
                           .framing = attributes.framing.value_or(Framing::kLine),
                           .first_record = {},
                           .first_byte = {},
                           .start = now,
                           .boot_id = context.boot_id};
  return ChunkWriter::create(context.env, context.files, context.names.journal_directory(id),
                             header, attributes, context.mapping);
}

std::shared_ptr<LocalJournal> LocalJournal::create(const JournalContext& context, std::string path,
                                                   const Attributes& attributes,
                                                   const Retention& retention,
                                                   std::shared_ptr<ChunkWriter> first) {
  auto journal = owned(new LocalJournal(context, first->header().journal, std::move(path),
                                        attributes, RecoveredJournal()));
  journal->state_.journal = journal;
  MutexLock appending(journal->appender_.appending());
  journal->appender_.begin(std::move(first), retention);
  return journal;
}

LocalJournal::LocalJournal(const JournalContext& context, JournalId id, std::string path,
                           const Result<Attributes>& attributes, RecoveredJournal recovered)
    : state_(context, id, std::move(path), recovered),
      attributes_(attributes, framing_of_last(recovered)),
      reader_(state_),
      syncer_(state_),
      appender_(state_, attributes_, syncer_,
                std::make_unique<JournalRepair>(state_, attributes_, std::move(recovered))),
      trimmer_(state_, appender_, syncer_, reader_),
      check_(state_) {}

// Of calls in a process that this one is not of: nothing there may be touched, the path included.
Error LocalJournal::forked() const { return forked_error("journal " + to_string(state_.id)); }

Result<ByteOffset> LocalJournal::append(ConstBytes data, std::optional<ByteOffset> at) {
  if (!here_) return forked();
  return appender_.append({&data, data.empty() ? size_t{0} : size_t{1}}, true, at);
}

Result<ByteOffset> LocalJournal::append_records(std::span<const ConstBytes> records) {
  if (!here_) return forked();
  return appender_.append(records, false, std::nullopt);
}

Extent LocalJournal::extent() const {
  if (!here_) return {};
  Extent extent;
  {
    MutexLock lock(state_.mutex);
    extent = {.begin = state_.table.begin(),
              .end = state_.table.end(),
              .synced = state_.synced.offset,
              .open_bytes = state_.table.end_of_last().open_bytes,
              .last_time = state_.table.time_of_end()};
  }
  if (extent.end.record == RecordNumber()) extent.last_time = attributes_.get().created;
  return extent;
}

Result<size_t> LocalJournal::read(ByteOffset from, MutableBytes into) {
  if (!here_) return forked();
  return reader_.read(from, into);
}

Result<std::optional<size_t>> LocalJournal::read_at_once(ByteOffset from, MutableBytes into) {
  if (!here_) return forked();
  return reader_.read_at_once(from, into);
}

Status LocalJournal::read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                                  RecordBatch& batch) {
  if (!here_) return forked();
  return reader_.read_records(first, records_max, bytes_max, ChunkSource::of(batch, *this), batch);
}

Result<Location> LocalJournal::seek(const PositionSpec& spec, RecordNumber here) {
  if (!here_) return forked();
  return reader_.seek(spec, here);
}

Result<bool> LocalJournal::wait_for_byte(ByteOffset offset, Deadline deadline,
                                         const std::stop_token& stop) {
  if (!here_) return forked();
  return reader_.wait_for_byte(offset, deadline, stop);
}

Result<bool> LocalJournal::wait_for_record(RecordNumber record, Deadline deadline,
                                           const std::stop_token& stop) {
  if (!here_) return forked();
  return reader_.wait_for_record(record, deadline, stop);
}

Result<Location> LocalJournal::sync() {
  if (!here_) return forked();
  if (state_.context.options.read_only) return state_.end();
  RETURN_IF_ERROR(state_.life.failure());
  if (state_.life.stage() != JournalLife::Stage::kReady) {
    MutexLock appending(appender_.appending());
    RETURN_IF_ERROR(appender_.make_ready());
  }
  return syncer_.sync();
}

Status LocalJournal::trim(ChunkId last, const ChunkVisitor& visit) {
  if (!here_) return forked();
  return trimmer_.trim(last, visit);
}

Status LocalJournal::apply_retention() {
  if (!here_) return forked();
  return trimmer_.apply_retention();
}

std::vector<ChunkInfo> LocalJournal::chunks() const {
  if (!here_) return {};
  return state_.chunks();
}

Result<JournalInfo> LocalJournal::info() {
  if (!here_) return forked();
  JournalInfo info;
  if (const Status failure = state_.life.failure(); !failure) {
    info.failure = to_string(failure.error());
  }
  if (state_.life.unreadable()) info.failure = to_string(appender_.end_unreadable());
  const auto attributes = attributes_.known();
  if (!attributes) info.attributes_lost = to_string(attributes.error());
  {
    MutexLock lock(state_.mutex);
    info.torn_tails = state_.torn_tails;
    info.chunks_left_out = state_.left_out.size();
    info.records_missing_in_front = state_.missing_in_front;
  }
  info.clock_ahead = state_.context.clock.ahead();
  for (const ChunkInfo& chunk : state_.chunks()) {
    ++info.chunks;
    for (const char* extension : {".dat", ".idx"}) {
      const Path path = state_.directory / chunk_file_name(chunk.id, extension);
      const auto stat = state_.context.env.stat(path);
      if (stat) info.disk_bytes += stat->disk_bytes;
    }
  }
  return info;
}

Attributes LocalJournal::attributes() const {
  if (!here_) return {};
  return attributes_.get();
}

Status LocalJournal::set_attributes(const Attributes& changed) {
  if (!here_) return forked();
  if (!changed.framing || changed.mode > 07777) {
    return Error{Errc::kInvalid, 0, state_.current_path()};
  }
  MutexLock appending(appender_.appending());
  RETURN_IF_ERROR(appender_.make_ready());
  if (attributes_.take_times_if_lost(changed)) return {};
  read_attributes_again();
  ASSIGN_OR_RETURN(const Attributes attributes, attributes_.rebased(changed));
  RETURN_IF_ERROR(appender_.change_framing(*attributes.framing, [&] {
    return state_.context.names.set_journal_attributes(state_.id, attributes);
  }));
  attributes_.take_stored(attributes);
  state_.queue_trim();
  return {};
}

void LocalJournal::read_attributes_again() {
  if (!attributes_.may_be_readable()) return;
  if (attributes_.take_read(stored_attributes(state_.context, state_.id))) state_.queue_trim();
}

Result<Attributes> LocalJournal::stored_attributes(const JournalContext& context, JournalId id) {
  auto file = context.names.journal_attributes(id);
  if (file || file.error().code != Errc::kNotFound) return file;
  return read_attributes_of_chunks(context.env, context.log, context.names.journal_directory(id));
}

std::string LocalJournal::path() const { return state_.current_path(); }

void LocalJournal::set_path(std::string path) {
  MutexLock lock(state_.mutex);
  state_.path = std::move(path);
}

Status LocalJournal::check_once() { return check_.run_once(shared_from_this()); }

}  // namespace range
