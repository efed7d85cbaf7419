// What the kernel knows: node ids, and what is behind them.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "fs/names.h"
#include "fs/snapshot.h"
#include "fs/types.h"
#include "journal/base/mutex.h"

namespace rangefs {

struct DirectoryNode {
  uint64_t inode = 0;  // the store's id of the directory
  NodeId parent{};     // the root's is the root
};

// A journal as seen from one place on. What the kernel takes for a file is a view: its base never
// changes, so that offsets in open files stay right when the name leads to another base.
struct ViewNode {
  std::shared_ptr<Journal> journal;
  ByteOffset base;
};

struct ControlNode {
  ControlKind kind = ControlKind::kInfo;
  std::shared_ptr<Journal> journal;      // null: of the directory
  NodeId directory{};                    // where it was looked up
  std::shared_ptr<Snapshot> snapshot{};  // null: its size is known without one
};

using Node = std::variant<DirectoryNode, ViewNode, ControlNode>;

// A name in a directory.
struct Place {
  NodeId parent{};
  std::string name;

  friend bool operator==(const Place&, const Place&) = default;
};

// Maps node ids to nodes and knows where directories and journals are in the tree. A node lives
// until the kernel has forgotten it as often as it was entered; the kernel forgets a directory only
// after everything in it. Nodes keep their journals open.
//
// Thread-safe; calls nothing else while it holds its mutex, so that this is always the last one.
class NodeTable {
 public:
  explicit NodeTable(uint64_t root_inode);

  // Each returns the node of the thing named, and counts one lookup of it: a new node or, but for
  // control files, a known one. `place` is where it is now.
  NodeId enter_directory(uint64_t inode, const Place& place);
  NodeId enter_view(const std::shared_ptr<Journal>& journal, ByteOffset base, const Place& place);
  NodeId enter_control(ControlNode control);

  void forget(NodeId id, uint64_t lookups);

  std::optional<Node> find(NodeId id) const;
  // The journal, if any node keeps it open and it was not removed; otherwise null.
  std::shared_ptr<Journal> journal(JournalId id) const;

  // The node of the directory with this id, if it has one.
  std::optional<NodeId> directory(uint64_t inode) const;
  // Path of a directory in the store, or nothing if it was removed.
  std::optional<std::string> path(NodeId directory) const;
  // Where a journal is, or nothing if it was removed or no node of it is known.
  std::optional<Place> place(JournalId id) const;

  // What happened in the store. Things that no node stands for are ignored.
  void journal_moved(JournalId id, const Place& to);
  void journal_removed(JournalId id);
  void directory_moved(uint64_t inode, const Place& to);
  // `last`: its attributes then, if they are known.
  void directory_removed(uint64_t inode, const std::optional<struct stat>& last);
  // Those of a removed directory, which has no links any more.
  std::optional<struct stat> last_attributes(NodeId directory) const;

  // Notes that the kernel is about to be told attributes of this view that it may keep. To be
  // called before they are read: whoever changes them afterwards then finds the note.
  void attributes_answered(NodeId view);
  // The views of a journal, other than `except`, whose attributes the kernel may have kept; they
  // count as not kept from now on.
  std::vector<NodeId> take_answered(JournalId id, NodeId except);

  // Drops everything but the root, and with it every journal.
  void clear();
  size_t size() const;

 private:
  struct DirectoryEntry {
    uint64_t inode = 0;
    Place place;
    bool removed = false;
    std::optional<struct stat> last{};
  };
  struct ViewEntry {
    JournalId journal;
    ByteOffset base;
  };
  struct Entry {
    uint64_t lookups = 0;
    std::variant<DirectoryEntry, ViewEntry, ControlNode> what;
  };
  struct View {
    NodeId id{};
    ByteOffset base;
    bool answered = false;
  };
  // A journal with at least one node.
  struct JournalEntry {
    std::shared_ptr<Journal> journal;
    std::optional<Place> place;
    std::vector<View> views;  // few: one, and one more for each move that somebody still has open
  };

  NodeId add(Entry entry) REQUIRES(mutex_);
  void drop(NodeId id, const Entry& entry) REQUIRES(mutex_);
  void drop_view(NodeId id, JournalId journal) REQUIRES(mutex_);

  mutable range::Mutex mutex_;
  uint64_t last_id_ GUARDED_BY(mutex_) = static_cast<uint64_t>(kRootNode);
  std::unordered_map<NodeId, Entry> nodes_ GUARDED_BY(mutex_);
  // By inode; removed ones are not in it.
  std::unordered_map<uint64_t, NodeId> directories_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, JournalEntry> journals_ GUARDED_BY(mutex_);
};

}  // namespace rangefs
