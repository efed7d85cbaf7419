#include "journal/exchange/import_range.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/cursor.h"
#include "journal/exchange/name_map.h"
#include "journal/exchange/range_chunk.h"
#include "journal/printable.h"

namespace range::exchange {

namespace {

// The records of all chunks of a journal, one chunk after the other.
class Source {
 public:
  Source(Env& env, const std::vector<RangeChunk>& chunks, Findings& findings)
      : env_(env), chunks_(chunks), findings_(findings) {}

  // As RangeChunkReader::next(), for the whole journal.
  Result<std::span<const ConstBytes>> next();

 private:
  Status open();

  Env& env_;
  const std::vector<RangeChunk>& chunks_;
  Findings& findings_;
  size_t at_ = 0;  // in chunks_
  std::optional<RangeChunkReader> reader_;
};

Result<std::span<const ConstBytes>> Source::next() {
  for (; at_ < chunks_.size(); ++at_, reader_.reset()) {
    if (!reader_) RETURN_IF_ERROR(open());
    ASSIGN_OR_RETURN(const auto records, reader_->next());
    if (!records.empty()) return records;
  }
  return std::span<const ConstBytes>();
}

Status Source::open() {
  const auto behind = std::span(chunks_).subspan(at_ + 1);
  const bool last = std::ranges::none_of(behind, &RangeChunk::has_something);
  ASSIGN_OR_RETURN(reader_, RangeChunkReader::open(env_, chunks_[at_], last, findings_));
  return {};
}

// Checks that a journal holds the records it is given, one after the other from its first.
class Comparison {
 public:
  explicit Comparison(std::shared_ptr<Journal> journal) : cursor_(std::move(journal)) {}

  // What is wrong with it; nothing if it does hold `records`. Errors: those of reading.
  Result<std::optional<std::string>> difference(std::span<const ConstBytes> records);

 private:
  Cursor cursor_;
  RecordNumber next_;
};

Result<std::optional<std::string>> Comparison::difference(std::span<const ConstBytes> records) {
  for (const ConstBytes expected : records) {
    ASSIGN_OR_RETURN(const auto found, cursor_.next());
    if (!found) return std::optional(fmt::format("record {} is missing", next_.value()));
    if (found->number != next_) {
      return std::optional(fmt::format("record {} is not kept any more", next_.value()));
    }
    if (as_text(found->bytes) != as_text(expected)) {
      return std::optional(fmt::format("record {} differs", next_.value()));
    }
    next_ += 1;
  }
  return std::optional<std::string>();
}

Error other_contents(const std::string& why) {
  return refusal(Errc::kNotPermitted, "the store has such a journal with other contents: " + why);
}

Attributes attributes_of_new(uint32_t mode) {
  Attributes attributes;
  attributes.mode = mode;
  attributes.uid = ::geteuid();
  attributes.gid = ::getegid();
  attributes.created =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return attributes;
}

// Makes the directories that `path` needs.
Status make_parents(Store& store, const std::string& path) {
  for (size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string_view parent = std::string_view(path).substr(0, slash);
    ASSIGN_OR_RETURN(const auto entry, store.look_up(parent));
    if (!entry) RETURN_IF_ERROR(store.make_directory(parent, attributes_of_new(0755)));
    if (entry && entry->kind != EntryKind::kDirectory) {
      return refusal(Errc::kInvalid, fmt::format("{} is a journal in the store", parent));
    }
  }
  return {};
}

Result<std::shared_ptr<Journal>> open_target(Store& store, const std::string& name) {
  // Before there are directories for a name that is invalid.
  RETURN_IF_ERROR(check_store_name(name));
  RETURN_IF_ERROR(make_parents(store, name));
  ASSIGN_OR_RETURN(const auto entry, store.look_up(name));
  if (entry && entry->kind == EntryKind::kDirectory) {
    return refusal(Errc::kInvalid, "it is a directory in the store");
  }
  Attributes attributes = attributes_of_new(0644);
  attributes.framing = Framing::kWrite;
  return store.get_or_create(name, attributes);
}

class Import {
 public:
  Import(Env& env, std::shared_ptr<Journal> journal, RangeChunks source, const Progress& progress)
      : env_(env),
        journal_(std::move(journal)),
        chunks_(std::move(source.chunks)),
        progress_(progress) {
    imported_.chunks = static_cast<uint64_t>(std::ranges::count_if(
        chunks_, [](const RangeChunk& chunk) { return chunk.data_bytes > 0; }));
    imported_.notes = std::move(source.notes);
  }

