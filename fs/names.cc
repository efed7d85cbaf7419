#include "fs/names.h"

#include <algorithm>

namespace rangefs {

namespace {

constexpr std::array<std::string_view, 4> kReservedSuffixes{".pos", ".sync", ".follow", ".info"};
constexpr std::array<std::string_view, 3> kReservedAtRoot{".at", ".cursor", ".stats"};

}  // namespace

std::string_view suffix(ControlKind kind) {
  switch (kind) {
    case ControlKind::kPosition:
      return ".pos";
    case ControlKind::kSync:
      return ".sync";
    case ControlKind::kInfo:
      return ".info";
  }
  return "";
}

std::optional<ControlName> parse_control_name(std::string_view name) {
  for (const ControlKind kind : kControlKinds) {
    if (!name.ends_with(suffix(kind))) continue;
    return ControlName{name.substr(0, name.size() - suffix(kind).size()), kind};
  }
  return std::nullopt;
}

bool is_reserved(std::string_view name, bool at_root) {
  const auto ends_name = [&](std::string_view end) { return name.ends_with(end); };
  return std::ranges::any_of(kReservedSuffixes, ends_name) ||
         (at_root && std::ranges::find(kReservedAtRoot, name) != kReservedAtRoot.end());
}

std::string join_path(std::string_view path, std::string_view name) {
  std::string joined(path);
  if (!joined.empty()) joined += '/';
  return joined += name;
}

}  // namespace rangefs
