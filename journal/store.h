// Start here: a store, a tree of directories and journals.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal.h"
#include "log.h"
#include "status.h"
#include "types.h"

namespace range {

struct StoreOptions {
  uint64_t chunk_size = uint64_t{64} << 20;       // bytes after which a new chunk is begun
  std::chrono::milliseconds sync_interval{1000};  // what is not synced by then is synced
  Framing framing = Framing::kLine;               // of journals whose directories do not set one
  Retention retention{};                          // likewise, limit by limit
  // How often every journal is looked at (less often if that takes long). Journals that begin a
  // chunk are looked at within sync_interval. Intervals are more than 0, and a year at most.
  std::chrono::milliseconds retention_interval{60'000};
  // Nothing is written, not even to recover. Any number of readers may have the store open, while
  // nobody writes to it.
  bool read_only = false;
  size_t record_bytes_max = kAppendBytesMax;  // an append with a longer record is refused; > 0
  // Every record is verified when its journal is opened first; damage is logged. Takes as long as
  // reading all of the journal does.
  bool check_on_open = false;
  // If not, a journal that a kill or a power loss has left with something to cut off stays as it is
  // and takes no appends.
  bool recover = true;
  size_t open_files_max = 0;  // descriptors for chunks; 0: 3/4 of RLIMIT_NOFILE, at most 24,000
  uint16_t host_id = 0;       // low 16 bits of chunk ids
  LogSink log{};              // without one nothing is told
};

enum class EntryKind { kJournal, kDirectory };

struct Entry {
  EntryKind kind = EntryKind::kJournal;
  // The value of a JournalId, also of a directory; 0 in a list if the disk gives no more than a
  // name.
  uint64_t id = 0;
  // Of a directory: when something in it was created, removed or renamed last, unless another time
  // was set since; and when that, its attributes or its name were changed last.
  Timestamp modified{};
  Timestamp changed{};
};

struct NamedEntry {
  std::string name;
  Entry entry;
  uint64_t next = 0;  // where to go on behind it
};

// Some of the entries of a directory, and where to go on; nothing if that was all.
struct NamesPage {
  std::vector<NamedEntry> entries;
  std::optional<uint64_t> next;
};

struct Space {
  uint64_t bytes_total = 0;
  uint64_t bytes_free = 0;       // for root
  uint64_t bytes_available = 0;  // for everybody else
  uint64_t files_total = 0;
  uint64_t files_free = 0;
};

// A path names an entry from the root of the store: names separated by '/', none of them empty, "."
// or "..", each 255 bytes at most; "" is the root. Every byte but '/' and NUL may be in a name.
//
// All calls may be made from any number of threads. A change of names (create, make_directory,
// remove, rename) survives the death of this process when the call returns, and power loss after
// the next sync of the store or of the journal concerned, at the latest after sync_interval.
// Unless stated otherwise the errors are kNotFound for a path that does not lead anywhere, kInvalid
// for one that is malformed or leads to the other kind of entry, kNoSpace and kIo.
class Store {
 public:
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // What `path` leads to, if anything.
  virtual Result<std::optional<Entry>> look_up(std::string_view path) = 0;

  // The journal with this id, opened (and recovered) if it was not. `path` is where it was found:
  // for messages, for limits that it inherits (none, as long as that is not where it is), and to
  // tell a journal that lost its records from one removed meanwhile. The same object is returned to
  // everybody; it lives at least as long as the pointer, but not longer than the store.
  virtual Result<std::shared_ptr<Journal>> open(JournalId id, std::string_view path) = 0;

  // The same if it is open; null if open() would wait for the disk: it would have to be opened, or
  // something of it has to be read again. Errors: none that open() has not.
  virtual Result<std::shared_ptr<Journal>> find_open(JournalId id, std::string_view path) = 0;

  // The journal at `path`. Errors: also those of open() with an id.
  Result<std::shared_ptr<Journal>> open(std::string_view path);

  // The same; a journal that is not there is created with `attributes`. Of several callers at the
  // same time one creates it.
  Result<std::shared_ptr<Journal>> get_or_create(std::string_view path,
                                                 const Attributes& attributes = {});

  // Creates a journal. Unset settings are inherited. Errors: also kExists, and kNotPermitted where
  // the store's directory has something of that name that is not of rangefs (and is not listed).
  virtual Result<std::shared_ptr<Journal>> create(std::string_view path,
                                                  const Attributes& attributes) = 0;
  // Returns what was made. Errors: also kExists and kNotPermitted, likewise; after an error there
  // is no new directory.
  virtual Result<Entry> make_directory(std::string_view path, const Attributes& attributes) = 0;

