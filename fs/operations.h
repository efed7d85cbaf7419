// Start here: everything the file system does, without FUSE.
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/control_files.h"
#include "fs/handle_table.h"
#include "fs/properties.h"
#include "fs/tree.h"
#include "fs/types.h"

namespace rangefs {

// What the kernel must be told without having asked. Called from any thread, without a lock held.
class Notices {
 public:
  virtual ~Notices() = default;
  // Attributes of this node that the kernel may have kept are no longer right. Must not wait.
  virtual void attributes_changed(NodeId node) = 0;
  // Bytes were appended. Must not wait.
  virtual void grown(JournalId journal) = 0;
  // The name leads elsewhere now. May wait for whoever holds the directory's lock in the kernel.
  virtual void name_changed(const Place& place) = 0;

 protected:
  Notices() = default;
};

// The answer to a look-up or a creation; it counts one lookup of `node`.
struct Found {
  NodeId node{};
  struct stat attributes {};
  bool lasting = false;  // the kernel may keep the name until it is told otherwise
};

struct Created {
  Found found;
  HandleId handle{};
};

// What setattr(2)-like calls ask for. A time of access is accepted and ignored.
struct AttributeChange {
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<uint64_t> size;
  std::optional<range::Timestamp> modified;
};

// One of the entries of a directory.
struct ListedEntry {
  const char* name = "";
  uint64_t inode = 0;
  bool is_directory = false;
  uint64_t next = 0;  // the offset to go on at behind it
};

// Takes an entry; false if there is no room for it.
using Lister = std::function<bool(const ListedEntry& entry)>;

// How a handle was opened, as far as it matters here.
struct Access {
  bool reads = false;
};

// The mounted tree. Permissions are the kernel's business. Every Status and Result goes through
// to_errno() to become the answer. Thread-safe; only what is said to wait waits for a sync.
class Operations {
 public:
  // `store` and `notices` must outlive this.
  static Result<std::unique_ptr<Operations>> create(range::Store& store, FsOptions options,
                                                    Notices& notices);

  // Waits for the disk if it is of a journal that has to be opened.
  Result<Found> look_up(NodeId parent, std::string_view name);
  // Nothing if it would have to wait.
  Result<std::optional<Found>> look_up_at_once(NodeId parent, std::string_view name);
  void forget(NodeId node, uint64_t lookups) { tree_.nodes.forget(node, lookups); }

  // Creates a journal and opens it. One that is there already is opened, unless `exclusive`.
  Result<Created> create(NodeId parent, std::string_view name, uint32_t mode, bool exclusive,
                         const Caller& caller);
  // Creates a journal without opening it.
  Result<Found> make_journal(NodeId parent, std::string_view name, uint32_t mode,
                             const Caller& caller);
  Result<Found> make_directory(NodeId parent, std::string_view name, uint32_t mode,
                               const Caller& caller);
  // Waits for an append to the journal that is under way.
  Status remove(NodeId parent, std::string_view name);
  // Waits for the disk.
  Status remove_directory(NodeId parent, std::string_view name);
  // `flags` as of renameat2(2). Waits for the disk.
  Status rename(const Place& from, const Place& to, unsigned flags);

  // Whether attributes() may wait: for the disk, or long.
  bool attributes_wait(NodeId node) const;
  // For an answer that the kernel may keep.
  Result<struct stat> attributes(NodeId node, const Caller& caller);
  // `handle`: through which it is done, if through one. Waits for the disk, but for a change of the
  // size.
  Result<struct stat> set_attributes(NodeId node, const AttributeChange& change,
                                     std::optional<HandleId> handle = std::nullopt);
  // Whether the kernel may keep attributes of this node at all.
  bool attributes_last(NodeId node) const;

  // Whether open() may wait: for a sync, or long.
  bool open_waits(NodeId node, Access access) const;
  Result<HandleId> open(NodeId node, Access access, const Caller& caller);
  Result<HandleId> open_directory(NodeId node);
  void close(HandleId handle) { handles_.close(handle); }

  // Waits for the disk if it reads what is not in memory.
  Result<size_t> read(HandleId handle, uint64_t offset, MutableBytes into);
  // Nothing, whatever `into` holds then, if it would have to wait.
  Result<std::optional<size_t>> read_at_once(HandleId handle, uint64_t offset, MutableBytes into);

  // Zeros that fill one hole at most; a larger one is EFBIG.
  static constexpr uint64_t kHoleBytesMax = uint64_t{64} << 20;

  // Appends all of `data` to a journal. `at_end`: whatever `offset` says; otherwise `offset` must
  // be the end of the view. Through a handle that found the journal empty, and while nobody else
  // has appended, it may be behind the end: the hole is filled with zeros by the same append.
  Status append(HandleId handle, ConstBytes data, uint64_t offset, bool at_end);
  // fallocate(2): what is there is allocated, and what is not cannot be.
  Status allocate(HandleId handle, uint64_t offset, uint64_t length, int mode);
  // The journal that it is of, if it is of one.
  std::optional<JournalId> journal_of(HandleId handle) const;
  // Which control file it is, if it is one: what is written to it are commands.
  std::optional<ControlKind> control_kind(HandleId handle) const;
  // Runs a command written to a control file; may wait. Returns what ControlFiles::run() does.
  Result<std::optional<JournalId>> command(HandleId handle, std::string_view text,
                                           const Caller& caller);
  // Everything appended to this file survives power loss when it returns; waits.
  Status sync(HandleId handle);
  // Likewise for the whole store, names included; waits.
  Status sync_all() { return tree_.store.sync(); }

