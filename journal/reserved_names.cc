#include "journal/reserved_names.h"

#include <algorithm>
#include <array>

namespace range {

namespace {

constexpr std::array<std::string_view, 5> kSuffixes{".pos", ".sync", ".follow", ".info",
                                                    ".stamped"};
constexpr std::array<std::string_view, 3> kAtRoot{".at", ".cursor", ".stats"};

}  // namespace

bool is_reserved(std::string_view name, bool at_root) {
  const auto ends_name = [&](std::string_view end) { return name.ends_with(end); };
  return std::ranges::any_of(kSuffixes, ends_name) ||
         (at_root && std::ranges::find(kAtRoot, name) != kAtRoot.end());
}

}  // namespace range
