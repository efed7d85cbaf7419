// Names of the Go project Range and paths in a store, where one cannot be the other.
//
// Range has names of any bytes but NUL, also "a//b", "x.pos", or "web" beside "web/access". A store
// has names that Range has not: those of one byte, and those that are too long when escaped. A map
// says what such a name is called on the other side, so that nothing has to be left out, and comes
// back under its own name. It is a file of lines
//
//   NAME <tab> PATH
//
// both as printable() writes them.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "journal/env/env.h"
#include "journal/status.h"

namespace range::exchange {

// Errors: kInvalid, with the reason, for the name of a journal that cannot be in a store that is
// mounted.
Status check_store_name(std::string_view name);

// Not thread-safe.
class NameMap {
 public:
  // A map that is empty, and of no file.
  NameMap() = default;
  // Reads `file`; if it is not there the map is empty. Errors: kInvalid, with the line, for what is
  // malformed, twice there, or leads to a name that cannot be, alone or beside another; kIo.
  static Result<NameMap> load(const Path& file, Env& env = posix_env());

  // What a journal of Range's is called in the store, and the other way round; the same if the map
  // does not say.
  std::string path_of(const std::string& name) const;
  std::string name_of(const std::string& path) const;

  // Adds a path for each of `names`, all there are, that cannot be one itself, or would be in the
  // way of another. `journals` are those that the store has: a name that is one of them is that
  // one, and none is chosen. The same names get the same paths.
  void add_paths(const std::vector<std::string>& names, const std::set<std::string>& journals = {});
  // Adds a name for each of `paths`, all there are, that Range cannot have.
  void add_names(const std::vector<std::string>& paths);

  // Whether its file was not there.
  bool is_new() const { return is_new_; }
  size_t size() const { return paths_.size(); }
  size_t added() const { return added_; }

  // Writes what was added to the file, if anything was; it survives power loss then. Errors:
  // kNoSpace and kIo; the file is as it was.
  Status save(Env& env = posix_env());

 private:
  Status add_line(std::string_view line);
  std::optional<std::string> in_the_way_of(const std::string& path) const;
  void add(const std::string& name, const std::string& path);

  Path file_;
  std::map<std::string, std::string> paths_;  // by name
  std::map<std::string, std::string> names_;  // by path
  size_t added_ = 0;
  bool is_new_ = false;
};

}  // namespace range::exchange
