// Attributes as stat(2) shows them.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <unordered_map>

#include "fs/node_table.h"
#include "fs/types.h"
#include "journal/mutex.h"
#include "journal/store.h"

namespace rangefs {

// Journal::info() may look at every chunk, and `tail -f` asks for attributes all the time. So what
// a journal uses on disk is asked for again when it has grown, or after 1 s. Thread-safe.
class DiskUsage {
 public:
  // Bytes; what is known if the store cannot tell.
  uint64_t of(Journal& journal, ByteOffset end);

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

// `linked`: it still has a name.
struct stat view_attributes(Journal& journal, ByteOffset base, bool linked, DiskUsage& usage);

// `entry`: that of the directory.
struct stat directory_attributes(const Attributes& stored, const range::Entry& entry);

// A control file belongs to whom its journal or directory belongs, and may be read and written by
// those who may read and write that. Its size is 0, as of files in /proc: what it prints is made
// when it is opened.
struct stat control_attributes(const struct stat& target, ControlKind kind);

// st_ino of a control file, derived from that of its journal or directory.
uint64_t control_inode(uint64_t target, ControlKind kind);

}  // namespace rangefs
