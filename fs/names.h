// Names and paths, and what names the file system gives a meaning of its own.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "journal/reserved_names.h"

namespace rangefs {

enum class ControlKind { kPosition, kSync, kInfo };

inline constexpr std::array kControlKinds{ControlKind::kPosition, ControlKind::kSync,
                                          ControlKind::kInfo};

// A control file's name taken apart: "app.pos" is the position of `app`, ".pos" that of the
// directory it is in (`journal` is empty).
struct ControlName {
  std::string_view journal;
  ControlKind kind;
};

// Nothing if `name` is not that of a control file; `journal` borrows from `name`.
std::optional<ControlName> parse_control_name(std::string_view name);

// ".pos", ".sync", ".info".
std::string_view suffix(ControlKind kind);

using range::is_reserved;

// The path of what is called `name` in the directory at `path`, which is empty for the root.
std::string join_path(std::string_view path, std::string_view name);

}  // namespace rangefs
