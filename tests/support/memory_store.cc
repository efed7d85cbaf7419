#include "tests/support/memory_store.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/local/names.h"

namespace range {

namespace {

Error failed(Errc code, std::string_view what) { return Error{code, 0, std::string(what)}; }

bool is_below(std::string_view path, std::string_view directory) {
  if (directory.empty()) return !path.empty();
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

}  // namespace

MemoryStore::MemoryStore(StoreOptions options) : options_(std::move(options)) {
  Node& root = tree_[""];
  root.entry = {EntryKind::kDirectory, 1, {}, {}};
  root.directory.mode = 0755;
}

MemoryStore::Node* MemoryStore::find(std::string_view path) {
  const auto it = tree_.find(path);
  return it == tree_.end() ? nullptr : &it->second;
}

// No two changes have the same time.
Timestamp MemoryStore::tick() {
  const Timestamp now = std::chrono::system_clock::now();
  last_tick_ = std::max(now, last_tick_ + std::chrono::nanoseconds(1));
  return last_tick_;
}

void MemoryStore::touch(std::string_view directory) {
  Entry& entry = find(directory)->entry;
  entry.modified = entry.changed = tick();
}

Status MemoryStore::check_parent(std::string_view path) {
  const Node* parent = find(parent_of(path));
  if (parent == nullptr) return failed(Errc::kNotFound, path);
  if (parent->entry.kind != EntryKind::kDirectory) return failed(Errc::kInvalid, path);
  return {};
}

Status MemoryStore::check_free(std::string_view path) {
  RETURN_IF_ERROR(check_parent(path));
  if (find(path) != nullptr) return failed(Errc::kExists, path);
  return {};
}

Result<std::optional<Entry>> MemoryStore::look_up(std::string_view path) {
  const std::lock_guard lock(mutex_);
  const Node* node = find(path);
  return node == nullptr ? std::nullopt : std::optional(node->entry);
}

Result<std::shared_ptr<Journal>> MemoryStore::find_open(JournalId id, std::string_view name) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_.contains(id)) return std::shared_ptr<Journal>();
  }
  return open(id, name);
}

void MemoryStore::close_journals() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, journal] : journals_) closed_.insert(id);
}

Status MemoryStore::sync_names(std::string_view path) {
  ASSIGN_OR_RETURN(const auto entry, look_up(path));
  if (entry && entry->kind == EntryKind::kDirectory && on_wait) on_wait();
  return {};
}

Result<std::shared_ptr<Journal>> MemoryStore::open(JournalId id, std::string_view name) {
  const auto waits = [&] {
    const std::lock_guard lock(mutex_);
    return closed_.contains(id);
  };
  if (waits() && on_wait) on_wait();
  const std::lock_guard lock(mutex_);
  closed_.erase(id);
  ++opens_;
  if (const auto it = journals_.find(id); it != journals_.end()) {
    return std::shared_ptr<Journal>(it->second);
  }
  if (const auto it = removed_.find(id); it != removed_.end()) {
    if (auto journal = it->second.lock()) return std::shared_ptr<Journal>(std::move(journal));
  }
  return failed(Errc::kNotFound, name);
}

Framing MemoryStore::framing_set_in(std::string_view directory) {
  while (true) {
    if (const auto framing = find(directory)->directory.framing) return *framing;
    if (directory.empty()) return options_.framing;
    directory = parent_of(directory);
  }
}

Result<std::shared_ptr<Journal>> MemoryStore::create(std::string_view path,
                                                     const Attributes& attributes) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(check_free(path));
  Attributes resolved = attributes;
  if (!resolved.framing) resolved.framing = framing_set_in(parent_of(path));
  const JournalId id(++last_id_);
  const auto journal = std::make_shared<MemoryJournal>(id, resolved);
  journals_[id] = journal;
  tree_[std::string(path)] = Node{{EntryKind::kJournal, id.value(), {}, {}}, {}};
  touch(parent_of(path));
  return std::shared_ptr<Journal>(journal);
}

Result<Entry> MemoryStore::make_directory(std::string_view path, const Attributes& attributes) {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(check_free(path));
  tree_[std::string(path)] = Node{{EntryKind::kDirectory, ++last_id_, {}, {}}, attributes};
  touch(path);
  touch(parent_of(path));
  return find(path)->entry;
}

bool MemoryStore::kept(std::string_view path, const MemoryJournal& journal) {
  if (const auto keep = journal.attributes().keep) return *keep;
  while (!path.empty()) {
    path = parent_of(path);
    if (const auto keep = find(path)->directory.keep) return *keep;
  }
  return false;
}

Status MemoryStore::remove(std::string_view path) {
  const std::lock_guard lock(mutex_);
  const Node* node = find(path);
  if (node == nullptr) return failed(Errc::kNotFound, path);
  if (node->entry.kind != EntryKind::kJournal) return failed(Errc::kInvalid, path);
  const auto it = journals_.find(JournalId(node->entry.id));
  if (kept(path, *it->second) && it->second->extent().end.record > RecordNumber(0)) {
    return failed(Errc::kNotPermitted, path);
  }
  removed_[it->first] = it->second;
  journals_.erase(it);
  tree_.erase(tree_.find(path));
  touch(parent_of(path));
  return {};
}

bool MemoryStore::has_entries(std::string_view directory) const {
  return std::ranges::any_of(tree_,
                             [&](const auto& item) { return is_below(item.first, directory); });
}

