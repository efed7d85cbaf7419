// The names of a store: its tree of directories and journals, on disk.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "journal/base/logger.h"
#include "journal/base/mutex.h"
#include "journal/base/result_macros.h"
#include "journal/env/env.h"
#include "journal/local/attributes_file.h"
#include "journal/store.h"

namespace range {

// An error about a path of the tree.
Error name_error(Errc code, std::string_view path);

// STORE/tree mirrors the namespace: a directory is a directory, with its id and attributes in a
// file named ".info" (a name that no journal can have), a journal is a symbolic link whose last
// component is its id and which is never followed. STORE/chunks/ab/ID is the directory of journal
// ID, ab being the first two digits of ID. Its chunks have its attributes; once those are changed
// there is a file of them. Where ID is that of a directory of the tree, it is a link to nowhere
// that keeps others from drawing ID, and is made again should a power loss have taken it.
// STORE/failed has a link for each journal whose last sync failed. STORE/trash holds what is not,
// or no longer, part of the tree, as the same links and directories, by id.
//
// A journal comes and goes by one rename(2) of its link between trash and tree, a directory by one
// of itself. So whenever the process or the power fails, it is in one of them: in the tree, and it
// exists; in the trash, and what STORE/chunks has of it is to be deleted when the store is opened
// next.
//
// A directory that somebody made in STORE/tree by hand has no id stored, nor has one that lost its
// attributes: id_of_inode() stands for it. (What is copied by hand within STORE/tree shares ids
// with what it was copied from, which is not noticed here; the mount refuses one of two
// directories.)
//
// Paths are those of Store. Thread-safe as far as the file system is: callers serialize changes
// that depend on what they looked up before.
class Names {
 public:
  static constexpr const char* kDirectoryAttributes = ".info";

  Names(Env& env, const Logger& log, Path store, bool read_only = false)
      : env_(env), log_(log), store_(std::move(store)), read_only_(read_only) {}

  // Lays out an empty store. What is there of it already is kept.
  Status create_layout(const Attributes& root);

  Path journal_directory(JournalId id) const;

  Result<std::optional<Entry>> look_up(std::string_view path);
  // Whether it is a journal's, which need not be a valid path.
  Result<bool> leads_to(std::string_view path, JournalId id);
  Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max);

  // Creates a journal. `fill(id)` makes what its directory holds, and returns the file in it that a
  // power loss must leave whole if the name survives. Errors: kExists; kNotPermitted where there is
  // something that is not of rangefs; those of `fill`.
  Result<JournalId> create_journal(std::string_view path,
                                   const std::function<Result<Path>(JournalId)>& fill);
  Result<Entry> create_directory(std::string_view path, const Attributes& attributes);

  // Moves an entry to the trash. The caller has made sure that it may go. The directory
  // of a journal is deleted by reclaim(), one of the tree by reclaim_directories().
  Status discard(std::string_view path);

  // Errors: kExists if there is something at `to`; kNotPermitted if it is not of rangefs.
  Status rename(std::string_view from, std::string_view to);
  // The same where something is that may go, of the same kind, which is discarded. After an error
  // both are what they were. A process that dies in it may leave at `from` what was at `to`. Where
  // the file system cannot exchange names (NFS), dying, a power loss before it is synced, and a
  // second error may leave nothing at `to`.
  Status rename_over(std::string_view from, std::string_view to);

  // The attributes of a journal, if they are in a file. Errors: kNotFound, kCorrupt.
  Result<Attributes> journal_attributes(JournalId id);
  Status set_journal_attributes(JournalId id, const Attributes& attributes);

  // Makes the directory of a journal that lost it again.
  Status restore_journal(JournalId id, const Attributes& attributes);

  // Remembered as long as no directory is changed.
  Result<Attributes> directory_attributes(std::string_view path);
  Status set_directory_attributes(std::string_view path, const Attributes& attributes);

  Status set_directory_modified(std::string_view path, Timestamp modified);

  // The setting `member` of the nearest directory above `path` that sets it.
  template <typename T>
  Result<std::optional<T>> inherited(std::string_view path, std::optional<T> Attributes::*member);

  // The same of `directory` and those above. Errors: also why it is not known of one on the way to
  // that which sets it.
  template <typename T>
  Result<std::optional<T>> setting_in(std::string_view directory,
                                      std::optional<T> Attributes::*member);

  // The limits of a journal at `path` that sets some itself: others are inherited, or `otherwise`.
  // None if the attributes of a directory that they come from are lost.
  Result<Retention> retention(std::string_view path, const Attributes& own,
                              const Retention& otherwise);

