#include "fs/names.h"

namespace rangefs {

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

std::string join_path(std::string_view path, std::string_view name) {
  std::string joined(path);
  if (!joined.empty()) joined += '/';
  return joined += name;
}

}  // namespace rangefs
