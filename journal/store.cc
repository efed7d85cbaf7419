#include "journal/store.h"

#include <utility>

#include "journal/result_macros.h"

namespace range {

Result<std::shared_ptr<Journal>> Store::open(std::string_view path) {
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, look_up(path));
  if (!entry) return Error{Errc::kNotFound, 0, std::string(path)};
  if (entry->kind != EntryKind::kJournal) return Error{Errc::kInvalid, 0, std::string(path)};
  return open(JournalId(entry->id), path);
}

// Between two of these calls somebody may create or remove the journal.
Result<std::shared_ptr<Journal>> Store::get_or_create(std::string_view path,
                                                      const Attributes& attributes) {
  for (;;) {
    auto opened = open(path);
    if (opened || opened.error().code != Errc::kNotFound) return opened;
    auto created = create(path, attributes);
    if (created || created.error().code != Errc::kExists) return created;
  }
}

// Without recursion: a tree is as deep as somebody made it.
Status Store::visit(std::string_view directory, const Visitor& visitor) {
  std::vector<std::string> directories = {std::string(directory)};
  while (!directories.empty()) {
    const std::string parent = std::move(directories.back());
    directories.pop_back();
    auto entries = list(parent);
    // One that was removed meanwhile.
    if (!entries && entries.error().code == Errc::kNotFound && parent != directory) continue;
    if (!entries) return std::move(entries).error();
    for (const NamedEntry& each : *entries) {
      std::string path = parent.empty() ? each.name : parent + '/' + each.name;
      if (each.entry.kind == EntryKind::kDirectory) {
        directories.push_back(std::move(path));
      } else if (!visitor(path, JournalId(each.entry.id))) {
        return {};
      }
    }
  }
  return {};
}

}  // namespace range
