// The commands of rangectl, each in a file of its name.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "journal/exchange/name_map.h"
#include "journal/printable.h"
#include "journal/store.h"
#include "mount/rangectl/report.h"

namespace rangefs {

using Arguments = std::vector<std::string>;

// What a command is given; nothing of it is empty.
struct Request {
  std::string from;
  std::string to;
  Arguments names;                 // of journals, all of them if there is none
  std::optional<std::string> map;  // file
};

struct Command {
  const char* name;
  const char* usage;
  int (*run)(const Request& request);  // returns the exit status
};

extern const Command kImportRange;
extern const Command kExportRange;

// Those of `journals` whose names are `wanted`, all of them if none is.
template <typename Journal, typename NameOf>
std::vector<Journal> select(std::vector<Journal> journals, const Arguments& wanted, NameOf name_of,
                            Report& report) {
  if (wanted.empty()) return journals;
  std::set<std::string> missing(wanted.begin(), wanted.end());
  const std::set<std::string> names = missing;
  std::erase_if(journals, [&](const Journal& journal) {
    missing.erase(name_of(journal));
    return !names.contains(name_of(journal));
  });
  for (const std::string& name : missing) {
    report.problem(range::printable(name) + ": no such journal");
  }
  return journals;
}

// The paths of all journals in a store, sorted.
range::Result<Arguments> journals_of(range::Store& store);

// The map that was asked for, or an empty one.
range::Result<range::exchange::NameMap> load_map(const Request& request);
// Saves what was added to the map, and tells it.
range::Status save_map(const Request& request, range::exchange::NameMap& map, Report& report);

}  // namespace rangefs
