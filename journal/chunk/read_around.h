// Reading what cannot be read in part.
#pragma once

#include <optional>

#include "journal/base/byte_source.h"

namespace range {

// Whether a read failed because of what was to be read: the disk does not give it, or the file
// system sees that it is damaged.
bool unreadable(const Error& error);

// The same as damage of what was to be read.
Error as_damage(Error error);

struct ReadAround {
  size_t bytes = 0;                 // up to the end
  std::optional<Error> unreadable;  // the first thing that could not be read
};

// As ByteSource::read_at(), but what cannot be read is zeros, and no more than that: a page of a
// disk that fails hides nothing around it. Nothing is remembered of it: it may be readable next
// time. Errors: those that say nothing about the source, as for want of memory.
Result<ReadAround> read_around(ByteSource& source, uint64_t offset, MutableBytes into);

}  // namespace range
