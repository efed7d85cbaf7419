// The daemon: a store, the file system over it, and the mount, from the first to the last moment.
#pragma once

#include "mount/background.h"
#include "mount/options.h"

namespace rangefs {

// Logs to stderr in the foreground, otherwise to syslog.
void start_log(bool foreground, bool debug);

// Opens the store, mounts, reports, and serves until a signal (INT, TERM, HUP) or an unmount. Then
// answers what is deferred, unmounts, syncs and closes the store. Paths in `options` are absolute.
// Returns the exit status: 0 unless it could not begin or the last sync failed.
int run_daemon(const Options& options, const Report& report);

}  // namespace rangefs
