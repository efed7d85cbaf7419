// Names and paths, and what names the file system gives a meaning of its own.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "journal/reserved_names.h"

namespace rangefs {

enum class ControlKind { kPosition, kSync, kInfo };

// What everybody has to know of a kind of control file; the rest is in controls/.
struct ControlTraits {
  ControlKind kind;
  std::string_view suffix;
  uint32_t mode;  // the permissions of its journal or directory that it can have
  bool moves;     // a command changes where a name leads: it must not be done twice
};

// In the order of ControlKind.
inline constexpr std::array kControls{
    ControlTraits{ControlKind::kPosition, ".pos", 0666, true},
    ControlTraits{ControlKind::kSync, ".sync", 0666, false},
    ControlTraits{ControlKind::kInfo, ".info", 0444, false},
};
static_assert(std::ranges::is_sorted(kControls, {}, &ControlTraits::kind));

constexpr const ControlTraits& traits(ControlKind kind) {
  return kControls.at(static_cast<size_t>(kind));
}

// A control file's name taken apart: "app.pos" is the position of `app`, ".pos" that of the
// directory it is in (`journal` is empty).
struct ControlName {
  std::string_view journal;
  ControlKind kind;
};

// Nothing if `name` is not that of a control file; `journal` borrows from `name`.
std::optional<ControlName> parse_control_name(std::string_view name);

using range::is_reserved;

// The path of what is called `name` in the directory at `path`, which is empty for the root.
std::string join_path(std::string_view path, std::string_view name);

}  // namespace rangefs
