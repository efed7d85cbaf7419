// The properties that there are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fs/tree.h"
#include "fs/types.h"

namespace rangefs {

// What properties are of, a journal or else a directory, as it is when it is first asked. Of one
// thread, which holds Tree::names.
class PropertyOwner {
 public:
  struct Counts {
    uint64_t journals = 0;
    uint64_t directories = 0;
  };

  // `journal`: null for the directory at `directory`, which else is the one that it is in.
  PropertyOwner(Tree& tree, std::shared_ptr<Journal> journal, std::string directory)
      : tree_(tree), journal_(std::move(journal)), directory_(std::move(directory)) {}

  Tree& tree() const { return tree_; }
  Journal* journal() const { return journal_.get(); }
  const std::string& directory() const { return directory_; }

  // Its own.
  Result<Attributes> attributes() const;
  // Whether a journal that is there, or a new one in the directory, may not be removed, by `own`
  // and those of the directories above.
  bool kept(const Attributes& own) const;

  // Of a journal.
  const range::Extent& extent();
  // When the oldest record was appended; nothing if there is none. Reads it.
  const Result<std::optional<range::Time>>& first_time();
  // Asks the disk about each chunk.
  const Result<range::JournalInfo>& info();

  // Of a directory; reads it.
  Result<Counts> counts();

 private:
  Result<std::optional<range::Time>> read_first_time();

  Tree& tree_;
  const std::shared_ptr<Journal> journal_;
  const std::string directory_;
  std::optional<range::Extent> extent_;
  std::optional<Result<std::optional<range::Time>>> first_time_;
  std::optional<Result<range::JournalInfo>> info_;
  std::optional<Counts> counts_;
};

// Nothing if it has none just now.
using PropertyValue = Result<std::optional<std::string>>;

struct PropertyEntry {
  std::string_view key;
  PropertyValue (*value)(PropertyOwner& owner);
  bool waits = false;  // value() waits for the disk, or takes long
};

inline constexpr std::string_view kFraming = "framing";
inline constexpr std::string_view kKeep = "keep";

// Those of a kind, in the order in which they are shown.
enum class PropertyKind { kOfJournal, kOfDirectory, kOfRoot };
std::span<const PropertyEntry> property_table(PropertyKind kind);

// Null if none of this kind is called so.
const PropertyEntry* find_property(PropertyKind kind, std::string_view key);

}  // namespace rangefs
