#include "mount/rangectl/commands.h"

#include <algorithm>

namespace rangefs {

using range::Result;
using range::Status;
using range::exchange::NameMap;

Result<Arguments> journals_of(range::Store& store) {
  Arguments paths;
  const Status visited = store.visit("", [&](const std::string& path, range::JournalId) {
    paths.push_back(path);
    return true;
  });
  if (!visited) return visited.error();
  std::ranges::sort(paths);
  return paths;
}

Result<NameMap> load_map(const Request& request) {
  return request.map ? NameMap::load(*request.map) : NameMap();
}

Status save_map(const Request& request, NameMap& map, Report& report) {
  if (!request.map) return {};
  if (Status saved = map.save(); !saved) return saved;
  if (map.added() > 0) {
    report.remark(range::printable(*request.map) + ": names added: " + std::to_string(map.added()));
  }
  return {};
}

}  // namespace rangefs
