#include "fs/names.h"

namespace rangefs {

std::optional<ControlName> parse_control_name(std::string_view name) {
  for (const ControlTraits& control : kControls) {
    if (!name.ends_with(control.suffix)) continue;
    return ControlName{name.substr(0, name.size() - control.suffix.size()), control.kind};
  }
  return std::nullopt;
}

std::string join_path(std::string_view path, std::string_view name) {
  std::string joined(path);
  if (!joined.empty()) joined += '/';
  return joined += name;
}

}  // namespace rangefs
