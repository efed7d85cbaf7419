// The part of LocalStore that deals with names and with the journals behind them.

#include <fmt/core.h>

#include <algorithm>

#include "journal/base/result_macros.h"
#include "journal/chunk/read_around.h"
#include "journal/local/local_store.h"
#include "journal/printable.h"

namespace range {

namespace {

// What cannot be read may be records.
bool is_empty(const LocalJournal& journal) {
  const Extent extent = journal.extent();
  return extent.begin.record == extent.end.record && !journal.is_end_unreadable();
}

}  // namespace

Result<std::optional<Entry>> LocalStore::look_up(std::string_view path) {
  std::shared_lock lock(names_mutex_);
  return names_.look_up(path);
}

Result<NamesPage> LocalStore::list(std::string_view directory, uint64_t from, size_t entries_max) {
  if (entries_max == 0) return name_error(Errc::kInvalid, directory);
  std::shared_lock lock(names_mutex_);
  return names_.list(directory, from, entries_max);
}

Result<Entry> LocalStore::existing(std::string_view path) {
  ASSIGN_OR_RETURN(const std::optional<Entry> entry, names_.look_up(path));
  if (!entry) return name_error(Errc::kNotFound, path);
  return *entry;
}

Result<std::shared_ptr<Journal>> LocalStore::open(JournalId id, std::string_view path) {
  std::shared_lock names(names_mutex_);
  ASSIGN_OR_RETURN(const auto journal, open_journal(id, path, &names));
  if (names.owns_lock()) names.unlock();
  journal->read_attributes_again();
  if (options_.check_on_open) RETURN_IF_ERROR(journal->check_once());
  return std::shared_ptr<Journal>(journal);
}

Result<std::shared_ptr<Journal>> LocalStore::find_open(JournalId id, std::string_view path) {
  std::shared_lock names(names_mutex_);
  const auto known = journals_.find(id);
  const bool waits = !known || known->attributes_may_be_readable() || options_.check_on_open;
  if (waits) return std::shared_ptr<Journal>();
  ASSIGN_OR_RETURN(const auto journal, open_journal(id, path, &names));
  return std::shared_ptr<Journal>(journal);
}

// A journal without a directory has lost it with power if its name is still there.
Status LocalStore::check_not_removed(JournalId id, std::string_view path) {
  const auto directory = env_.stat(names_.journal_directory(id));
  if (directory || directory.error().code != Errc::kNotFound) return {};
  ASSIGN_OR_RETURN(const bool there, names_.leads_to(path, id));
  return there ? Status() : name_error(Errc::kNotFound, path);
}

Result<std::shared_ptr<LocalJournal>> LocalStore::open_journal(JournalId id, std::string_view path,
                                                               NamesLock* names) {
  ASSIGN_OR_RETURN(auto journal, look_at_journal(id, path, names));
  journals_.note_use(journal);
  return journal;
}

Result<std::shared_ptr<LocalJournal>> LocalStore::look_at_journal(JournalId id,
                                                                  std::string_view path,
                                                                  NamesLock* names) {
  for (;;) {
    auto journal = journals_.find(id);
    if (reclaimer_.has(id)) return removed_journal(std::move(journal), id, path);
    if (journal) {
      // It may have been opened under a name that did not lead to it any more, or never did.
      if (journal->path() == path) return journal;
      ASSIGN_OR_RETURN(const bool there, names_.leads_to(path, id));
      if (there) journal->set_path(std::string(path));
      return journal;
    }
    auto opening = journals_.begin(id, path);
    if (opening) {
      RETURN_IF_ERROR(check_not_removed(id, path));
      // Nobody removes it now: that takes opening it.
      if (names != nullptr) names->unlock();
      ASSIGN_OR_RETURN(journal, LocalJournal::open(context_, id, std::string(path)));
      opening->opened(journal);
      return journal;
    }
    if (names != nullptr) names->unlock();
    journals_.wait_until_opened(id);
    if (names != nullptr) names->lock();
  }
}

// Of a copied link it is not "not found": who wants it would go on trying. Nor may anything be
// appended there.
Result<std::shared_ptr<LocalJournal>> LocalStore::removed_journal(
    std::shared_ptr<LocalJournal> journal, JournalId id, std::string_view path) {
  ASSIGN_OR_RETURN(const bool there, names_.leads_to(path, id));
  if (there) {
    return refusal(Errc::kNotPermitted,
                   std::string(path) + " is a copy of the link of a journal that was removed");
  }
  if (!journal) return name_error(Errc::kNotFound, path);
  return journal;
}

// Opens a journal that is about to be looked at under the lock of names, which others need, and
// waits for the append that is under way, which may be syncing.
void LocalStore::open_ahead(std::string_view path) {
  std::shared_lock names(names_mutex_);
  const auto found = names_.look_up(path);
  if (!found || !*found || (*found)->kind != EntryKind::kJournal) return;
  const auto journal = open_journal(JournalId((*found)->id), path, &names);
  if (names.owns_lock()) names.unlock();
  if (journal) (void)(*journal)->hold_appends();
}

void LocalStore::let_go_of_idle() {
  journals_.let_go_of_idle();
  files_.close_idle();
}

Result<std::shared_ptr<Journal>> LocalStore::create(std::string_view path,
                                                    const Attributes& attributes) {
  RETURN_IF_ERROR(writable());
  if (files_.overfull()) (void)sync_queue_.sync_all(true);  // as before an append
  std::unique_lock lock(names_mutex_);
  Attributes resolved = attributes;
  RETURN_IF_ERROR(check_path(path, false));
  ASSIGN_OR_RETURN(const Retention retention,
                   names_.retention(path, attributes, options_.retention));
  if (!resolved.framing) {
    ASSIGN_OR_RETURN(resolved.framing, names_.inherited(path, &Attributes::framing));
    if (!resolved.framing) resolved.framing = options_.framing;
  }
  if (resolved.created == Time()) resolved.created = clock_.now();
  std::shared_ptr<ChunkWriter> first;
  const auto id = names_.create_journal(path, [&](JournalId made) -> Result<Path> {
    ASSIGN_OR_RETURN(first, LocalJournal::begin(context_, made, resolved));
    return names_.journal_directory(made) / chunk_file_name(first->header().chunk, ".idx");
  });
  if (!id) {
    if (first) files_.erase(first->header().journal);
    return id.error();
  }
  const auto journal =
      LocalJournal::create(context_, std::string(path), resolved, retention, std::move(first));
  journals_.add(journal);
  return std::shared_ptr<Journal>(journal);
}

Result<Entry> LocalStore::make_directory(std::string_view path, const Attributes& attributes) {
  RETURN_IF_ERROR(writable());
  std::unique_lock lock(names_mutex_);
  Attributes stamped = attributes;
  if (stamped.created == Time()) stamped.created = clock_.now();
  return names_.create_directory(path, stamped);
}

// Whether a journal must not be removed as long as it has records. Errors: what could tell cannot
// be read, or is damaged, and no directory above says that it may go.
Result<bool> LocalStore::is_kept(JournalId id, std::string_view path, const LocalJournal* journal) {
  // Of one whose directory is unreadable the attributes may still be read.
  const auto own = journal != nullptr ? journal->known_attributes()
                                      : LocalJournal::stored_attributes(context_, id);
  if (own && own->keep) return *own->keep;
  ASSIGN_OR_RETURN(const std::optional<bool> above,
                   names_.setting_in(parent_of(path), &Attributes::keep));
  const bool hidden = !own && own.error().code != Errc::kNotFound;  // or nothing was ever stored
  if (hidden && above.value_or(true)) return own.error();
  return above.value_or(false);
}

Status LocalStore::remove(std::string_view path) {
  RETURN_IF_ERROR(writable());
  open_ahead(path);
  std::unique_lock lock(names_mutex_);
  ASSIGN_OR_RETURN(const Entry entry, existing(path));
  if (entry.kind != EntryKind::kJournal) return name_error(Errc::kInvalid, path);
  const JournalId id(entry.id);
  const auto journal = open_journal(id, path, nullptr);
  // Of one whose directory is unreadable nothing is known but that it is there.
  if (!journal && !unreadable(journal.error())) return journal.error();
  if (journal) (*journal)->read_attributes_again();
  std::unique_lock<Mutex> appends;
  if (journal) appends = (*journal)->hold_appends();
  if (!journal || !is_empty(**journal)) {
    const auto kept = is_kept(id, path, journal ? journal->get() : nullptr);
    if (!kept) {
      log_.error("{} is not removed, it may have to be kept: {}", printable(path),
                 to_string(kept.error()));
      return kept.error();
    }
    if (*kept) return name_error(Errc::kNotPermitted, path);
  }
  RETURN_IF_ERROR(names_.discard(path));
  journal_discarded(id);
  return {};
}

void LocalStore::journal_discarded(JournalId id) {
  sync_queue_.drop(id);
  reclaimer_.add(id, journals_.note_removed(id));
}

Status LocalStore::remove_directory(std::string_view path) {
  RETURN_IF_ERROR(writable());
  (void)names_.sync_inside(path);  // before the lock is taken: it waits for the disk
  std::unique_lock lock(names_mutex_);
  ASSIGN_OR_RETURN(const Entry entry, existing(path));
  if (entry.kind != EntryKind::kDirectory || path.empty()) return name_error(Errc::kInvalid, path);
  RETURN_IF_ERROR(check_empty(path));
  return names_.discard(path);
}

Status LocalStore::check_empty(std::string_view directory) {
  for (std::optional<uint64_t> next = 0; next;) {
    ASSIGN_OR_RETURN(const NamesPage page, names_.list(directory, *next, 100));
    if (!page.entries.empty()) return name_error(Errc::kNotEmpty, directory);
    next = page.next;
  }
  return {};
}

Status LocalStore::sync_names(std::string_view path) {
  {
    std::shared_lock names(names_mutex_);
    ASSIGN_OR_RETURN(const std::optional<Entry> found, names_.look_up(path));
    if (!found || found->kind != EntryKind::kDirectory) return {};
  }
  return names_.sync_directory(path);
}

Status LocalStore::rename(std::string_view from, std::string_view to, bool replace) {
  RETURN_IF_ERROR(writable());
  // What waits for the disk is done before the lock is taken.
  (void)sync_names(from);
  if (replace) {
    (void)sync_names(to);
    open_ahead(to);
  }
  std::unique_lock lock(names_mutex_);
  ASSIGN_OR_RETURN(const Entry entry, existing(from));
  if (from.empty() || to.empty()) return name_error(Errc::kInvalid, from);
  if (from == to) return replace ? Status() : name_error(Errc::kExists, to);
  if (to.starts_with(std::string(from) + '/')) return name_error(Errc::kInvalid, to);
  std::shared_ptr<LocalJournal> target;
  std::unique_lock<Mutex> appends;  // to the target, which must stay empty until it is gone
  ASSIGN_OR_RETURN(const std::optional<Entry> replaced, names_.look_up(to));
  if (replaced) {
    if (!replace) return name_error(Errc::kExists, to);
    if (replaced->kind != entry.kind) return name_error(Errc::kInvalid, to);
    if (replaced->kind == EntryKind::kDirectory) {
      RETURN_IF_ERROR(check_empty(to));
    } else {
      ASSIGN_OR_RETURN(target, open_journal(JournalId(replaced->id), to, nullptr));
      appends = target->hold_appends();
      if (!is_empty(*target)) return name_error(Errc::kNotPermitted, to);
    }
  }
  const Status renamed = replaced ? names_.rename_over(from, to) : names_.rename(from, to);
  if (target) {
    // It may be gone without the other being there.
    const auto there = renamed ? Result<bool>(false) : names_.leads_to(to, target->id());
    if (there && !*there) journal_discarded(target->id());
  }
  RETURN_IF_ERROR(renamed);
  journals_.note_moved(from, to);
  return {};
}

Result<Attributes> LocalStore::directory_attributes(std::string_view path) {
  std::shared_lock lock(names_mutex_);
  return names_.directory_attributes(path);
}

Status LocalStore::set_directory_attributes(std::string_view path, const Attributes& attributes) {
  RETURN_IF_ERROR(writable());
  if (attributes.mode > 07777) return name_error(Errc::kInvalid, path);
  MutexLock settings(settings_mutex_);
  std::shared_lock lock(names_mutex_);  // it waits for the disk: whoever looks something up goes on
  return names_.set_directory_attributes(path, attributes);
}

Result<Framing> LocalStore::framing_in(std::string_view directory) {
  std::shared_lock lock(names_mutex_);
  ASSIGN_OR_RETURN(const std::optional<Framing> set,
                   names_.setting_in(directory, &Attributes::framing));
  return set.value_or(options_.framing);
}

Status LocalStore::set_directory_modified(std::string_view path, Timestamp modified) {
  RETURN_IF_ERROR(writable());
  MutexLock settings(settings_mutex_);
  std::shared_lock lock(names_mutex_);
  return names_.set_directory_modified(path, modified);
}

}  // namespace range
