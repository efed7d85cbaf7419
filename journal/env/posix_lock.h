// Locking a file of the operating system, for env_posix.cc.
#pragma once

#include <memory>

#include "journal/env/env.h"
#include "journal/status.h"

namespace range {

// As Env::lock(). Two locks are taken, because neither kind does all that is needed:
//
// - flock(2) keeps others out. It belongs to the open file: it stays when the process closes other
//   descriptors of the file, and a child that was forked has it, too. So it is taken off by name
//   when the lock is let go of, and a child of fork(2) closes its copy at once. (A child of
//   clone(2) that neither does so nor starts a program keeps the lock if its parent is killed.)
// - A record lock of fcntl(2) says who it is: the kernel gives the pid of its owner to who
//   asks, as it is in the pid namespace of the asker. No child inherits it. Where it was lost,
//   because the program has closed a descriptor of its own for the file, /proc/locks tells.
//
// What is in the file (the pid) is for people to read and decides nothing: it may be out of date,
// where it could not be written, and that of who wrote to the store last while others read it.
Result<std::unique_ptr<FileLock>> lock_posix_file(const Path& path);
// As Env::lock_shared(). One process may have several of them, of which the first to go takes the
// record lock along: /proc/locks tells of the others.
Result<std::unique_ptr<FileLock>> lock_posix_file_shared(const Path& path);

}  // namespace range
