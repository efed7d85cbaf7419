#include "journal/guarded_store.h"

#include <utility>

namespace range {

GuardedStore::GuardedStore(std::unique_ptr<Store> store, std::string path)
    : store_(std::move(store)), path_(std::move(path)) {}

GuardedStore::~GuardedStore() {
  if (!here_) static_cast<void>(store_.release());
}

Result<std::optional<Entry>> GuardedStore::look_up(std::string_view path) {
  return guarded([&] { return store_->look_up(path); });
}

Result<std::shared_ptr<Journal>> GuardedStore::find_open(JournalId id, std::string_view path) {
  return guarded([&] { return store_->find_open(id, path); });
}

Result<std::shared_ptr<Journal>> GuardedStore::open(JournalId id, std::string_view path) {
  return guarded([&] { return store_->open(id, path); });
}

Result<std::shared_ptr<Journal>> GuardedStore::create(std::string_view path,
                                                      const Attributes& attributes) {
  return guarded([&] { return store_->create(path, attributes); });
}

Result<Entry> GuardedStore::make_directory(std::string_view path, const Attributes& attributes) {
  return guarded([&] { return store_->make_directory(path, attributes); });
}

Status GuardedStore::remove(std::string_view path) {
  return guarded([&] { return store_->remove(path); });
}

Status GuardedStore::remove_directory(std::string_view path) {
  return guarded([&] { return store_->remove_directory(path); });
}

Status GuardedStore::sync_names(std::string_view path) {
  return guarded([&] { return store_->sync_names(path); });
}

Status GuardedStore::rename(std::string_view from, std::string_view to, bool replace) {
  return guarded([&] { return store_->rename(from, to, replace); });
}

Result<NamesPage> GuardedStore::list(std::string_view directory, uint64_t from,
                                     size_t entries_max) {
  return guarded([&] { return store_->list(directory, from, entries_max); });
}

Result<Attributes> GuardedStore::directory_attributes(std::string_view path) {
  return guarded([&] { return store_->directory_attributes(path); });
}

Status GuardedStore::set_directory_attributes(std::string_view path, const Attributes& attributes) {
  return guarded([&] { return store_->set_directory_attributes(path, attributes); });
}

Result<Framing> GuardedStore::framing_in(std::string_view directory) {
  return guarded([&] { return store_->framing_in(directory); });
}

Status GuardedStore::set_directory_modified(std::string_view path, Timestamp modified) {
  return guarded([&] { return store_->set_directory_modified(path, modified); });
}

Status GuardedStore::apply_retention() {
  return guarded([&] { return store_->apply_retention(); });
}

Status GuardedStore::sync() {
  return guarded([&] { return store_->sync(); });
}

Result<Space> GuardedStore::space() {
  return guarded([&] { return store_->space(); });
}

Status GuardedStore::close() {
  return guarded([&] { return store_->close(); });
}

}  // namespace range
