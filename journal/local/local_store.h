// A store whose journals are in chunk files of a local file system.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "journal/base/mutex.h"
#include "journal/base/periodic_thread.h"
#include "journal/env/env.h"
#include "journal/local/local_journal.h"
#include "journal/local/names.h"
#include "journal/local/open_journals.h"
#include "journal/local/reclaimer.h"
#include "journal/local/store_clock.h"
#include "journal/local/sync_queue.h"
#include "journal/local/trim_queue.h"
#include "journal/store.h"

namespace range {

// Layout: STORE/format says what it is, STORE/lock holds the pid of the process that writes to it,
// the rest is described in names.h. Of its threads one syncs in the background, one deletes what
// was removed, and one applies retention: none of them waits for the work of another, and closing
// the store has all of them stop.
//
// Locks, in the order in which they are taken: noted_mutex_, the one of Reclaimer::run(),
// settings_mutex_, names_mutex_, those of a journal, the one of OpenJournals.
class LocalStore final : public Store {
 public:
  // As open_store(). `env` must outlive the store. For tests: without `background` nothing happens
  // but what is called for, and files are mapped sooner or later.
  static Result<std::unique_ptr<LocalStore>> open(Env& env, const Path& path,
                                                  const StoreOptions& options,
                                                  bool background = true,
                                                  const MappingSizes& mapping = {});
  ~LocalStore() override;

  Result<std::optional<Entry>> look_up(std::string_view path) override;
  using Store::open;
  Result<std::shared_ptr<Journal>> open(JournalId id, std::string_view path) override;
  Result<std::shared_ptr<Journal>> find_open(JournalId id, std::string_view path) override;
  Result<std::shared_ptr<Journal>> create(std::string_view path,
                                          const Attributes& attributes) override;
  Result<Entry> make_directory(std::string_view path, const Attributes& attributes) override;
  Status remove(std::string_view path) override;
  Status remove_directory(std::string_view path) override;
  Status rename(std::string_view from, std::string_view to, bool replace) override;
  Status sync_names(std::string_view path) override;
  using Store::list;
  Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max) override;
  Result<Attributes> directory_attributes(std::string_view path) override;
  Status set_directory_attributes(std::string_view path, const Attributes& attributes) override;
  Result<Framing> framing_in(std::string_view directory) override;
  Status set_directory_modified(std::string_view path, Timestamp modified) override;
  Status apply_retention() override;
  Status sync() override;
  Result<Space> space() override;
  const StoreOptions& options() const override { return options_; }
  Status close() override;

  // Only of those journals that have begun a chunk, or got other limits, since the last time.
  Status apply_retention_where_due();

  // Lets go of the journals and files that nobody uses and nobody has opened since the last call.
  void let_go_of_idle();

  // What happens in the background every sync_interval, in two threads.
  Status sync_and_reclaim();
  // The second half of it, until the store is closed: see Reclaimer.
  Status reclaim();

 private:
  LocalStore(Env& env, Path path, const StoreOptions& options, const MappingSizes& mapping);

  Status start(bool background);
  Status check_format();
  Status lock_for_reading();
  Status sync_noted_journals();
  Status sync_noted_journal(JournalId id);
  Status create_store();
  Status writable() const;
  Status run_background();
  void log_failure(const Status& done, std::string& logged) const;
  void stop_background();
  Status apply_retention(const std::string& path, JournalId id);

  using NamesLock = std::shared_lock<std::shared_mutex>;

  // Needs names_mutex_, shared at least. `names`: is let go of while the journal is opened; null if
  // the caller goes on needing it.
  Result<std::shared_ptr<LocalJournal>> open_journal(JournalId id, std::string_view path,
                                                     NamesLock* names);
  // The same without it counting as a use.
  Result<std::shared_ptr<LocalJournal>> look_at_journal(JournalId id, std::string_view path,
                                                        NamesLock* names);
  Result<std::shared_ptr<LocalJournal>> removed_journal(std::shared_ptr<LocalJournal> journal,
                                                        JournalId id, std::string_view path);
  void open_ahead(std::string_view path);
  Result<bool> is_kept(JournalId id, std::string_view path, const LocalJournal* journal);
  Status check_not_removed(JournalId id, std::string_view path);
  Result<Entry> existing(std::string_view path);
  void journal_discarded(JournalId id);
  Status sync_all();
  Status check_empty(std::string_view directory);

  Env& env_;
  const Path path_;
  const StoreOptions options_;
  const Logger log_;
  StoreClock clock_;
  ChunkFileCache files_;
  Names names_;
  SyncQueue sync_queue_;
  TrimQueue trim_queue_;
  const JournalContext context_;
  std::unique_ptr<FileLock> lock_;

  Mutex noted_mutex_;
  // What an earlier process could not sync, nor this one so far; nothing before that is known.
  std::optional<std::vector<JournalId>> noted_ GUARDED_BY(noted_mutex_);

  Mutex settings_mutex_;           // one change of the attributes of a directory at a time
  std::shared_mutex names_mutex_;  // shared to look something up, exclusive to change names

  OpenJournals journals_;
  Reclaimer reclaimer_;
  PeriodicThread syncing_;
  PeriodicThread reclaiming_;
  PeriodicThread trimming_;
};

}  // namespace range
