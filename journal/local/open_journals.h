// The journals of a store that are open.
#pragma once

#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "journal/base/mutex.h"
#include "journal/local/local_journal.h"

namespace range {

// One object for each journal, however many use it: two would both append to it. Those that were
// used last stay open a while longer. Thread-safe; nobody waits for a disk under its lock.
class OpenJournals {
 public:
  // The right to open a journal, which one caller has at a time.
  class Opening {
   public:
    Opening(Opening&& other) noexcept
        : journals_(std::exchange(other.journals_, nullptr)), id_(other.id_) {}
    Opening& operator=(Opening&&) = delete;
    ~Opening() {
      if (journals_ != nullptr) journals_->end(id_);
    }
    // That it is open now, and where it is if it was moved meanwhile.
    void opened(const std::shared_ptr<LocalJournal>& journal) { journals_->take(id_, journal); }

   private:
    friend class OpenJournals;
    Opening(OpenJournals& journals, JournalId id) : journals_(&journals), id_(id) {}
    OpenJournals* journals_;  // null: moved from
    JournalId id_;
  };

  // Null if it is not open. One whose end could not be read is let go of if nobody uses it: that
  // may be readable now. Whoever uses it still goes on with what there was.
  std::shared_ptr<LocalJournal> find(JournalId id);

  // Nothing if it is open, or being opened. `path` is where it is.
  std::optional<Opening> begin(JournalId id, std::string_view path);
  // Returns when nobody is opening it any more.
  void wait_until_opened(JournalId id);

  // That somebody uses it: it stays open for its next use. Not one that was removed.
  void note_use(const std::shared_ptr<LocalJournal>& journal);
  // One that was just created, likewise.
  void add(const std::shared_ptr<LocalJournal>& journal);

  // It is removed. Returns it, null if nobody uses it.
  std::shared_ptr<LocalJournal> note_removed(JournalId id);
  // Tells the journals that what was at `from` is at `to` now.
  void note_moved(std::string_view from, std::string_view to);

  // Lets go of those that nobody uses and nobody has used since the last call.
  void let_go_of_idle();
  // Lets go of all that nobody uses.
  void let_go_of_unused();
  // Forgets those that are closed.
  void forget_closed();

 private:
  using Recent = std::list<std::shared_ptr<LocalJournal>>;

  std::shared_ptr<LocalJournal> known(JournalId id) REQUIRES(mutex_);
  void end(JournalId id);
  void take(JournalId id, const std::shared_ptr<LocalJournal>& journal);
  std::shared_ptr<LocalJournal> remember(const std::shared_ptr<LocalJournal>& journal)
      REQUIRES(mutex_);

  Mutex mutex_;
  std::condition_variable_any opened_;
  std::map<JournalId, std::weak_ptr<LocalJournal>> journals_ GUARDED_BY(mutex_);
  Recent recent_ GUARDED_BY(mutex_);                             // those used last first
  std::map<JournalId, std::string> opening_ GUARDED_BY(mutex_);  // where they are
};

}  // namespace range
