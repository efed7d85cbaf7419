// The vocabulary of the file system, on top of the engine's.
#pragma once

#include <cstdint>
#include <functional>

#include "journal/journal.h"
#include "journal/status.h"
#include "journal/types.h"

namespace rangefs {

using range::Attributes;
using range::ByteOffset;
using range::ConstBytes;
using range::Errc;
using range::Error;
using range::Journal;
using range::JournalId;
using range::Location;
using range::MutableBytes;
using range::Result;
using range::Status;

// What the kernel calls a node id: a name for something it looked up, never used twice in a mount.
enum class NodeId : uint64_t {};
inline constexpr NodeId kRootNode{1};

// An open file or directory.
enum class HandleId : uint64_t {};

// Who asks. `in_group` answers for supplementary groups and is called only if it matters.
struct Caller {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::function<bool(uint32_t gid)> in_group;
};

inline constexpr size_t kNameBytesMax = 255;

}  // namespace rangefs
