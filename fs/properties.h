// What journals and directories tell about themselves: lines of .info, xattrs "user.range.KEY".
// Paths and messages in values are in the escape of journal/printable.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fs/tree.h"
#include "fs/types.h"

namespace rangefs {

struct Property {
  std::string_view key;
  std::string value;
};

inline constexpr std::string_view kPropertyPrefix = "user.range.";

// How setxattr(2) was called.
enum class SetMode { kAny, kCreate, kReplace };

// Thread-safe.
class Properties {
 public:
  explicit Properties(Tree& tree) : tree_(tree) {}

  // All of a node, in the order in which they are shown. Control files have none.
  Result<std::vector<Property>> all(NodeId id, const Node& node);
  // "key: value" lines.
  Result<std::string> text(NodeId id, const Node& node);

  // These take the full name of an xattr. Errors: EOPNOTSUPP for names outside of "user.range.".
  // ENODATA if there is no such property.
  Result<std::string> get(NodeId id, const Node& node, std::string_view name);
  // EINVAL for an unknown key or value, EPERM for one that can only be read.
  Status set(NodeId id, const Node& node, std::string_view name, std::string_view value,
             SetMode mode);
  // Back to what is inherited. EPERM for what cannot be.
  Status remove(NodeId id, const Node& node, std::string_view name);

 private:
  std::vector<Property> of_journal(Journal& journal);
  std::string state_of(const Journal& journal, const Result<range::JournalInfo>& info);
  Result<std::vector<Property>> of_directory(NodeId id);
  Status change(NodeId id, const Node& node, std::string_view key,
                std::optional<std::string_view> value, SetMode mode);
  bool kept(const Attributes& own, std::string_view path);
  range::Framing framing(const Attributes& own, std::string_view path);

  Tree& tree_;
};

}  // namespace rangefs
