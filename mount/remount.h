// What `mount -o remount,...` asks for.
#pragma once

#include "journal/status.h"
#include "mount/options.h"

namespace rangefs {

// Gives the mount on `options.mountpoint` the flags that `options.given` says, all of them, as
// mount(2) does. After `ro` everything that was written through it is durable. Errors: kIo, also
// for what only a new mount can change.
range::Status remount(const Options& options);

}  // namespace rangefs