  // Makes every name survive power loss that was changed before the call, the first time also
  // everything that an earlier process left unsynced: by syncing each directory, or the whole file
  // system if that is less work. A directory that cannot be synced concerns only what was changed
  // in it. Where that may be lost, it stays the answer as long as the name is there; where nothing
  // was lost, the next call tries again.
  Status sync();
  // The same; the answer is about one journal and the directories that lead to it.
  Status sync_journal(JournalId id, std::string_view path);
  // Of a directory and of what is below it, before its path changes; waits for nothing if no such
  // change is unsynced.
  Status sync_directory(std::string_view path);
  // Of the names in a directory, before it is discarded; likewise.
  Status sync_inside(std::string_view path);

  // Syncs the whole file system, and all names with it; only they are covered after an error.
  Status sync_filesystem();
  // What sync_journal() would answer if there was nothing to sync.
  Status failure(JournalId id, std::string_view path);

  // Whether to leave the rest for the next call, asked before each file or a number of directories.
  using Stop = std::function<bool()>;

  // Deletes discarded directories of the tree and what examine_trash() has left, `at_most` of each,
  // after a sync. What cannot be deleted is logged, and tried again by the next call.
  Status reclaim_directories(size_t at_most, const Stop& stop);
  // Deletes the directories of discarded journals, which share the syncs of that. Their discarding
  // must be synced. Answers for those that it got to. Errors, of each: kNotEmpty, after everything
  // else, if there is something in it that is not of rangefs, and stays.
  std::vector<Status> reclaim(std::span<const JournalId> journals, const Stop& stop);

  // Notes that a sync of a journal has failed, for the next process: the kernel tells that only
  // once, and later syncs of the file system pass over what was lost. `end` is that of the journal
  // then. Not synced: after a power loss there is nothing to be wrong about.
  Status note_failure(JournalId id, ByteOffset end);
  Result<std::vector<JournalId>> failed_journals();
  // The end that was noted last, 0 if that cannot be told; nothing if no sync has failed.
  Result<std::optional<ByteOffset>> failure_noted(JournalId id);
  Status forget_failure(JournalId id);

  // Finds what a process that died had begun to discard or create: the journals that are to be
  // deleted by reclaim(). Everything else is for reclaim_directories(). Call before anything else:
  // what others discard later is theirs to delete.
  std::vector<JournalId> examine_trash();

 private:
  static constexpr const char* kTrash = "trash";
  static constexpr const char* kFailed = "failed";
  static constexpr const char* kClaim = "directory";  // what the link says that claims an id

  // Something that was changed, and what has to be synced for that to survive.
  struct Change {
    Path subject;                   // the directory of a journal, or one of the tree or the trash
    std::optional<Path> file{};     // a new one, with contents
    std::vector<Path> directories;  // with changed names
    bool deleted = false;           // the subject: only who deletes it hears of a failure
    std::optional<Error> failed{};  // why the last try did not succeed, although nothing was lost
  };
  using Changes = std::vector<Change>;
  // What could not be deleted yet, mostly of an earlier process, and whether the log says why it is
  // still there.
  struct Leftover {
    DirectoryEntry entry;
    bool told = false;
  };
  struct Lost {
    Path subject;
    Error error;
  };

  Path tree_path(std::string_view path) const;
  Path trash_path(JournalId id) const;
  Status check_parents(std::string_view path);
  Status check_directory(std::string_view path);
  Result<JournalId> draw_id();
  Result<JournalId> directory_id(std::string_view path, const FileStat& stat);
  void keep_claim(std::string_view path, JournalId id);
  Status release_id(const Path& discarded);
  std::vector<Status> delete_directories(const std::vector<Path>& discarded);
  Status check_deletable(const Path& directory);
  struct Discarded {
    Path from;
    Path in_trash;
    Path subject;   // of the change
    Path known_as;  // before: the subject of changes, and of failures
    bool is_journal = false;
  };
  Result<Discarded> move_to_trash(std::string_view path);
  void note_discarded(const Discarded& discarded);
  Result<Entry> entry_to_rename(std::string_view from, std::string_view to);
  Error name_taken(std::string_view path, Error error);
  void note_foreign(const Path& path);
  void delete_leftovers(size_t at_most, const Stop& stop);
  bool is_kept(Leftover& leftover, const Status& deleted);
  Status delete_discarded(const std::vector<Path>& discarded);
  std::vector<Status> delete_from_trash(std::span<const Leftover> leftovers);
  Result<bool> delete_journal(JournalId id, const Stop& stop);
  Status forget_in_trash(JournalId id);
  Status delete_directory(const Path& discarded);
  // Of a directory; `lost` stands for attributes that let only its owner use it.
  struct Known {
    Attributes attributes;
    JournalId id{};  // as stored
    bool lost = false;
    std::optional<Error> damage{};  // why they are, if there is something in their place

