#include "tests/support/sim_tree.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "journal/base/result_macros.h"

namespace range {

namespace {

constexpr SimTree::NodeId kRoot = 1;

// Without empty components and ".".
std::vector<std::string> components(const Path& path) {
  std::vector<std::string> names;
  for (const Path& part : path.relative_path()) {
    if (!part.empty() && part != ".") names.push_back(part.native());
  }
  return names;
}

Error failed(int sys_errno, const Path& path) { return system_error(sys_errno, path.native()); }

}  // namespace

SimTree::SimTree() { nodes_[kRoot].kind = FileKind::kDirectory; }

Result<SimTree::Place> SimTree::place(const Path& path) const {
  Place at{.directory = 0, .name = {}, .node = kRoot};
  for (const std::string& name : components(path)) {
    if (name.size() > 255) return failed(ENAMETOOLONG, path);
    RANGE_CHECK(name != "..");  // nothing needs it here
    if (at.node == 0) return failed(ENOENT, path);
    const Node& directory = node(at.node);
    if (directory.kind != FileKind::kDirectory) return failed(ENOTDIR, path);
    const auto found = directory.entries.find(name);
    at = {at.node, name, found == directory.entries.end() ? 0 : found->second};
  }
  return at;
}

Result<SimTree::NodeId> SimTree::find(const Path& path) const {
  ASSIGN_OR_RETURN(const Place at, place(path));
  if (at.node == 0) return failed(ENOENT, path);
  return at.node;
}

Result<SimTree::NodeId> SimTree::make(const Path& path, FileKind kind, const std::string& target) {
  ASSIGN_OR_RETURN(const Place at, place(path));
  if (at.node != 0) return failed(EEXIST, path);
  const NodeId id = ++last_node_;
  Node& made = nodes_[id];
  made.kind = kind;
  made.target = target;
  perform({.text = "make " + path.native(), .changes = {{at.directory, at.name, id}}}, 0);
  return id;
}

Status SimTree::remove_file(const Path& path) {
  ASSIGN_OR_RETURN(const Place at, place(path));
  if (at.node == 0) return failed(ENOENT, path);
  if (node(at.node).kind == FileKind::kDirectory) return failed(EISDIR, path);
  node(at.node).linked = false;
  perform({.text = "unlink " + path.native(), .changes = {{at.directory, at.name, 0}}}, 0);
  return {};
}

Status SimTree::remove_directory(const Path& path) {
  ASSIGN_OR_RETURN(const Place at, place(path));
  if (at.node == 0) return failed(ENOENT, path);
  if (node(at.node).kind != FileKind::kDirectory) return failed(ENOTDIR, path);
  if (at.node == kRoot) return failed(EBUSY, path);
  if (!node(at.node).entries.empty()) return failed(ENOTEMPTY, path);
  node(at.node).linked = false;
  perform({.text = "rmdir " + path.native(), .changes = {{at.directory, at.name, 0}}}, at.node);
  return {};
}

Status SimTree::rename(const Path& from_path, const Path& to_path, bool replace) {
  ASSIGN_OR_RETURN(const Place from, place(from_path));
  ASSIGN_OR_RETURN(const Place to, place(to_path));
  if (from.node == 0) return failed(ENOENT, from_path);
  if (from.node == kRoot || to.node == kRoot) return failed(EBUSY, from_path);
  if (to.node != 0 && !replace) return failed(EEXIST, to_path);
  if (to.node == from.node) return {};
  RETURN_IF_ERROR(check_replaceable(from, to, to_path));
  if (to.node != 0) node(to.node).linked = false;
  const bool directory = node(from.node).kind == FileKind::kDirectory;
  perform({.text = "rename " + from_path.native() + " to " + to_path.native(),
           .changes = {{from.directory, from.name, 0}, {to.directory, to.name, from.node}},
           .leads_into = makers_of(to.directory),
           .moves_directory = directory},
          directory ? to.node : 0);
  return {};
}

Status SimTree::exchange(const Path& a_path, const Path& b_path) {
  ASSIGN_OR_RETURN(const Place a, place(a_path));
  ASSIGN_OR_RETURN(const Place b, place(b_path));
  if (a.node == 0 || b.node == 0) return failed(ENOENT, a.node == 0 ? a_path : b_path);
  if (is_below(a.directory, b.node) || is_below(b.directory, a.node)) return failed(EINVAL, a_path);
  const bool directory =
      node(a.node).kind == FileKind::kDirectory || node(b.node).kind == FileKind::kDirectory;
  std::set<uint64_t> leads_into = makers_of(a.directory);
  leads_into.merge(makers_of(b.directory));
  perform({.text = "exchange " + a_path.native() + " and " + b_path.native(),
           .changes = {{a.directory, a.name, b.node}, {b.directory, b.name, a.node}},
           .leads_into = leads_into,
           .moves_directory = directory},
          0);
  return {};
}

Status SimTree::check_replaceable(const Place& from, const Place& to, const Path& path) const {
  const bool directory = node(from.node).kind == FileKind::kDirectory;
  if (directory && is_below(to.directory, from.node)) return failed(EINVAL, path);
  if (to.node == 0) return {};
  const Node& replaced = node(to.node);
  if (directory && replaced.kind != FileKind::kDirectory) return failed(ENOTDIR, path);
  if (!directory && replaced.kind == FileKind::kDirectory) return failed(EISDIR, path);
  if (!replaced.entries.empty()) return failed(ENOTEMPTY, path);
  return {};
}

bool SimTree::is_below(NodeId directory, NodeId top) const {
  if (directory == top) return true;
  const auto& entries = node(top).entries;
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return is_below(directory, entry.second); });
}

