// The names of a simulated file system, volatile and durable, and the files they lead to.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "journal/env/env.h"
#include "journal/status.h"
#include "tests/support/sim_content.h"
#include "tests/support/survival.h"

namespace range {

// A directory tree without hard links. Every operation takes effect at once for whoever looks, and
// is pending until the directories it concerns were synced after it: one, or two for a rename from
// one directory to another. A power loss keeps or drops each pending operation, whole, and in any
// combination (file systems that order operations by a log leave only some of these), but for:
//
// - An operation that is kept keeps those it depends on: earlier ones on the same name of the same
//   directory; for the removal (or replacement) of a directory those inside it; and for the move of
//   a directory earlier moves of directories, which could otherwise form a circle.
// - In the same way an operation that becomes durable makes those durable.
// - A pending rename is only kept together with the pending creation or move of the directories it
//   leads into, so that it does not lose what nobody asked to move durably.
// - What a directory holds is lost if the directory's own name is.
// - The target of a symbolic link comes and goes with its name; so does the file behind a name,
// whose
//   contents follow the rules of SimContent.
//
// After sync_directory() failed, what was pending may never become durable by itself: later syncs
// leave it pending. After sync_all() failed each file and directory tells, once, that it did.
// Functions return the errors that Linux gives. Not thread-safe.
class SimTree {
 public:
  using NodeId = uint64_t;
  struct Node {
    FileKind kind = FileKind::kOther;
    SimContent content;                          // of a file
    std::string target;                          // of a symbolic link
    std::map<std::string, NodeId> entries;       // of a directory, as seen now
    std::map<std::string, NodeId> disk_entries;  // of a directory, without pending operations
    bool linked = true;                          // reachable by a name now
    int open_files = 0;
    Timestamp modified{};
    Timestamp changed{};
    uint64_t failed_writebacks = 0;
    bool failure_untold = false;  // of the last of these: whoever opens it next is told, too
  };

  SimTree();

  // The node that `path` leads to; intermediate components must be directories, not links to any.
  Result<NodeId> find(const Path& path) const;
  Node& node(NodeId id) { return nodes_.at(id); }
  const Node& node(NodeId id) const { return nodes_.at(id); }

  // Makes an entry: a file, a directory or, with `target`, a symbolic link.
  Result<NodeId> make(const Path& path, FileKind kind, const std::string& target = {});
  Status remove_file(const Path& path);
  Status remove_directory(const Path& path);
  Status rename(const Path& from, const Path& to, bool replace);
  Status exchange(const Path& a, const Path& b);

  // Whether a failure that nobody knows of is to be told now.
  bool tell_failure(NodeId id);
  void sync_directory(NodeId directory);
  void fail_sync_directory(NodeId directory);
  void sync_all();
  void fail_sync_all();

  // What is found after a power loss; everything in it is durable.
  SimTree survivor(Choices& choices) const;
  void evict_lost(Choices& choices);

  void close_all_files();

  // Disk space in use: files that have a name or are open.
  uint64_t allocated() const;

  // The tree as it is now and as it is on the disk, and the pending operations, for people.
  std::string dump() const;

 private:
  struct Place {  // of an entry, there or not
    NodeId directory = 0;
    std::string name;
    NodeId node = 0;  // 0: none
  };
  struct Change {  // of an entry: what it leads to afterwards, 0: nothing
    NodeId directory = 0;
    std::string name;
    NodeId after = 0;
  };
  struct Operation {
    std::string text;  // for dump()
    std::vector<Change> changes{};
    std::set<NodeId> waits_for{};  // directories not synced since
    std::set<uint64_t> depends_on{};
    std::set<uint64_t> leads_into{};  // operations that made or moved the directories above
    bool moves_directory = false;
    bool lost = false;  // a sync failed: no later one makes it durable
  };
  using Pending = std::map<uint64_t, Operation>;  // by number, in order

  Result<Place> place(const Path& path) const;
  Status check_replaceable(const Place& from, const Place& to, const Path& path) const;
  bool is_below(NodeId directory, NodeId top) const;  // or the same

  // Records an operation that removes (or replaces) the directory `removed`, 0: none.
  void perform(Operation operation, NodeId removed);
  std::set<uint64_t> dependencies(const Operation& operation, NodeId removed) const;
  std::set<uint64_t> makers_of(NodeId directory) const;
  void make_durable(uint64_t number);

  std::set<uint64_t> surviving_operations(Choices& choices) const;
  void dump_directory(NodeId id, const std::map<std::string, NodeId> Node::*entries,
                      const std::string& indent, std::string& out) const;

  std::map<NodeId, Node> nodes_;
  NodeId last_node_ = 1;  // the root
  Pending pending_;
  uint64_t last_operation_ = 0;
};

}  // namespace range
