#include "journal/exchange/name_map.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/exchange/range_chunk_writer.h"
#include "journal/exchange/range_directory.h"
#include "journal/printable.h"
#include "journal/reserved_names.h"

namespace range::exchange {

namespace {

constexpr size_t kPartBytesMax = 255;
constexpr char kMark = '%';  // in what is chosen
constexpr size_t kMarkBytesMax = 16;

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

// `part`, so that there is room for a mark.
std::string_view before_mark(std::string_view part) {
  return part.size() < kPartBytesMax ? part : part.substr(0, kPartBytesMax - kMarkBytesMax);
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
    path += fits ? part : before_mark(part);
    if (!fits && !marked_first) path += kMark;
    at_root = false;
  }
  return path;
}

// The directories that `path` is in, from the root on.
std::vector<std::string> directories_of(std::string_view path) {
  std::vector<std::string> directories;
  for (size_t slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    directories.emplace_back(path.substr(0, slash));
  }
  return directories;
}

void add_directories(std::string_view path, std::set<std::string>& directories) {
  for (std::string& directory : directories_of(path)) directories.insert(std::move(directory));
}

// The first of the directories that `path` is in which is one of `journals`; nothing if none is.
std::optional<std::string> journal_above(std::string_view path,
                                         const std::set<std::string>& journals) {
  for (std::string& directory : directories_of(path)) {
    if (journals.contains(directory)) return std::move(directory);
  }
  return std::nullopt;
}

using Taken = std::function<bool(const std::string&)>;

// Something like `wanted` that is not `taken`, with a mark in the part that ends at `at`.
std::string choose_marked(const std::string& wanted, size_t at, const Taken& taken) {
  const size_t begin = wanted.substr(0, at).find_last_of('/') + 1;  // 0 for the first part
  const std::string before =
      wanted.substr(0, begin) + std::string(before_mark(wanted.substr(begin, at - begin))) + kMark;
  const std::string behind = wanted.substr(at);
  std::string chosen = before + behind;
  for (uint64_t n = 2; taken(chosen); ++n) chosen = fmt::format("{}{}{}", before, n, behind);
  return chosen;
}

// What journal `name` is called that cannot be called so, if possible `wanted`.
std::string choose_path(const std::string& name, const std::string& wanted,
                        const std::set<std::string>& used,
                        const std::set<std::string>& directories) {
  const Taken taken = [&](const std::string& path) {
    return used.contains(path) || directories.contains(path) || journal_above(path, used);
  };
  if (wanted != name && !taken(wanted)) return wanted;
  const auto above = journal_above(wanted, used);
  return choose_marked(wanted, above ? above->size() : wanted.size(), taken);
}

// As much of `path` as a name of Range has room for, and a mark behind it.
std::string shortened(std::string path) {
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
  if (objection) {
    return refusal(Errc::kInvalid, "cannot be a name in the store: " + *objection);
  }
  return {};
}

Result<NameMap> NameMap::load(const Path& file, Env& env) {
  NameMap map;
  map.file_ = file;
  auto opened = env.open(file, Env::OpenMode::kRead);
  map.is_new_ = !opened && opened.error().code == Errc::kNotFound;
  if (map.is_new_) return map;
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
    return refusal(Errc::kInvalid,
                   fmt::format("{}, line {}: {}", file.native(), number, added.error().context));
  }
  map.added_ = 0;
  return map;
}

Status NameMap::add_line(std::string_view line) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos || line.find('\t', tab + 1) != std::string_view::npos) {
    return refusal(Errc::kInvalid, "not a name, a tab and a path");
  }
  const bool raw = std::ranges::any_of(line, [](char c) {
    return c != '\t' && c != '\\' && printable({&c, 1}) != std::string_view(&c, 1);
  });
  if (raw) return refusal(Errc::kInvalid, "a control character that is not escaped");
  ASSIGN_OR_RETURN(const std::string name, parse_printable(line.substr(0, tab)));
  ASSIGN_OR_RETURN(const std::string path, parse_printable(line.substr(tab + 1)));
  if (const auto place = place_of(name); !place) {
    return refusal(Errc::kInvalid, name + ": " + place.error().context);
  }
  RETURN_IF_ERROR(check_store_name(path));
  if (paths_.contains(name)) return refusal(Errc::kInvalid, name + " is there twice");
  if (names_.contains(path)) return refusal(Errc::kInvalid, path + " is there twice");
  if (const auto other = in_the_way_of(path)) {
    return refusal(Errc::kInvalid, fmt::format("{} cannot be beside {}", path, *other));
  }
  add(name, path);
  return {};
}

// A journal above or below `path`.
std::optional<std::string> NameMap::in_the_way_of(const std::string& path) const {
  for (const std::string& directory : directories_of(path)) {
    if (names_.contains(directory)) return directory;
  }
  const auto below = names_.lower_bound(path + '/');
  const bool is_below = below != names_.end() && below->first.starts_with(path + '/');
  return is_below ? std::optional(below->first) : std::nullopt;
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

void NameMap::add_paths(const std::vector<std::string>& names,
                        const std::set<std::string>& journals) {
  std::set<std::string> used = journals;
  for (const auto& [path, name] : names_) used.insert(path);
  // What Range itself could not have is in no map, and stays as it is.
  for (const std::string& name : names) {
    if (!place_of(name)) used.insert(name);
  }
  std::set<std::string> directories;
  for (const std::string& path : used) add_directories(path, directories);
  std::map<std::string, std::string> wanted;  // by name
  for (const std::string& name : names) {
    if (paths_.contains(name) || !place_of(name)) continue;
    wanted[name] = possible_path(name);
    if (!journal_above(wanted[name], used)) add_directories(wanted[name], directories);
  }
  // Names that can stay as they are come before what is chosen.
  std::erase_if(wanted, [&](const auto& each) {
    const auto& [name, path] = each;
    const bool stays = path == name && !directories.contains(name) && !names_.contains(name) &&
                       !journal_above(name, used);
    if (stays) used.insert(name);
    return stays;
  });
  for (const auto& [name, path] : wanted) {
    const std::string chosen = choose_path(name, path, used, directories);
    used.insert(chosen);
    add_directories(chosen, directories);
    add(name, chosen);
  }
}

void NameMap::add_names(const std::vector<std::string>& paths) {
  std::set<std::string> used(paths.begin(), paths.end());
  for (const auto& [name, path] : paths_) used.insert(name);
  for (const std::string& path : paths) {
    const bool mapped_elsewhere = paths_.contains(path) && paths_[path] != path;
    if (names_.contains(path) || (place_of(path) && !mapped_elsewhere)) continue;
    const std::string begin = shortened(path);
    const std::string chosen = choose_marked(begin, begin.size(), [&](const std::string& each) {
      return used.contains(each) || !place_of(each);
    });
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
