#include "journal/exchange/export_range.h"

#include <fmt/core.h>

#include "journal/printable.h"
#include "journal/store.h"
#include "mount/rangectl/commands.h"

namespace rangefs {

namespace {

using range::counted;
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
    "are printed, are in the escape of rangefs: \\n, \\t, \\r, \\\\ and \\xHH. Those that begin "
    "with\n"
    "a dash stand behind --.\n"
    "\n"
    "  --map FILE  the map of an import, or an empty file: journals get back the names they had.\n"
    "              For names that Range cannot have (of one byte, say), one is chosen and added "
    "to\n"
    "              it. Without it they are refused.\n"
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
  report.result(path,
                fmt::format("{}, {}, {:.1f} MB exported{}", counted(exported->records, "record"),
                            counted(exported->chunks, "chunk"), megabytes(exported->bytes),
                            name == path ? "" : " as " + range::printable(name)));
}

int run(const Request& request) {
  Report report("exported");
  auto map = load_map(request);
  if (!map) return fail(map.error());
  if (map->is_new()) {
    // Else journals would come out under other names than they had.
    report.problem(range::printable(*request.map) + ": there is no such map");
    return 1;
  }
  range::StoreOptions options;
  options.read_only = true;
  options.log = report.log();
  const auto store = range::open_store(request.from, options);
  if (!store) return fail(store.error());
  auto found = journals_of(**store);
  if (!found) return fail(found.error());
  if (request.map) map->add_names(*found);
  if (const range::Status saved = save_map(request, *map, report); !saved) {
    return fail(saved.error());
  }
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