void SimTree::perform(Operation operation, NodeId removed) {
  operation.depends_on = dependencies(operation, removed);
  for (const Change& change : operation.changes) {
    operation.waits_for.insert(change.directory);
    auto& entries = node(change.directory).entries;
    if (change.after == 0) {
      entries.erase(change.name);
    } else {
      entries[change.name] = change.after;
    }
  }
  pending_.emplace(++last_operation_, std::move(operation));
}

std::set<uint64_t> SimTree::dependencies(const Operation& operation, NodeId removed) const {
  const auto touches = [&](const Change& earlier) {
    return earlier.directory == removed ||
           std::any_of(operation.changes.begin(), operation.changes.end(), [&](const Change& now) {
             return now.directory == earlier.directory && now.name == earlier.name;
           });
  };
  std::set<uint64_t> numbers;
  for (const auto& [number, earlier] : pending_) {
    if ((operation.moves_directory && earlier.moves_directory) ||
        std::any_of(earlier.changes.begin(), earlier.changes.end(), touches)) {
      numbers.insert(number);
    }
  }
  return numbers;
}

std::set<uint64_t> SimTree::makers_of(NodeId directory) const {
  std::set<uint64_t> numbers;
  for (const auto& [number, earlier] : pending_) {
    for (const Change& change : earlier.changes) {
      if (change.after != 0 && is_below(directory, change.after)) numbers.insert(number);
    }
  }
  return numbers;
}

void SimTree::make_durable(uint64_t number) {
  const auto found = pending_.find(number);
  if (found == pending_.end()) return;  // it already is
  const Operation operation = std::move(found->second);
  pending_.erase(found);
  for (const uint64_t earlier : operation.depends_on) make_durable(earlier);
  for (const Change& change : operation.changes) {
    auto& entries = node(change.directory).disk_entries;
    if (change.after == 0) {
      entries.erase(change.name);
    } else {
      entries[change.name] = change.after;
    }
  }
}

bool SimTree::tell_failure(NodeId id) { return std::exchange(node(id).failure_untold, false); }

void SimTree::sync_directory(NodeId directory) {
  std::vector<uint64_t> durable;
  for (auto& [number, operation] : pending_) {
    if (operation.lost) continue;
    operation.waits_for.erase(directory);
    if (operation.waits_for.empty()) durable.push_back(number);
  }
  for (const uint64_t number : durable) make_durable(number);
}

void SimTree::fail_sync_directory(NodeId directory) {
  for (auto& [number, operation] : pending_) {
    if (operation.waits_for.contains(directory)) operation.lost = true;
  }
}

