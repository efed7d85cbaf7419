// Where a journal or a directory keeps its attributes: in a file or, as long as nothing is set that
// was not when the journal was created, in its chunks.
#pragma once

#include "journal/chunk/attributes.h"
#include "journal/env/env.h"

namespace range {

// In the directory of a journal.
inline constexpr const char* kAttributesFileName = "attributes";

// Errors: kNotFound if there is no such file, kCorrupt if it does not hold attributes
// or cannot be read.
Result<StoredAttributes> read_attributes(Env& env, const Path& path);

// Writes a new file, not synced.
Status create_attributes(Env& env, const Path& path, const StoredAttributes& stored);

// Replaces the file at once; a sync of its directory makes the change survive power loss.
// `temporary` is a name for its successor meanwhile.
Status replace_attributes(Env& env, const Path& path, const Path& temporary,
                          const StoredAttributes& stored);

}  // namespace range
