#include "tests/support/checked_store.h"

#include <gtest/gtest.h>

#include <set>

#include "journal/chunk/format.h"

namespace range {

namespace {

// Small ones, soon: workloads of a few appends are to use everything there is.
const MappingSizes kMapping{.writes_before = 1,
                            .append_bytes_max = 1000,
                            .window_bytes_first = page_bytes(),
                            .window_bytes_max = 2 * page_bytes(),
                            .read_bytes_min = 1};

}  // namespace

CheckedStore::~CheckedStore() {
  journals_.clear();
  store_.reset();
}

CheckedStore& CheckedStore::operator=(CheckedStore&& other) noexcept {
  journals_ = std::move(other.journals_);
  store_ = std::move(other.store_);
  env_ = std::move(other.env_);
  model_ = std::move(other.model_);
  end_ = other.end_;
  return *this;
}

bool CheckedStore::done(const Status& status) {
  if (status) return true;
  EXPECT_TRUE(is_off()) << "failed without a fault: " << to_string(status.error());
  return false;
}

bool CheckedStore::open() {
  StoreOptions options;
  options.chunk_size = kChunkSize;
  auto store = LocalStore::open(*env_, kPath, options, /*background=*/false, kMapping);
  if (!done(store ? Status() : Status(store.error()))) return false;
  store_ = *std::move(store);
  if (is_off()) return false;
  const auto trash = env_->list(std::string(kPath) + "/trash");
  EXPECT_TRUE(trash && trash->empty()) << "something is left in the trash";
  settle(end_);
  end_ = End::kNone;
  return !testing::Test::HasFailure();
}

void CheckedStore::prune(size_t ids_drawn_max) {
  const auto oracle = env_->after_kill();
  std::set<std::string> needed;
  for (size_t i = 0; i < ids_drawn_max; ++i) {
    needed.insert(to_string(drawn_id(oracle->random())).substr(0, 2));
  }
  const Path chunks = Path(kPath) / "chunks";
  const auto found = env_->list(chunks);
  ASSERT_TRUE(found);
  for (const DirectoryEntry& entry : *found) {
    if (needed.contains(entry.name)) continue;
    ASSERT_TRUE(env_->remove_directory(chunks / entry.name));
  }
  ASSERT_TRUE(env_->sync_directory(chunks));
}

bool CheckedStore::close() {
  journals_.clear();
  if (!done(store_->close())) return false;
  store_.reset();
  model_.all_synced();
  return true;
}

void CheckedStore::check() { settle(End::kNone); }

void CheckedStore::settle(End end) {
  const std::string wrong = model_.settle(*store_, end);
  EXPECT_EQ(wrong, "") << env_->dump();
}

std::shared_ptr<Journal> CheckedStore::journal(const std::string& path) {
  auto& journal = journals_[model_.at(path).id];
  if (!journal) {
    auto opened = store_->open(JournalId(model_.at(path).id), path);
    EXPECT_TRUE(opened) << to_string(opened.error());
    journal = *std::move(opened);
  }
  return journal;
}

bool CheckedStore::create(const std::string& path, const Attributes& attributes) {
  if (is_off()) return false;
  auto created = store_->create(path, attributes);
  if (!created) {
    model_.create_tried(path);
    return done(created.error());
  }
  const uint64_t id = (*created)->id().value();
  model_.created(path, id, (*created)->attributes());
  journals_[id] = *std::move(created);
  return true;
}

bool CheckedStore::make_directory(const std::string& path, const Attributes& attributes) {
  if (is_off()) return false;
  Attributes stamped = attributes;
  stamped.created = env_->now();
  const auto entry = store_->make_directory(path, stamped);
  const bool made = done(entry ? Status() : Status(entry.error()));
  model_.directory_made(path, stamped, made);
  return made;
}

bool CheckedStore::append(const std::string& path, const std::string& text) {
  return !is_off() && done_unless(try_append(path, text));
}

std::optional<Error> CheckedStore::try_append(const std::string& path, const std::string& text) {
  const auto to = journal(path);
  model_.journal(path).begin({.parts = {text}, .framing = *to->attributes().framing});
  return finish_append(path, to->append(as_bytes(text)));
}

bool CheckedStore::append_records(const std::string& path,
                                  const std::vector<std::string>& records) {
  if (is_off()) return false;
  model_.journal(path).begin({.parts = records, .framed = false});
  std::vector<ConstBytes> parts;
  for (const std::string& record : records) parts.push_back(as_bytes(record));
  return done_unless(finish_append(path, journal(path)->append_records(parts)));
}

std::optional<Error> CheckedStore::finish_append(const std::string& path,
                                                 const Result<ByteOffset>& appended) {
  JournalModel& model = model_.journal(path);
  if (!appended) {
    if (appended.error().code == Errc::kNoSpace) model.refused();
    return appended.error();
  }
  const Extent extent = journal(path)->extent();
  EXPECT_EQ(extent.end.offset, *appended);
  model.returned(extent);
  return std::nullopt;
}

bool CheckedStore::sync(const std::string& path) {
  return !is_off() && done_unless(try_sync(path));
}

std::optional<Error> CheckedStore::try_sync(const std::string& path) {
  const auto synced = journal(path)->sync();
  if (!synced) return synced.error();
  EXPECT_EQ(synced->offset, journal(path)->extent().end.offset);
  model_.journal_synced(path);
  return std::nullopt;
}

bool CheckedStore::sync_all() { return !is_off() && done_unless(try_sync_all()); }

std::optional<Error> CheckedStore::try_sync_all() {
  if (const Status synced = store_->sync(); !synced) return synced.error();
  model_.all_synced();
  return std::nullopt;
}

bool CheckedStore::sync_and_reclaim() {
  if (is_off() || !done(store_->sync_and_reclaim())) return false;
  model_.all_synced();
  return true;
}

bool CheckedStore::trim(const std::string& path, size_t count) {
  return !is_off() && done_unless(try_trim(path, count));
}

std::optional<Error> CheckedStore::try_trim(const std::string& path, size_t count) {
  const auto from = journal(path);
  const std::vector<ChunkInfo> chunks = from->chunks();
  if (chunks.empty() || count == 0) return std::nullopt;
  JournalModel& model = model_.journal(path);
  const bool all = count >= chunks.size();
  const ChunkInfo& last = chunks[std::min(count, chunks.size()) - 1];
  const JournalModel::Begin begin{.record = (last.first_record + last.records).value(),
                                  .byte = (last.first_byte + last.bytes).value()};
  const Status status = from->trim(last.id);
  if (all) model.ended_record(status.has_value());
  model.trimmed(begin, status.has_value());
  return status ? std::nullopt : std::optional(status.error());
}

bool CheckedStore::remove(const std::string& path) {
  if (is_off()) return false;
  journals_.erase(model_.at(path).id);
  const bool removed = done(store_->remove(path));
  model_.removed(path, removed);
  return removed;
}

bool CheckedStore::remove_directory(const std::string& path) {
  if (is_off()) return false;
  const bool removed = done(store_->remove_directory(path));
  model_.removed(path, removed);
  return removed;
}

bool CheckedStore::rename(const std::string& from, const std::string& to) {
  if (is_off()) return false;
  journals_.erase(model_.at(to).id);
  const bool renamed = done(store_->rename(from, to, /*replace=*/true));
  model_.renamed(from, to, renamed);
  return renamed;
}

bool CheckedStore::set_attributes(const std::string& path, const Attributes& attributes) {
  if (is_off()) return false;
  const bool set = done(journal(path)->set_attributes(attributes));
  model_.attributes_set(path, attributes, set);
  return set;
}

bool CheckedStore::set_directory_attributes(const std::string& path, const Attributes& attributes) {
  if (is_off()) return false;
  const bool set = done(store_->set_directory_attributes(path, attributes));
  model_.attributes_set(path, attributes, set);
  return set;
}

}  // namespace range
