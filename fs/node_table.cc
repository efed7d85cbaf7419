#include "fs/node_table.h"

#include <algorithm>
#include <utility>

namespace rangefs {

NodeTable::NodeTable(uint64_t root_inode) {
  nodes_.emplace(kRootNode, Entry{1, DirectoryEntry{root_inode, Place{kRootNode, ""}, false, {}}});
  directories_[root_inode] = kRootNode;
}

NodeId NodeTable::add(Entry entry) {
  const NodeId id{++last_id_};
  nodes_.emplace(id, std::move(entry));
  return id;
}

NodeId NodeTable::enter_directory(uint64_t inode, const Place& place) {
  const range::MutexLock lock(mutex_);
  if (const auto known = directories_.find(inode); known != directories_.end()) {
    Entry& entry = nodes_.at(known->second);
    ++entry.lookups;
    if (known->second != kRootNode) std::get<DirectoryEntry>(entry.what).place = place;
    return known->second;
  }
  const NodeId id = add(Entry{1, DirectoryEntry{inode, place, false, {}}});
  directories_[inode] = id;
  return id;
}

NodeId NodeTable::enter_view(const std::shared_ptr<Journal>& journal, ByteOffset base,
                             const Place& place) {
  const range::MutexLock lock(mutex_);
  JournalEntry& entry = journals_[journal->id().value()];
  entry.journal = journal;
  entry.place = place;
  const auto known = std::ranges::find(entry.views, base, &View::base);
  if (known != entry.views.end()) {
    ++nodes_.at(known->id).lookups;
    return known->id;
  }
  const NodeId id = add(Entry{1, ViewEntry{journal->id(), base}});
  entry.views.push_back(View{id, base, false});
  return id;
}

NodeId NodeTable::enter_control(ControlNode control) {
  const range::MutexLock lock(mutex_);
  return add(Entry{1, std::move(control)});
}

void NodeTable::forget(NodeId id, uint64_t lookups) {
  const range::MutexLock lock(mutex_);
  const auto it = nodes_.find(id);
  if (it == nodes_.end() || id == kRootNode) return;
  Entry& entry = it->second;
  entry.lookups -= std::min(entry.lookups, lookups);
  if (entry.lookups > 0) return;
  const auto node = nodes_.extract(it);
  drop(id, node.mapped());
}

void NodeTable::drop(NodeId id, const Entry& entry) {
  if (const auto* directory = std::get_if<DirectoryEntry>(&entry.what)) {
    // Not if it was removed and the store gave its number to another one since.
    const auto known = directories_.find(directory->inode);
    if (known != directories_.end() && known->second == id) directories_.erase(known);
  } else if (const auto* view = std::get_if<ViewEntry>(&entry.what)) {
    drop_view(id, view->journal);
  }
}

void NodeTable::drop_view(NodeId id, JournalId journal) {
  const auto it = journals_.find(journal.value());
  std::erase_if(it->second.views, [&](const View& view) { return view.id == id; });
  if (it->second.views.empty()) journals_.erase(it);
}

std::optional<Node> NodeTable::find(NodeId id) const {
  const range::MutexLock lock(mutex_);
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return std::nullopt;
  if (const auto* directory = std::get_if<DirectoryEntry>(&it->second.what)) {
    return DirectoryNode{directory->inode, directory->place.parent};
  }
  if (const auto* view = std::get_if<ViewEntry>(&it->second.what)) {
    return ViewNode{journals_.at(view->journal.value()).journal, view->base};
  }
  return std::get<ControlNode>(it->second.what);
}

std::shared_ptr<Journal> NodeTable::journal(JournalId id) const {
  const range::MutexLock lock(mutex_);
  const auto it = journals_.find(id.value());
  return it == journals_.end() || !it->second.place ? nullptr : it->second.journal;
}

std::optional<NodeId> NodeTable::directory(uint64_t inode) const {
  const range::MutexLock lock(mutex_);
  const auto known = directories_.find(inode);
  return known == directories_.end() ? std::nullopt : std::optional(known->second);
}

std::optional<std::string> NodeTable::path(NodeId directory) const {
  const range::MutexLock lock(mutex_);
  std::string path;
  while (directory != kRootNode) {
    const auto it = nodes_.find(directory);
    if (it == nodes_.end()) return std::nullopt;
    const auto* entry = std::get_if<DirectoryEntry>(&it->second.what);
    if (entry == nullptr || entry->removed) return std::nullopt;
    if (!path.empty()) path.insert(0, 1, '/');
    path.insert(0, entry->place.name);
    directory = entry->place.parent;
  }
  return path;
}

std::optional<Place> NodeTable::place(JournalId id) const {
  const range::MutexLock lock(mutex_);
  const auto it = journals_.find(id.value());
  return it == journals_.end() ? std::nullopt : it->second.place;
}

void NodeTable::journal_moved(JournalId id, const Place& to) {
  const range::MutexLock lock(mutex_);
  if (const auto it = journals_.find(id.value()); it != journals_.end()) it->second.place = to;
}

void NodeTable::journal_removed(JournalId id) {
  const range::MutexLock lock(mutex_);
  if (const auto it = journals_.find(id.value()); it != journals_.end()) it->second.place.reset();
}

void NodeTable::directory_moved(uint64_t inode, const Place& to) {
  const range::MutexLock lock(mutex_);
  const auto known = directories_.find(inode);
  if (known == directories_.end()) return;
  std::get<DirectoryEntry>(nodes_.at(known->second).what).place = to;
}

void NodeTable::directory_removed(uint64_t inode, const std::optional<struct stat>& last) {
  const range::MutexLock lock(mutex_);
  const auto known = directories_.find(inode);
  if (known == directories_.end()) return;
  auto& entry = std::get<DirectoryEntry>(nodes_.at(known->second).what);
  entry.removed = true;
  entry.last = last;
  if (entry.last) entry.last->st_nlink = 0;
  directories_.erase(known);
}

std::optional<struct stat> NodeTable::last_attributes(NodeId directory) const {
  const range::MutexLock lock(mutex_);
  const auto it = nodes_.find(directory);
  const auto* entry = it == nodes_.end() ? nullptr : std::get_if<DirectoryEntry>(&it->second.what);
  return entry == nullptr ? std::nullopt : entry->last;
}

void NodeTable::attributes_answered(NodeId view) {
  const range::MutexLock lock(mutex_);
  const auto it = nodes_.find(view);
  if (it == nodes_.end()) return;
  const auto* entry = std::get_if<ViewEntry>(&it->second.what);
  if (entry == nullptr) return;
  auto& views = journals_.at(entry->journal.value()).views;
  std::ranges::find(views, view, &View::id)->answered = true;
}

std::vector<NodeId> NodeTable::take_answered(JournalId id, NodeId except) {
  const range::MutexLock lock(mutex_);
  std::vector<NodeId> taken;
  const auto it = journals_.find(id.value());
  if (it == journals_.end()) return taken;
  for (View& view : it->second.views) {
    if (view.id == except || !view.answered) continue;
    view.answered = false;
    taken.push_back(view.id);
  }
  return taken;
}

void NodeTable::clear() {
  const range::MutexLock lock(mutex_);
  std::erase_if(nodes_, [](const auto& item) { return item.first != kRootNode; });
  std::erase_if(directories_, [](const auto& item) { return item.second != kRootNode; });
  journals_.clear();
}

size_t NodeTable::size() const {
  const range::MutexLock lock(mutex_);
  return nodes_.size();
}

}  // namespace rangefs