void SimTree::sync_all() {
  std::vector<uint64_t> durable;
  for (const auto& [number, operation] : pending_) {
    if (!operation.lost) durable.push_back(number);
  }
  for (const uint64_t number : durable) make_durable(number);
  for (auto& [id, each] : nodes_) each.content.sync();
}

void SimTree::fail_sync_all() {
  for (auto& [number, operation] : pending_) {
    operation.lost = true;
    for (const NodeId directory : operation.waits_for) node(directory).failure_untold = true;
  }
  for (auto& [id, each] : nodes_) {
    if (each.kind != FileKind::kRegular || each.content.synced()) continue;
    each.content.fail_sync();
    ++each.failed_writebacks;
    each.failure_untold = true;
  }
}

std::set<uint64_t> SimTree::surviving_operations(Choices& choices) const {
  std::set<uint64_t> kept;
  for (const auto& [number, operation] : pending_) {
    if (choices.pick(2) == 1) kept.insert(number);
  }
  const auto needed_by = [](const Operation& operation) {
    std::set<uint64_t> needed = operation.depends_on;
    needed.insert(operation.leads_into.begin(), operation.leads_into.end());
    return needed;
  };
  if (choices.keeps_dependencies()) {
    // From the newest back, so that what is brought along brings its own. (clang 14 does not
    // understand the views of libstdc++ 12.)
    for (auto it = pending_.rbegin(); it != pending_.rend(); ++it) {  // NOLINT(*-loop-convert)
      if (kept.contains(it->first)) kept.merge(needed_by(it->second));
    }
    return kept;
  }
  for (const auto& [number, operation] : pending_) {
    for (const uint64_t earlier : needed_by(operation)) {
      if (pending_.contains(earlier) && !kept.contains(earlier)) kept.erase(number);
    }
  }
  return kept;
}

SimTree SimTree::survivor(Choices& choices) const {
  SimTree disk = *this;
  for (const uint64_t number : surviving_operations(choices)) disk.make_durable(number);
  SimTree left;
  left.last_node_ = last_node_;
  // Only what the root leads to is left.
  std::vector<NodeId> reached = {kRoot};
  while (!reached.empty()) {
    const NodeId id = reached.back();
    reached.pop_back();
    const Node& from = disk.node(id);
    Node& to = left.nodes_[id];
    to.kind = from.kind;
    to.target = from.target;
    to.content = from.content.survivor(choices);
    to.entries = to.disk_entries = from.disk_entries;
    for (const auto& [name, entry] : to.entries) reached.push_back(entry);
  }
  return left;
}

void SimTree::evict_lost(Choices& choices) {
  for (auto& [id, each] : nodes_) each.content.evict_lost(choices);
}

void SimTree::close_all_files() {
  for (auto& [id, each] : nodes_) {
    each.open_files = 0;
    each.failure_untold = false;  // the kernel has forgotten it by then
  }
}

uint64_t SimTree::allocated() const {
  uint64_t sum = 0;
  for (const auto& [id, each] : nodes_) {
    if (each.linked || each.open_files > 0) sum += each.content.allocated();
  }
  return sum;
}

std::string SimTree::dump() const {
  std::string out = "now:\n";
  dump_directory(kRoot, &Node::entries, "  ", out);
  out += "on the disk:\n";
  dump_directory(kRoot, &Node::disk_entries, "  ", out);
  out += "pending:\n";
  for (const auto& [number, operation] : pending_) {
    out += "  " + operation.text + (operation.lost ? " (its sync failed)\n" : "\n");
  }
  return out;
}

void SimTree::dump_directory(NodeId id, const std::map<std::string, NodeId> Node::*entries,
                             const std::string& indent, std::string& out) const {
  for (const auto& [name, entry] : node(id).*entries) {
    const Node& each = node(entry);
    out += indent + name;
    if (each.kind == FileKind::kDirectory) out += "/\n";
    if (each.kind == FileKind::kSymlink) out += " -> " + each.target + '\n';
    if (each.kind == FileKind::kRegular) {
      out += ' ' + std::to_string(each.content.size()) + " bytes";
      out += each.content.synced() ? "\n" : ", not synced\n";
    }
    dump_directory(entry, entries, indent + "  ", out);
  }
}

}  // namespace range
