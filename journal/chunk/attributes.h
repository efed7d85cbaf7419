// The attributes of a journal or a directory as text. A directory keeps its id with them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "journal/journal.h"
#include "journal/types.h"

namespace range {

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

}  // namespace range