  Result<ImportedJournal> run();

 private:
  Status check_target() const;
  Status copy();
  Status compare_old(Comparison& old, std::span<const ConstBytes> records) const;
  Status append_new(std::span<const ConstBytes> records);
  void count(std::span<const ConstBytes> records);
  Status verify() const;

  Env& env_;
  const std::shared_ptr<Journal> journal_;
  const std::vector<RangeChunk> chunks_;
  const Progress& progress_;
  ImportedJournal imported_;
};

Result<ImportedJournal> Import::run() {
  RETURN_IF_ERROR(check_target());
  imported_.records_before = journal_->extent().end.record.value();
  RETURN_IF_ERROR(copy());
  if (imported_.records_before > imported_.records) {
    return other_contents(fmt::format("it has {}, the source {}",
                                      counted(imported_.records_before, "record"),
                                      imported_.records));
  }
  RETURN_IF_ERROR(journal_->sync());
  // Else all of it was just compared.
  if (imported_.records > imported_.records_before) RETURN_IF_ERROR(verify());
  return std::move(imported_);
}

Status Import::check_target() const {
  const Extent extent = journal_->extent();
  if (extent.open_bytes > 0) return other_contents("it ends in the middle of a line");
  if (extent.begin.record != RecordNumber()) {
    return other_contents(fmt::format("{} at its beginning not kept any more",
                                      counted(extent.begin.record.value(), "record")));
  }
  return {};
}

Status Import::copy() {
  Source source(env_, chunks_, imported_);
  Comparison old(journal_);
  while (true) {
    ASSIGN_OR_RETURN(const auto records, source.next());
    if (records.empty()) return {};
    const uint64_t before =
        imported_.records_before - std::min(imported_.records_before, imported_.records);
    const size_t known = std::min<uint64_t>(records.size(), before);
    RETURN_IF_ERROR(compare_old(old, records.first(known)));
    RETURN_IF_ERROR(append_new(records.subspan(known)));
    count(records);
  }
}

Status Import::compare_old(Comparison& old, std::span<const ConstBytes> records) const {
  ASSIGN_OR_RETURN(const auto difference, old.difference(records));
  return difference ? Status(other_contents(*difference)) : Status();
}

Status Import::append_new(std::span<const ConstBytes> records) {
  if (records.empty()) return {};
  RETURN_IF_ERROR(journal_->append_records(records));
  return {};
}

void Import::count(std::span<const ConstBytes> records) {
  uint64_t bytes = 0;
  for (const ConstBytes record : records) bytes += record.size();
  imported_.records += records.size();
  imported_.bytes += bytes;
  if (progress_) progress_(records.size(), bytes);
}

// Reads everything once more, the source as well.
Status Import::verify() const {
  Findings told_before;
  Source source(env_, chunks_, told_before);
  Comparison comparison(journal_);
  uint64_t again = 0;
  while (true) {
    ASSIGN_OR_RETURN(const auto records, source.next());
    if (records.empty()) break;
    again += records.size();
    ASSIGN_OR_RETURN(const auto difference, comparison.difference(records));
    if (difference) {
      return refusal(Errc::kCorrupt, "read back: " + *difference);
    }
  }
  const uint64_t stored = journal_->extent().end.record.value();
  if (again == stored) return {};
  return refusal(Errc::kCorrupt, fmt::format("{} in the store, {} in the source: one has changed",
                                             counted(stored, "record"), again));
}

}  // namespace

Result<ImportedJournal> import_journal(Store& store, const RangeJournal& source,
                                       const Progress& progress, Env& env) {
  ASSIGN_OR_RETURN(RangeChunks chunks, list_chunks(source.directory, env));
  ASSIGN_OR_RETURN(auto journal, open_target(store, source.name));
  return Import(env, std::move(journal), std::move(chunks), progress).run();
}

}  // namespace range::exchange