Status MemoryStore::remove_directory(std::string_view path) {
  if (on_wait) on_wait();
  const std::lock_guard lock(mutex_);
  const Node* node = find(path);
  if (node == nullptr) return failed(Errc::kNotFound, path);
  if (path.empty() || node->entry.kind != EntryKind::kDirectory) {
    return failed(Errc::kInvalid, path);
  }
  if (has_entries(path)) return failed(Errc::kNotEmpty, path);
  tree_.erase(tree_.find(path));
  touch(parent_of(path));
  return {};
}

Status MemoryStore::make_room(std::string_view to, const Node& moved, bool replace) {
  const Node* target = find(to);
  if (target == nullptr) return {};
  if (!replace) return failed(Errc::kExists, to);
  if (target->entry.kind != moved.entry.kind) return failed(Errc::kInvalid, to);
  if (has_entries(to)) return failed(Errc::kNotEmpty, to);
  if (target->entry.kind == EntryKind::kJournal) {
    const auto it = journals_.find(JournalId(target->entry.id));
    if (it->second->extent().end.record > RecordNumber(0)) {
      return failed(Errc::kNotPermitted, to);
    }
    removed_[it->first] = it->second;
    journals_.erase(it);
  }
  tree_.erase(tree_.find(to));
  return {};
}

Status MemoryStore::rename(std::string_view from, std::string_view to, bool replace) {
  const std::lock_guard lock(mutex_);
  const Node* found = find(from);
  if (found == nullptr) return failed(Errc::kNotFound, from);
  if (is_below(to, from)) return failed(Errc::kInvalid, to);
  RETURN_IF_ERROR(check_parent(to));
  RETURN_IF_ERROR(make_room(to, *found, replace));
  std::map<std::string, Node, std::less<>> moved;
  for (auto it = tree_.begin(); it != tree_.end();) {
    if (it->first != from && !is_below(it->first, from)) {
      ++it;
      continue;
    }
    moved[std::string(to) + it->first.substr(from.size())] = it->second;
    it = tree_.erase(it);
  }
  tree_.merge(moved);
  touch(parent_of(from));
  touch(parent_of(to));
  find(to)->entry.changed = tick();
  return {};
}

Result<NamesPage> MemoryStore::list(std::string_view directory, uint64_t from, size_t entries_max) {
  if (on_wait) on_wait();
  const std::lock_guard lock(mutex_);
  if (find(directory) == nullptr) return failed(Errc::kNotFound, directory);
  std::map<uint64_t, NamedEntry> by_id;  // so that places stay when names come and go
  for (const auto& [path, node] : tree_) {
    if (path.empty() || parent_of(path) != directory || node.entry.id <= from) continue;
    const std::string name = path.substr(path.rfind('/') + 1);
    by_id[node.entry.id] = NamedEntry{name, node.entry, node.entry.id};
  }
  NamesPage page;
  for (auto& [id, entry] : by_id) {
    if (page.entries.size() == entries_max) {
      page.next = page.entries.back().next;
      break;
    }
    page.entries.push_back(std::move(entry));
  }
  return page;
}

Result<Attributes> MemoryStore::directory_attributes(std::string_view path) {
  const std::lock_guard lock(mutex_);
  const Node* node = find(path);
  if (node == nullptr) return failed(Errc::kNotFound, path);
  return node->directory;
}

Status MemoryStore::set_directory_attributes(std::string_view path, const Attributes& attributes) {
  if (on_wait) on_wait();
  const std::lock_guard lock(mutex_);
  Node* node = find(path);
  if (node == nullptr) return failed(Errc::kNotFound, path);
  node->directory = attributes;
  node->entry.changed = tick();
  return {};
}

Result<Framing> MemoryStore::framing_in(std::string_view directory) {
  const std::lock_guard lock(mutex_);
  if (find(directory) == nullptr) return failed(Errc::kNotFound, directory);
  return framing_set_in(directory);
}

Status MemoryStore::set_directory_modified(std::string_view path, Timestamp modified) {
  const std::lock_guard lock(mutex_);
  Node* node = find(path);
  if (node == nullptr) return failed(Errc::kNotFound, path);
  node->entry.modified = modified;
  node->entry.changed = tick();
  return {};
}

Status MemoryStore::sync() {
  if (on_wait) on_wait();
  const std::lock_guard lock(mutex_);
  ++syncs_;
  for (const auto& [id, journal] : journals_) RETURN_IF_ERROR(journal->sync());
  return {};
}

Result<Space> MemoryStore::space() {
  return Space{uint64_t{1} << 40, uint64_t{1} << 39, uint64_t{1} << 38, 1 << 20, 1 << 19};
}

std::shared_ptr<MemoryJournal> MemoryStore::journal(std::string_view path) {
  const std::lock_guard lock(mutex_);
  const Node* node = find(path);
  RANGE_CHECK(node != nullptr && node->entry.kind == EntryKind::kJournal);
  return journals_.at(JournalId(node->entry.id));
}

void MemoryStore::copy_id(std::string_view from, std::string_view to) {
  const std::lock_guard lock(mutex_);
  find(to)->entry.id = find(from)->entry.id;
}

int MemoryStore::syncs() const {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

int MemoryStore::opens() const {
  const std::lock_guard lock(mutex_);
  return opens_;
}

}  // namespace range
