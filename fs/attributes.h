// Attributes as stat(2) shows them.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <unordered_map>

#include "fs/node_table.h"
#include "fs/types.h"
#include "journal/base/mutex.h"
#include "journal/store.h"

namespace rangefs {

// Journal::info() may look at every chunk, and `tail -f` asks for attributes all the time. So what
// a journal uses on disk is asked for again when it has grown, or after 1 s. Thread-safe.
class DiskUsage {
 public:
  // Bytes; what is known if the store cannot tell.
  uint64_t of(Journal& journal, ByteOffset end);

  // Of one that was removed nothing is kept: a little for each would hold on to the memory between.
  void erase(JournalId journal) {
    const range::MutexLock lock(mutex_);
    known_.erase(journal.value());
  }

 private:
  struct Known {
    ByteOffset end;
    std::chrono::steady_clock::time_point asked;
    uint64_t bytes = 0;
  };
  range::Mutex mutex_;
  // A cache: emptied when it gets large.
  std::unordered_map<uint64_t, Known> known_ GUARDED_BY(mutex_);
};

// Of a journal. Its st_mtime is the time of its last record, in milliseconds, unless another one
// was set since. Its st_ctime moves with every change other than by appending, and with the first
// append behind one; from then on with the times of records, as st_mtime does, so that appends of
// the same millisecond may share one. It goes back, whatever the clock does, only where a power
// loss has taken what moved it, or the attributes cannot be read. Reading moves nothing: st_atime
// is st_mtime, whatever it is set to. `linked`: it still has a name.
struct stat view_attributes(Journal& journal, ByteOffset base, bool linked, DiskUsage& usage);

// The mode that a journal gets when somebody asks for `mode`: files lose their set-ID bits when
// they are written to, so journals never have any.
uint32_t mode_of_journal(uint32_t mode);

// To be called with attributes that are to be stored, in which `changed` and `modified` are still
// those of the journal: their change is behind all before it, and appends will be behind this one.
// `modified`: a time of modification that is set; without, it stays what it is.
void note_change(Attributes& attributes, const Journal& journal,
                 std::optional<range::Timestamp> modified = std::nullopt);

// `entry`: that of the directory.
struct stat directory_attributes(const Attributes& stored, const range::Entry& entry);

// A control file of the journal or directory that has `id` and the attributes `target`: it belongs
// to whom that belongs, and may be read and written by those who may read and write that.
struct stat control_attributes(const struct stat& target, uint64_t id, ControlKind kind,
                               uint64_t size);

// st_ino: what kind of thing it is and, in the low range::kIdBits bits, the id in the store of the
// journal or directory that it belongs to. So it is below 2^53, and exact where programs keep it in
// a floating-point number or in a signed integer (JavaScript, SQLite). Tags up to 7 are for the
// tree, whose control files may become more; from 8 on they are for what shows it in other ways.
uint64_t journal_inode(JournalId id);
uint64_t directory_inode(uint64_t id);
uint64_t control_inode(uint64_t id, ControlKind kind);

}  // namespace rangefs