  // Gives the entries of a directory in the order of the store, from `offset` on, until there is no
  // room for one. An offset is 0 or the `next` of an entry, of whatever handle and however long
  // ago: entries that are there throughout are found exactly once. 0 also shows what is new to the
  // handle. `entries_max` > 0: there is room for no more.
  Status list(HandleId handle, uint64_t offset, size_t entries_max, const Lister& lister);

  // Whether property() may wait: for the disk, or long.
  static bool property_waits(std::string_view name) { return Properties::get_waits(name); }
  Result<std::string> property(NodeId node, std::string_view name);
  Result<std::vector<std::string>> property_names(NodeId node);
  // Both wait for the disk.
  Status set_property(NodeId node, std::string_view name, std::string_view value, SetMode mode);
  Status remove_property(NodeId node, std::string_view name);

  Result<struct statvfs> space();

  NodeTable& nodes() { return tree_.nodes; }

  // Lets go of every journal, also of those in open files. To be called when nobody calls anything
  // any more and before the store is closed.
  void release_all();

 private:
  Operations(range::Store& store, FsOptions options, Notices& notices, uint64_t root_inode);

  Result<std::string> path_of(NodeId directory) const REQUIRES_SHARED(tree_.names);
  Result<std::string> path_of(NodeId directory, std::string_view name) const
      REQUIRES_SHARED(tree_.names);
  Result<Found> found_journal(const std::shared_ptr<Journal>& journal, const Place& place)
      REQUIRES_SHARED(tree_.names);
  Result<Found> found_directory(const range::Entry& entry, const Place& place,
                                const std::string& path) REQUIRES_SHARED(tree_.names);
  Found enter_directory(const range::Entry& entry, const Place& place, const Attributes& stored)
      REQUIRES_SHARED(tree_.names);
  Status check_original(const range::Entry& entry, const std::string& path) const
      REQUIRES_SHARED(tree_.names);
  // EAGAIN where it would have to wait, unless it may.
  enum class Waiting { kMayWait, kAtOnce };
  Result<Found> look_up(NodeId parent, std::string_view name, Waiting waiting);
  Result<Found> look_up_control(NodeId parent, const ControlName& name, Waiting waiting)
      REQUIRES_SHARED(tree_.names);
  Result<std::shared_ptr<Journal>> open_journal(JournalId id, const std::string& path,
                                                Waiting waiting = Waiting::kMayWait)
      REQUIRES_SHARED(tree_.names);
  Result<size_t> read(HandleId handle, uint64_t offset, MutableBytes into, Waiting waiting);
  std::shared_ptr<Journal> open_ahead(NodeId parent, std::string_view name);
  void sync_names(const Place& place);
  Result<std::shared_ptr<Journal>> create_journal(const Place& place, uint32_t mode,
                                                  const Caller& caller)
      REQUIRES_SHARED(tree_.names);
  Result<Attributes> inherit(NodeId parent, uint32_t mode, const Caller& caller) const
      REQUIRES_SHARED(tree_.names);
  Status check_new_name(const Place& place) const REQUIRES_SHARED(tree_.names);
  bool is_control_file(const Place& place) REQUIRES_SHARED(tree_.names);
  void gone(const std::optional<range::Entry>& entry, const std::optional<struct stat>& last)
      REQUIRES_SHARED(tree_.names);
  void moved(const range::Entry& entry, const Place& to) REQUIRES_SHARED(tree_.names);

  Result<Node> node(NodeId id) const;
  Result<std::shared_ptr<Handle>> handle(HandleId id) const;
  struct stat attributes_of(const ViewNode& view);
  Result<struct stat> attributes_of(NodeId id, const Node& node) REQUIRES_SHARED(tree_.names);
  Result<struct stat> attributes_to_answer(NodeId id, const Node& node);
  Status store_attributes(NodeId id, const Node& node, const AttributeChange& change)
      REQUIRES_SHARED(tree_.names);
  Status store_attributes(Journal& journal, const AttributeChange& change) REQUIRES(tree_.settings);
  void announce_change(const Node& node, NodeId except);
  Status resize(NodeId id, const ViewNode& view, uint64_t size, std::optional<HandleId> handle);
  void announce_change(const Journal& journal, NodeId except);
  Status move(const Place& from, const Place& to, unsigned flags,
              std::optional<JournalId>& moved_id);
  void note_renamed(JournalId id, const Place& to);
  std::optional<struct stat> last_attributes(const std::optional<range::Entry>& entry,
                                             const std::string& path);
  Result<uint64_t> parent_inode(const DirectoryNode& directory) const;
  Status list_names(DirectoryHandle& listed, uint64_t offset, size_t entries_max,
                    const Lister& lister) REQUIRES(listed.mutex);
  Status read_page(DirectoryHandle& listed, uint64_t from, size_t entries_max)
      REQUIRES(listed.mutex);

  Tree tree_;
  Properties properties_{tree_};
  ControlFiles controls_{tree_, properties_};
  HandleTable handles_;
  Notices& notices_;
};

}  // namespace rangefs