    // They may be readable later.
    bool unreadable() const { return damage && damage->sys_errno != 0; }
  };
  Result<Known> known_directory(std::string_view path);
  Result<Known> read_directory(std::string_view path);
  void forget_directories();
  Result<std::optional<Entry>> entry_at(std::string_view path, FileKind kind);
  Result<JournalId> create_in_trash(std::string_view path);
  Status make_link(JournalId id, std::string_view path);
  Status replace_in_steps(std::string_view from, std::string_view to, const Entry& entry);
  void note_renamed(std::string_view from, std::string_view to, const Entry& entry);
  void note_change(Change change);
  std::vector<Status> sync_subjects(const std::vector<Path>& subjects);
  std::vector<Status> sync_deletions(const std::vector<Path>& subjects);
  Status sync_where(const std::function<bool(const Change&)>& concerned);
  Status sync_all(bool filesystem) REQUIRES(sync_mutex_);
  Status sync_unsynced(bool filesystem) REQUIRES(sync_mutex_);
  void sync_each(Changes changes) REQUIRES(sync_mutex_);
  Status sync_change(const Change& change, std::map<Path, Status>& synced);
  Status sync_path(const Path& path, bool file);
  template <typename Concerns>
  Status failure_of(const Concerns& concerns) REQUIRES(sync_mutex_);
  Status failure_locked(JournalId id, std::string_view path) REQUIRES(sync_mutex_);
  void note_lost(Lost lost);
  void forget_failures(const Path& subject);
  void move_failures(const Path& from, const Path& to);
  void exchange_failures(const Path& a, const Path& b);

  Env& env_;
  const Logger& log_;
  const Path store_;
  const bool read_only_;
  Mutex sync_mutex_;  // held while syncing; taken before unsynced_mutex_
  std::atomic<bool> synced_before_ = false;
  // Of the first sync, which is about all names; tried again if nothing was lost.
  std::optional<Error> failure_ GUARDED_BY(sync_mutex_);
  Mutex unsynced_mutex_;  // held for moments
  Changes unsynced_ GUARDED_BY(unsynced_mutex_);
  Changes syncing_ GUARDED_BY(unsynced_mutex_);  // what the sync under way is about
  std::vector<Lost> lost_ GUARDED_BY(unsynced_mutex_);
  // What was discarded since a sync began last: if that fails for it, nothing is lost.
  std::vector<Path> gone_ GUARDED_BY(unsynced_mutex_);
  std::vector<Path> discarded_ GUARDED_BY(unsynced_mutex_);  // directories, now in the trash
  Mutex leftovers_mutex_;                                    // before sync_mutex_
  std::vector<Leftover> leftovers_ GUARDED_BY(leftovers_mutex_);
  Mutex foreign_mutex_;
  std::set<Path> foreign_ GUARDED_BY(foreign_mutex_);  // the log says so
  Mutex known_mutex_;
  std::unordered_map<std::string, Known> known_ GUARDED_BY(known_mutex_);  // of directories
  uint64_t forgotten_ GUARDED_BY(known_mutex_) = 0;                        // how often known_ was
};

// Malformed paths: kInvalid. The empty path is valid only with `root_allowed`.
Status check_path(std::string_view path, bool root_allowed);

std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

template <typename T>
Result<std::optional<T>> Names::inherited(std::string_view path,
                                          std::optional<T> Attributes::*member) {
  while (!path.empty()) {
    path = parent_of(path);
    ASSIGN_OR_RETURN(const Attributes attributes, directory_attributes(path));
    if (attributes.*member) return attributes.*member;
  }
  return std::optional<T>();
}

template <typename T>
Result<std::optional<T>> Names::setting_in(std::string_view directory,
                                           std::optional<T> Attributes::*member) {
  while (true) {
    ASSIGN_OR_RETURN(const Known known, known_directory(directory));
    if (known.attributes.*member) return known.attributes.*member;
    // Damage may be all that a power loss has left of attributes that nobody had synced.
    if (known.unreadable()) return *known.damage;
    if (directory.empty()) return std::optional<T>();
    directory = parent_of(directory);
  }
}

}  // namespace range
