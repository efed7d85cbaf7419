#include "journal/exchange/import_range.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>

#include "journal/printable.h"
#include "journal/store.h"
#include "mount/rangectl/commands.h"

namespace rangefs {

namespace {

using range::counted;
using range::Store;
using range::exchange::ImportedJournal;
using range::exchange::NameMap;
using range::exchange::RangeJournal;
using range::exchange::RangeJournals;

constexpr const char* kUsage =
    "usage: rangectl import-range [--map FILE] DIR STORE [NAME...]\n"
    "\n"
    "Imports journals of the Go project Range from the directory DIR, which must not be in use,\n"
    "into a store of rangefs, which must not be mounted. STORE is created if it is not there.\n"
    "Without NAME all journals are imported. What an interrupted import left undone is done by "
    "the\n"
    "same command. NAMEs, and all that are printed, are in the escape of rangefs: \\n, \\t, \\r, "
    "\\\\\n"
    "and \\xHH. Those that begin with a dash stand behind --.\n"
    "\n"
    "  --map FILE  for names that cannot be in a store (\"a//b\", \"x.pos\", \"web\" beside\n"
    "              \"web/access\"): FILE says what they are called there, a line each: name, tab,\n"
    "              path. For those it does not have, one is chosen and added. Without it they are\n"
    "              refused.\n"
    "  -h, --help  this text\n"
    "\n"
    "The exit status is 0 if all was imported; 1 if something was left out or refused, each with "
    "a\n"
    "line on stderr; 2 for wrong usage.\n";

std::string summary(const ImportedJournal& imported) {
  if (imported.records > 0 && imported.records == imported.records_before) {
    return fmt::format("already complete, {} compared", counted(imported.records, "record"));
  }
  std::string text = fmt::format("{}, {}, {:.1f} MB imported", counted(imported.records, "record"),
                                 counted(imported.chunks, "chunk"), megabytes(imported.bytes));
  if (imported.records_before > 0) {
    text += fmt::format(", the first {} of them before", imported.records_before);
  }
  return text;
}

void import_one(Store& store, const RangeJournal& journal, const NameMap& map, Report& report) {
  const RangeJournal target{map.path_of(journal.name), journal.directory};
  const auto imported = import_journal(store, target, report.progress());
  if (!imported) return report.failed(journal.name, imported.error());
  report.notes(journal.name, imported->notes, /*left_out=*/false);
  report.notes(journal.name, imported->damage, /*left_out=*/true);
  const bool renamed = target.name != journal.name;
  report.result(journal.name,
                summary(*imported) + (renamed ? " as " + range::printable(target.name) : ""));
}

Arguments names_of(const std::vector<RangeJournal>& journals) {
  Arguments names;
  for (const RangeJournal& journal : journals) names.push_back(journal.name);
  return names;
}

range::Status choose_paths(const Request& request, Store& store, const RangeJournals& found,
                           NameMap& map, Report& report) {
  if (!request.map) return {};
  const auto there = journals_of(store);
  if (!there) return there.error();
  map.add_paths(names_of(found.journals), {there->begin(), there->end()});
  return save_map(request, map, report);
}

int run(const Request& request) {
  Report report("imported");
  auto found = range::exchange::list_journals(request.from);
  if (!found) return fail(found.error());
  if (request.names.empty()) {
    for (const range::Error& problem : found->problems) report.problem(to_string(problem));
  }
  auto map = load_map(request);
  if (!map) return fail(map.error());
  if (map->is_new()) {
    report.remark(range::printable(*request.map) + ": is not there, begun anew");
  }
  const auto journals = select(
      found->journals, request.names, [](const RangeJournal& journal) { return journal.name; },
      report);
  report.set_total(journals.size());
  ::umask(077);  // as the daemon does: modes of journals are kept in the store
  range::StoreOptions options;
  options.log = report.log();
  const auto store = range::open_store(request.to, options);
  if (!store) return fail(store.error());
  const range::Status named = choose_paths(request, **store, *found, *map, report);
  if (!named) return fail(named.error());
  for (const RangeJournal& journal : journals) import_one(**store, journal, *map, report);
  const range::Status closed = (*store)->close();
  if (!closed) report.problem(to_string(closed.error()));
  return report.finish();
}

}  // namespace

const Command kImportRange{"import-range", kUsage, run};

}  // namespace rangefs
