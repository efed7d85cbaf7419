// What journals and directories tell about themselves: lines of .info, xattrs "user.range.KEY".
// Paths and messages in values are in the escape of journal/printable.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/property_table.h"
#include "fs/tree.h"
#include "fs/types.h"

namespace rangefs {

inline constexpr std::string_view kPropertyPrefix = "user.range.";

// How setxattr(2) was called.
enum class SetMode { kAny, kCreate, kReplace };

// Thread-safe.
class Properties {
 public:
  explicit Properties(Tree& tree) : tree_(tree) {}

  // "key: value" lines of a journal or a directory.
  Result<std::string> text(NodeId id, const Node& node);

  // The full names of those that are set on this node itself, and with the values that it has can
  // be set on a copy. A journal always has a framing: that counts as set unless it has it without
  // any setting. For who copies a tree may make a journal before its directory has its settings, or
  // after.
  Result<std::vector<std::string>> names_set(NodeId id, const Node& node);

  // These take the full name of an xattr. Control files have none. Errors: EOPNOTSUPP for names
  // outside of "user.range.". ENODATA if there is no such property.
  Result<std::string> get(NodeId id, const Node& node, std::string_view name);
  // Whether get() may wait for the disk, or for long.
  static bool get_waits(std::string_view name);
  // EINVAL for an unknown key or value, EPERM for one that can only be read.
  Status set(NodeId id, const Node& node, std::string_view name, std::string_view value,
             SetMode mode);
  // Back to what is inherited; ENODATA if nothing is listed. EPERM for what can only be read. What
  // a journal has inherited from a directory that sets it stays listed, and removing that again is
  // no error: `rsync -X` removes it with each run, and would fail.
  Status remove(NodeId id, const Node& node, std::string_view name);

 private:
  Result<PropertyOwner> owner(NodeId id, const Node& node) REQUIRES_SHARED(tree_.names);
  Result<bool> is_set(const PropertyOwner& owner, const Attributes& own, std::string_view key)
      REQUIRES_SHARED(tree_.names);
  Status assign(const PropertyOwner& owner, Attributes& own, std::string_view key,
                std::optional<std::string_view> value) REQUIRES_SHARED(tree_.names);
  Status change(NodeId id, const Node& node, std::string_view key,
                std::optional<std::string_view> value, SetMode mode);

  Tree& tree_;
};

}  // namespace rangefs
