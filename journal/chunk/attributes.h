// Where a journal or a directory keeps its attributes: in a file or, as long as nothing is set that
// was not when the journal was created, in its chunks. A directory keeps its id with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "journal/journal.h"
#include "journal/local/env.h"
#include "journal/types.h"

namespace range {

// In the directory of a journal.
inline constexpr const char* kAttributesFileName = "attributes";

// Lines "key: value", so that a person can read them, the last of which is a checksum (XXH3-64,
// hex) of those before:
//
//   mode: 0644
//   uid: 0
//   gid: 0
//   created: 1763802000000
//   framing: line
//   check: 0123456789abcdef
//
// That of a directory begins with "id: 0123456789ab".
struct StoredAttributes {
  Attributes attributes;
  JournalId id{};  // of a directory; kNoId: none
};
std::string encode_attributes(const StoredAttributes& stored);  // less than 512 bytes

// Nothing if the text is not what encode_attributes() makes.
std::optional<StoredAttributes> decode_attributes(std::string_view text);

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
