// The part of LocalStore that applies retention.

#include "journal/base/result_macros.h"
#include "journal/local/local_store.h"

namespace range {

Status LocalStore::apply_retention() {
  RETURN_IF_ERROR(writable());
  Status result;
  const auto note = [&](const Status& done) {
    // One that was removed meanwhile, or the copied link of one.
    const bool gone =
        !done && (done.error().code == Errc::kNotFound || done.error().code == Errc::kNotPermitted);
    if (!done && !gone && result) result = done;
  };
  const auto apply = [&](const std::string& path, JournalId id) {
    note(apply_retention(path, id));
    // Those in use do not wait for the end, which may be far away.
    note(apply_retention_where_due());
    return !trimming_.stopping();
  };
  Status unreadable;
  note(visit("", apply, &unreadable));
  note(unreadable);
  return result;
}

Status LocalStore::apply_retention(const std::string& path, JournalId id) {
  if (files_.overfull()) (void)sync_queue_.sync_all(true);  // as before an append
  std::shared_ptr<LocalJournal> journal;
  {
    std::shared_lock names(names_mutex_);
    const auto stored = LocalJournal::stored_attributes(context_, id);
    if (!stored) return stored.error();
    ASSIGN_OR_RETURN(const Retention retention,
                     names_.retention(path, *stored, options_.retention));
    if (retention == Retention()) return {};
    ASSIGN_OR_RETURN(journal, look_at_journal(id, path, &names));
  }
  journal->read_attributes_again();
  return journal->apply_retention();
}

Status LocalStore::apply_retention_where_due() {
  Status result;
  for (const auto& journal : trim_queue_.take()) {
    if (trimming_.stopping()) break;
    const Status applied = journal->apply_retention();
    if (!applied && result) result = applied;
  }
  return result;
}

}  // namespace range
