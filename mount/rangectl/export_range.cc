#include "journal/exchange/export_range.h"

#include <fmt/core.h>

#include <algorithm>

#include "journal/store.h"
#include "mount/rangectl/commands.h"

namespace rangefs {

namespace {

using range::Result;
using range::Store;
using range::exchange::NameMap;
using range::exchange::RangeExport;

constexpr const char* kUsage =
    "usage: rangectl export-range [--map FILE] STORE DIR [PATH...]\n"
    "\n"
    "Exports journals of a store of rangefs, which must not be mounted, to journals that the\n"
    "directory DIR of the Go project Range, which must not be in use, does not have yet. DIR is\n"
    "created if it is not there. Without PATH all journals are exported. PATHs, and all names "
    "that\n"
    "are printed, are in the escape of rangefs: \\n, \\t, \\r, \\\\ and \\xHH.\n"
    "\n"
    "  --map FILE  the map of an import: journals get back the names they had. For names that "
    "Range\n"
    "              cannot have (of one byte, say), one is chosen and added to it. Without it they\n"
    "              are refused.\n"
    "  -h, --help  this text\n"
    "\n"
    "The exit status is 0 if all was exported; 1 if something was left out or refused, each with "
    "a\n"
    "line on stderr; 2 for wrong usage.\n";

void export_one(RangeExport& target, Store& store, const std::string& path, const NameMap& map,
                Report& report) {
  const std::string name = map.name_of(path);
  const auto exported = target.export_journal(store, path, name, report.progress());
  if (!exported) return report.failed(path, exported.error());
  report.notes(path, exported->notes, /*left_out=*/false);
  report.notes(path, exported->damage, /*left_out=*/true);
  report.result(path, fmt::format("{} records, {} chunks, {:.1f} MB exported{}", exported->records,
                                  exported->chunks, megabytes(exported->bytes),
                                  name == path ? "" : " as " + range::printable(name)));
}

Result<Arguments> journals_of(Store& store) {
  Arguments paths;
  const range::Status visited = store.visit("", [&](const std::string& path, range::JournalId) {
    paths.push_back(path);
    return true;
  });
  if (!visited) return visited.error();
  std::ranges::sort(paths);
  return paths;
}

int run(const Request& request) {
  Report report("exported");
  range::StoreOptions options;
  options.read_only = true;
  const auto store = range::open_store(request.from, options);
  if (!store) return fail(store.error());
  auto found = journals_of(**store);
  if (!found) return fail(found.error());
  const auto map = prepare_map(
      request, [&](NameMap& each) { each.add_names(*found); }, report);
  if (!map) return fail(map.error());
  auto target = RangeExport::open(request.to);
  if (!target) return fail(target.error());
  const auto journals = select(
      *std::move(found), request.names, [](const std::string& each) { return each; }, report);
  report.set_total(journals.size());
  for (const std::string& journal : journals) export_one(*target, **store, journal, *map, report);
  const range::Status closed = (*store)->close();
  if (!closed) report.problem(to_string(closed.error()));
  return report.finish();
}

}  // namespace

const Command kExportRange{"export-range", kUsage, run};

}  // namespace rangefs
