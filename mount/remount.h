// What `mount -o remount,...` asks for.
#pragma once

#include "journal/status.h"
#include "mount/options.h"

namespace rangefs {

// Gives the mount on `options.mountpoint` the flags that `options.given` says. What makes it
// read-only or unfit for devices and set-ID programs stays unless that is said. After `ro`
// everything that was written through it is durable, if this user may look into it. Errors: kIo,
// also for what only a new mount can change.
range::Status remount(const Options& options);

}  // namespace rangefs
