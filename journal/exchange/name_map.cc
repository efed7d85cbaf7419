#include "journal/exchange/name_map.h"

#include <fmt/core.h>

#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "journal/exchange/range_chunk_writer.h"
#include "journal/exchange/range_directory.h"
#include "journal/printable.h"
#include "journal/reserved_names.h"
#include "journal/result_macros.h"

namespace range::exchange {

namespace {

constexpr size_t kPartBytesMax = 255;
constexpr char kMark = '%';  // in what is chosen

// Why a journal or a directory of a mount cannot be called so; nothing if it can.
std::optional<std::string> objection_to_part(std::string_view part, bool at_root) {
  if (part.empty()) return "there is nothing between two slashes";
  if (part == "." || part == "..") return fmt::format("'{}' is no name", part);
  if (part.size() > kPartBytesMax) return "a part of it is longer than 255 bytes";
  if (part.find('\0') != std::string_view::npos) return "it has a NUL byte";
  if (is_reserved(part, at_root)) return fmt::format("'{}' is reserved for a control file", part);
  return std::nullopt;
}

std::vector<std::string_view> parts_of(std::string_view name) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t slash = name.find('/');
    parts.push_back(name.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    name.remove_prefix(slash + 1);
  }
}

// A path like `name`, of parts that can be.
std::string possible_path(std::string_view name) {
  std::string path;
  bool at_root = true;
  for (const std::string_view part : parts_of(name)) {
    if (!at_root) path += '/';
    const bool fits = !objection_to_part(part, at_root);
    const bool marked_first = part.empty() || part == "." || part == "..";
    if (!fits && marked_first) path += kMark;
    path += part;
    if (!fits && !marked_first) path += kMark;
    at_root = false;
  }
  return path;
}

void add_directories(std::string_view path, std::set<std::string>& directories) {
  for (size_t slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    directories.emplace(path.substr(0, slash));
  }
}

// `wanted`, or something like it that is not `taken`. `marked`: it is not to stay as it is.
std::string choose(const std::string& wanted, bool marked,
                   const std::function<bool(const std::string&)>& taken) {
  if (!marked && !taken(wanted)) return wanted;
  std::string chosen = wanted + kMark;
  for (uint64_t n = 2; taken(chosen); ++n) chosen = fmt::format("{}{}{}", wanted, kMark, n);
  return chosen;
}

// As much of `path` as a name of Range has room for, and a mark behind it.
std::string shortened(std::string path) {
  constexpr size_t kMarkBytesMax = 16;
  while (escape_name(path).size() > kPartBytesMax - kMarkBytesMax) path.pop_back();
  return path;
}

}  // namespace

Status check_store_name(std::string_view name) {
  std::optional<std::string> objection;
  if (name.empty()) objection = "it is empty";
  if (!objection && name.starts_with('/')) objection = "it begins with a slash";
  if (!objection && name.ends_with('/')) objection = "it ends with a slash";
  bool at_root = true;
  for (const std::string_view part : parts_of(name)) {
    if (!objection) objection = objection_to_part(part, at_root);
    at_root = false;
  }
  if (objection) return Error{Errc::kInvalid, 0, "cannot be a name in the store: " + *objection};
  return {};
}

Result<NameMap> NameMap::load(const Path& file, Env& env) {
  NameMap map;
  map.file_ = file;
  auto opened = env.open(file, Env::OpenMode::kRead);
  if (!opened && opened.error().code == Errc::kNotFound) return map;
  if (!opened) return std::move(opened).error();
  ASSIGN_OR_RETURN(const FileStat stat, (*opened)->stat());
  std::string text(stat.size, '\0');
  ASSIGN_OR_RETURN(const size_t n, (*opened)->read_at(0, std::as_writable_bytes(std::span(text))));
  text.resize(n);
  std::string_view rest = text;
  for (size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const Status added = line.empty() ? Status() : map.add_line(line);
    if (added) continue;
    return Error{Errc::kInvalid, 0,
                 fmt::format("{}, line {}: {}", file.native(), number, added.error().context)};
  }
  map.added_ = 0;
  return map;
}

Status NameMap::add_line(std::string_view line) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos || line.find('\t', tab + 1) != std::string_view::npos) {
    return Error{Errc::kInvalid, 0, "not a name, a tab and a path"};
  }
  ASSIGN_OR_RETURN(const std::string name, parse_printable(line.substr(0, tab)));
  ASSIGN_OR_RETURN(const std::string path, parse_printable(line.substr(tab + 1)));
  RETURN_IF_ERROR(place_of(name));
  RETURN_IF_ERROR(check_store_name(path));
  if (paths_.contains(name)) return Error{Errc::kInvalid, 0, name + " is there twice"};
  if (names_.contains(path)) return Error{Errc::kInvalid, 0, path + " is there twice"};
  add(name, path);
  return {};
}

void NameMap::add(const std::string& name, const std::string& path) {
  paths_[name] = path;
  names_[path] = name;
  ++added_;
}

std::string NameMap::path_of(const std::string& name) const {
  const auto found = paths_.find(name);
  return found == paths_.end() ? name : found->second;
}

std::string NameMap::name_of(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? path : found->second;
}

void NameMap::add_paths(const std::vector<std::string>& names) {
  std::map<std::string, std::string> wanted;  // by name
  std::set<std::string> directories;
  for (const std::string& name : names) {
    wanted[name] = paths_.contains(name) ? paths_[name] : possible_path(name);
    add_directories(wanted[name], directories);
  }
  std::set<std::string> used;
  for (const auto& [path, name] : names_) used.insert(path);
  // Names that can stay as they are come before what is chosen.
  for (const auto& [name, path] : wanted) {
    if (!paths_.contains(name) && path == name && !directories.contains(name)) used.insert(name);
  }
  for (const auto& [name, path] : wanted) {
    const bool mapped_elsewhere = names_.contains(name) && names_[name] != name;
    const bool stays = path == name && !directories.contains(name) && !mapped_elsewhere;
    if (paths_.contains(name) || stays) continue;
    const std::string chosen = choose(path, /*marked=*/path == name, [&](const std::string& each) {
      return used.contains(each) || directories.contains(each);
    });
    used.insert(chosen);
    add(name, chosen);
  }
}

void NameMap::add_names(const std::vector<std::string>& paths) {
  std::set<std::string> used(paths.begin(), paths.end());
  for (const auto& [name, path] : paths_) used.insert(name);
  for (const std::string& path : paths) {
    const bool mapped_elsewhere = paths_.contains(path) && paths_[path] != path;
    if (names_.contains(path) || (place_of(path) && !mapped_elsewhere)) continue;
    const std::string chosen =
        choose(shortened(path), /*marked=*/true,
               [&](const std::string& each) { return used.contains(each) || !place_of(each); });
    used.insert(chosen);
    add(chosen, path);
  }
}

Status NameMap::save(Env& env) {
  if (added_ == 0) return {};
  std::string text;
  for (const auto& [name, path] : paths_) {
    text += fmt::format("{}\t{}\n", printable(name), printable(path));
  }
  const Path fresh = file_.native() + ".new";
  Status removed = env.remove_file(fresh);
  if (!removed && removed.error().code != Errc::kNotFound) return removed;
  ASSIGN_OR_RETURN(NewFile file, NewFile::create(env, fresh));
  RETURN_IF_ERROR(file.append(as_bytes(text)));
  RETURN_IF_ERROR(file.finish());
  RETURN_IF_ERROR(env.rename(fresh, file_, /*replace=*/true));
  return env.sync_directory(file_.has_parent_path() ? file_.parent_path() : Path("."));
}

}  // namespace range::exchange
