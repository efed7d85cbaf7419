#include "journal/local/local_journal.h"

#include <utility>

#include "journal/base/printable.h"
#include "journal/base/result_macros.h"
#include "journal/cursor.h"

namespace range {

namespace {

// Of a journal that has lost its own: only its owner may use it. It goes on as its records are.
Attributes closed_attributes(const RecoveredJournal& recovered) {
  Attributes closed;
  closed.mode = 0600;
  closed.framing = recovered.chunks.empty() ? Framing::kLine : recovered.chunks.back().framing;
  return closed;
}

// `base` with what a caller has changed in `known`.
Attributes with_changes(Attributes base, const Attributes& known, const Attributes& changed) {
  const auto take = [&](auto Attributes::*member) {
    if (changed.*member != known.*member) base.*member = changed.*member;
  };
  take(&Attributes::mode);
  take(&Attributes::uid);
  take(&Attributes::gid);
  take(&Attributes::created);
  take(&Attributes::framing);
  take(&Attributes::keep);
  take(&Attributes::max_bytes);
  take(&Attributes::max_records);
  take(&Attributes::max_age);
  take(&Attributes::changed);
  take(&Attributes::modified);
  return base;
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
  return owned(new LocalJournal(context, id, std::move(path), attributes, std::move(recovered)));
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
  journal->prepared_ = true;
  journal->chunk_limits_ = chunk_limits(retention, context.options.chunk_size);
  journal->take_on(std::move(first));
  return journal;
}

LocalJournal::LocalJournal(const JournalContext& context, JournalId id, std::string path,
                           const Result<Attributes>& attributes, RecoveredJournal recovered)
    : context_(context),
      id_(id),
      directory_(context.names.journal_directory(id)),
      unreadable_(recovered.unreadable),
      recovered_(std::move(recovered)),
      chunk_limits_{.bytes = context.options.chunk_size},
      path_(std::move(path)),
      attributes_(attributes ? *attributes : closed_attributes(recovered_)),
      attributes_lost_(attributes ? std::nullopt : std::optional(attributes.error())),
      torn_tails_(recovered_.torn_tails),
      left_out_(recovered_.left_out) {
  if (attributes_lost_) stand_in_ = attributes_;
  framing_ = attributes_.framing.value_or(Framing::kLine);
  for (const ChunkHeader& header : recovered_.chunks) table_.push_back(header);
  table_.set_end(recovered_.end);
  if (!table_.empty()) missing_in_front_ = table_.begin().record - recovered_.begin.record;
  synced_ = table_.end();
  if (recovered_.unsure.empty()) return;
  // What the newest mark vouches for, no more.
  const ChunkScan& first = recovered_.unsure.front();
  const ChunkEnd marked = first.mark ? first.mark->end : ChunkEnd();
  synced_.offset = std::min(first.header->first_byte + marked.bytes, table_.end().offset);
  synced_.record = std::min(first.header->first_record + marked.records, table_.end().record);
}

Extent LocalJournal::extent() const {
  if (!here_) return {};
  MutexLock lock(mutex_);
  return {.begin = table_.begin(),
          .end = table_.end(),
          .synced = synced_.offset,
          .open_bytes = table_.end_of_last().open_bytes,
          .last_time =
              table_.end().record == RecordNumber() ? attributes_.created : table_.time_of_end()};
}

std::string LocalJournal::path() const {
  MutexLock lock(mutex_);
  return path_;
}

void LocalJournal::set_path(std::string path) {
  MutexLock lock(mutex_);
  path_ = std::move(path);
}

Attributes LocalJournal::attributes() const {
  if (!here_) return {};
  MutexLock lock(mutex_);
  return attributes_;
}

Result<Attributes> LocalJournal::known_attributes() const {
  MutexLock lock(mutex_);
  if (attributes_lost_) return *attributes_lost_;
  return attributes_;
}

Result<Attributes> LocalJournal::stored_attributes(const JournalContext& context, JournalId id) {
  auto file = context.names.journal_attributes(id);
  if (file || file.error().code != Errc::kNotFound) return file;
  return read_attributes_of_chunks(context.env, context.log, context.names.journal_directory(id));
}

void LocalJournal::read_attributes_again() {
  const auto known = known_attributes();
  if (known || known.error().sys_errno == 0) return;
  const auto read = stored_attributes(context_, id_);
  {
    MutexLock lock(mutex_);
    if (!attributes_lost_) return;
    if (!read) {
      attributes_lost_ = read.error();  // it may be damage by now
      return;
    }
    const Timestamp changed = attributes_.changed;
    const std::optional<Attributes::Modified> modified = attributes_.modified;
    attributes_ = *read;
    // Times that were set meanwhile.
    if (changed != Timestamp()) attributes_.changed = changed;
    if (modified) attributes_.modified = modified;
    attributes_lost_.reset();
    framing_ = attributes_.framing.value_or(Framing::kLine);
  }
  queue_trim();
}

// What is to be stored for a caller who has changed attributes(). What cannot be read now may be
// readable later, and must not be written over with what stands for it.
Result<Attributes> LocalJournal::rebased(const Attributes& attributes) {
  read_attributes_again();
  MutexLock lock(mutex_);
  if (attributes_lost_ && attributes_lost_->sys_errno != 0) return *attributes_lost_;
  // Nobody changes `created`: it tells what the caller has changed.
  if (!stand_in_ || attributes.created != stand_in_->created) return attributes;
  return with_changes(attributes_, *stand_in_, attributes);
}

Status LocalJournal::set_attributes(const Attributes& changed) {
  if (!here_) return forked();
  if (!changed.framing || changed.mode > 07777) return Error{Errc::kInvalid, 0, path()};
  std::lock_guard appending(append_mutex_);
  RETURN_IF_ERROR(prepare());
  if (are_lost_but_for_times(changed)) return {};
  ASSIGN_OR_RETURN(const Attributes attributes, rebased(changed));
  // Another framing closes the record that is open, if it can be had.
  std::shared_ptr<ChunkWriter> next;
  if (attributes.framing != framing_ && extent().open_bytes > 0) {
    ASSIGN_OR_RETURN(next, begin_next(append_time(), *attributes.framing));
  }
  if (Status stored = context_.names.set_journal_attributes(id_, attributes); !stored) {
    if (next) RETURN_IF_ERROR(discard_next(*next));
    return stored;
  }
  if (next) go_on_in(std::move(next));
  {
    MutexLock lock(mutex_);
    attributes_ = attributes;
    if (attributes_lost_) stand_in_.reset();
    attributes_lost_.reset();
  }
  framing_ = *attributes.framing;
  queue_trim();
  return {};
}

// Lost attributes must not pass for set ones, and old records be dropped by what is above, because
// of times that were set. These hold as long as the journal is open.
bool LocalJournal::are_lost_but_for_times(const Attributes& attributes) {
  MutexLock lock(mutex_);
  if (!attributes_lost_) return false;
  Attributes others = attributes;
  others.changed = attributes_.changed;
  others.modified = attributes_.modified;
  if (others != attributes_) return false;
  attributes_ = attributes;
  return true;
}

std::vector<ChunkInfo> LocalJournal::chunks() const {
  if (!here_) return {};
  MutexLock lock(mutex_);
  std::vector<ChunkInfo> chunks;
  chunks.reserve(table_.size());
  for (size_t i = 0; i < table_.size(); ++i) {
    const ChunkHeader& header = table_.header(i);
    const ChunkEnd end = table_.end_of(i);
    chunks.push_back({.id = header.chunk,
                      .first_record = header.first_record,
                      .records = end.records,
                      .first_byte = header.first_byte,
                      .bytes = end.bytes,
                      .start = header.start});
  }
  return chunks;
}

Result<JournalInfo> LocalJournal::info() {
  if (!here_) return forked();
  JournalInfo info;
  {
    MutexLock lock(mutex_);
    if (failure_) info.failure = to_string(*failure_);
    if (attributes_lost_) info.attributes_lost = to_string(*attributes_lost_);
    info.torn_tails = torn_tails_;
    info.chunks_left_out = left_out_.size();
    info.records_missing_in_front = missing_in_front_;
  }
  if (unreadable_) info.failure = to_string(end_unreadable());
  info.clock_ahead = context_.clock.ahead();
  for (const ChunkInfo& chunk : chunks()) {
    ++info.chunks;
    for (const char* extension : {".dat", ".idx"}) {
      const auto stat = context_.env.stat(directory_ / chunk_file_name(chunk.id, extension));
      if (stat) info.disk_bytes += stat->disk_bytes;
    }
  }
  return info;
}

Status LocalJournal::check_once() {
  const std::lock_guard checking(check_mutex_);
  if (checked_) return {};
  Cursor cursor(shared_from_this());
  uint64_t damaged = 0;
  uint64_t unreadable = 0;
  for (;;) {
    const RecordNumber at = cursor.record();
    const auto record = cursor.next();
    if (record && !*record) break;
    if (record) continue;
    // Behind what cannot be passed over nothing is known.
    if (cursor.record() == at) return record.error();
    const bool read = record.error().code == Errc::kCorrupt && record.error().sys_errno == 0;
    ++(read ? damaged : unreadable);
  }
  checked_ = unreadable == 0;
  if (checked_) {
    context_.log.info("journal {}: checked, {} damaged records", printable(path()), damaged);
  } else {
    context_.log.error(
        "journal {}: {} damaged records, and {} that cannot be read: to be checked again",
        printable(path()), damaged, unreadable);
  }
  return {};
}

}  // namespace range
