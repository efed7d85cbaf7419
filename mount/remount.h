// What `mount -o remount,...` asks for.
#pragma once

#include "journal/status.h"
#include "mount/options.h"

namespace rangefs {

// Gives the mount on `options.mountpoint` the flags that `options.given` says. What makes it
// read-only or unfit for devices and set-ID programs stays unless that is said. Other options may
// be repeated, as mount(8) does it with those in fstab. After `ro` everything that was written
// through it is durable, unless not even the owner may read its root: then it becomes so within
// sync_interval. Errors: kIo, also for an option that only a new mount can change. Nothing is
// changed then, but where the error says that it is read-only now.
range::Status remount(const Options& options);

}  // namespace rangefs
