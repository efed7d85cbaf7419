#include "journal/store.h"

#include <cerrno>
#include <limits>
#include <utility>

#include "journal/base/result_macros.h"

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

Result<std::vector<NamedEntry>> Store::list(std::string_view directory) {
  ASSIGN_OR_RETURN(NamesPage page, list(directory, 0, std::numeric_limits<size_t>::max()));
  return std::move(page.entries);
}

// Without recursion: a tree is as deep as somebody made it.
Status Store::visit(std::string_view directory, const Visitor& visitor, Status* unreadable) {
  constexpr size_t kPage = 1000;
  struct Place {
    std::string path;
    uint64_t from = 0;
  };
  std::vector<Place> places = {{std::string(directory)}};
  while (!places.empty()) {
    const Place place = std::move(places.back());
    places.pop_back();
    auto page = list(place.path, place.from, kPage);
    // One that was removed meanwhile.
    if (!page && page.error().code == Errc::kNotFound && place.path != directory) continue;
    if (!page && unreadable) {
      if (*unreadable) *unreadable = page.error();
      continue;
    }
    if (!page) return std::move(page).error();
    if (page->next) places.push_back({place.path, *page->next});
    for (const NamedEntry& each : page->entries) {
      std::string path = place.path.empty() ? each.name : place.path + '/' + each.name;
      if (each.entry.id == 0) {
        const Error error{Errc::kIo, EIO, path};
        if (!unreadable) return error;
        if (*unreadable) *unreadable = error;
        continue;
      }
      if (each.entry.kind == EntryKind::kDirectory) {
        places.push_back({std::move(path)});
      } else if (!visitor(path, JournalId(each.entry.id))) {
        return {};
      }
    }
  }
  return {};
}

}  // namespace range
