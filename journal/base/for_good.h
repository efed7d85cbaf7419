// Failures after which work does not go on.
#pragma once

#include "journal/status.h"

namespace range {

// Of a sync, or of undoing a write: should that fail, nobody knows what is on the disk. Whatever
// the reason, it is none of those after which appends go on.
inline Status for_good(const Status& done) {
  if (done || done.error().lost_nothing) return done;
  return Error{Errc::kIo, done.error().sys_errno, done.error().context};
}

}  // namespace range