  // Removes a journal: the name at once, its records when nobody has it open any more.
  // Errors: also kNotPermitted if it has records and `keep` is set for it or a directory above;
  // kCorrupt or kIo if that may be so and cannot be read, and no directory above sets it to false.
  virtual Status remove(std::string_view path) = 0;
  // Errors: also kNotEmpty, which can be something that is not of rangefs; the error names it.
  virtual Status remove_directory(std::string_view path) = 0;

  // Moves an entry. What `to` led to before is replaced if `replace` is set and it is of the same
  // kind and empty. Errors: also kExists without `replace`, kNotPermitted for a target journal with
  // records, kNotEmpty, kInvalid for moving a directory below itself.
  virtual Status rename(std::string_view from, std::string_view to, bool replace) = 0;

  // Makes the names in the directory at `path`, and below it, survive power loss. Moving a
  // directory does that first; who holds a lock meanwhile that others need may call it before.
  // Nothing happens if there is no directory. Waits for the disk.
  virtual Status sync_names(std::string_view path) = 0;

  // Entries of a directory, in no particular order: about `entries_max` of them (> 0), from the
  // first for `from` 0, else from the `next` of a page or of an entry. That stays good while
  // entries come and go, and when the store is opened anew (if the file system below keeps its
  // offsets). A page may be empty and not the last. What comes or goes meanwhile may be among them
  // or not, everything else is, once.
  virtual Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max) = 0;
  // All of them.
  Result<std::vector<NamedEntry>> list(std::string_view directory);

  // Calls `visitor` with every journal below `directory`, in no particular order, until it returns
  // false. Journals that come or go meanwhile may be among them or not. A directory below that
  // cannot be listed, or a journal that cannot be looked up, ends it or, if there is a place for
  // the first such error in `unreadable`, is left out.
  using Visitor = std::function<bool(const std::string& path, JournalId id)>;
  Status visit(std::string_view directory, const Visitor& visitor, Status* unreadable = nullptr);

  virtual Result<Attributes> directory_attributes(std::string_view path) = 0;
  virtual Status set_directory_attributes(std::string_view path, const Attributes& attributes) = 0;
  // The framing that is inherited in `directory`. Errors: also kCorrupt with an errno, as long as
  // attributes cannot be read that may set it; a journal that is created meanwhile inherits from
  // what can be read.
  virtual Result<Framing> framing_in(std::string_view directory) = 0;
  // Sets Entry::modified.
  virtual Status set_directory_modified(std::string_view path, Timestamp modified) = 0;

  // Drops what the limits of the journals do not allow, of all of them, as far as that is possible;
  // the first error (kCorrupt: attributes that cannot be read, without which nothing is dropped).
  // The store does this by itself every retention_interval.
  virtual Status apply_retention() = 0;

  // Makes everything appended so far to any journal, and every name, survive power loss. Then it
  // gives back the space of a few removed journals, the last ones first; that of others, and of
  // those that somebody still had open, follows in the background. Of those whose files cannot be
  // removed the log tells.
  virtual Status sync() = 0;

  virtual Result<Space> space() = 0;
  virtual const StoreOptions& options() const = 0;

  // Syncs everything and releases the store; no journal of it may be in use any more. Must be the
  // last call; without it the store is as after a kill: nothing acknowledged is lost.
  virtual Status close() = 0;

 protected:
  Store() = default;
};

// Opens the store in the directory `path`, creating it if there is nothing or an empty directory.
// The time this takes does not depend on the number of journals. Nothing need be written for it: a
// store on a full disk, or on one that has become read-only, opens and can be read, and journals be
// removed where the disk allows it. Errors: kLocked with the pid of the holder as the kernel knows
// it (which may be this process), kUnknownFormat, kInvalid for options out of range, kIo where no
// thread can be started. A reader that cannot lock it for another reason (no lock file, a file
// system without locks) reads it without; the log says so.
//
// Only the process that opened a store can use it. In one that is forked from it every call, also
// those of its journals, answers kLocked (extent(), attributes() and chunks() as for an empty
// journal); destroying them there does nothing. The lock is the parent's alone: it ends with the
// parent. A child that opens the store itself is treated as any other process.
//
// Files are mapped into memory, so that a failing disk can raise SIGBUS: a handler is installed
// that turns it into an error of the call, and passes on to the handler it found what is not ours.
// A program that sets its own later must do the same.
Result<std::unique_ptr<Store>> open_store(const boost::filesystem::path& path,
                                          const StoreOptions& options);

}  // namespace range
