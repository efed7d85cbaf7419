// A journal whose records are in chunk files.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "journal/base/forks.h"
#include "journal/base/mutex.h"
#include "journal/journal.h"
#include "journal/local/journal_appender.h"
#include "journal/local/journal_attributes.h"
#include "journal/local/journal_check.h"
#include "journal/local/journal_reader.h"
#include "journal/local/journal_state.h"
#include "journal/local/journal_syncer.h"
#include "journal/local/journal_trimmer.h"

namespace range {

// Puts the parts of a journal together: what each call does stands at its part. Owned by everybody
// who uses it and, while it has something to sync, by the sync queue. Locks: see JournalState.
class LocalJournal final : public Journal, public std::enable_shared_from_this<LocalJournal> {
 public:
  // Examines what is there; changes nothing. `path` is for messages and inherited settings.
  static Result<std::shared_ptr<LocalJournal>> open(const JournalContext& context, JournalId id,
                                                    std::string path);

  // The first chunk of a journal that is being created, in its empty directory.
  static Result<std::shared_ptr<ChunkWriter>> begin(const JournalContext& context, JournalId id,
                                                    const Attributes& attributes);
  // One that was just created, with this first chunk; `retention` is what it inherits and sets.
  static std::shared_ptr<LocalJournal> create(const JournalContext& context, std::string path,
                                              const Attributes& attributes,
                                              const Retention& retention,
                                              std::shared_ptr<ChunkWriter> first);

  JournalId id() const override { return state_.id; }
  Result<ByteOffset> append(ConstBytes data, std::optional<ByteOffset> at) override;
  using Journal::append_records;
  Result<ByteOffset> append_records(std::span<const ConstBytes> records) override;
  Extent extent() const override;
  Result<size_t> read(ByteOffset from, MutableBytes into) override;
  Result<std::optional<size_t>> read_at_once(ByteOffset from, MutableBytes into) override;
  Status read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                      RecordBatch& batch) override;
  Result<Location> seek(const PositionSpec& spec, RecordNumber here) override;
  Result<bool> wait_for_byte(ByteOffset offset, Deadline deadline,
                             const std::stop_token& stop) override;
  Result<bool> wait_for_record(RecordNumber record, Deadline deadline,
                               const std::stop_token& stop) override;
  Result<Location> sync() override;
  Attributes attributes() const override;
  Status set_attributes(const Attributes& attributes) override;
  Status trim(ChunkId last, const ChunkVisitor& visit) override;
  Status apply_retention() override;
  Result<JournalInfo> info() override;
  std::vector<ChunkInfo> chunks() const override;

  // As attributes(). Errors: why they are lost, or cannot be read.
  Result<Attributes> known_attributes() const { return attributes_.known(); }
  // Tries once more if they could not be read.
  void read_attributes_again();
  // Those of a journal that need not be open.
  static Result<Attributes> stored_attributes(const JournalContext& context, JournalId id);

  // Where it is in the store.
  std::string path() const;
  void set_path(std::string path);

  // For those who keep journals open for their next use: whether somebody has opened it since the
  // last time this was asked.
  void note_opened() { opened_ = true; }
  bool opened_since() { return opened_.exchange(false); }
  // Whether they keep it so; returns whether they did before. They do the locking.
  bool set_recent(bool recent) { return std::exchange(recent_, recent); }

  // Verifies every record, unless that was done: see JournalCheck.
  Status check_once();

  // Keeps others from appending as long as the lock is held.
  std::unique_lock<Mutex> hold_appends() { return std::unique_lock(appender_.appending()); }

  // Whether its attributes could not be read, but may be now: see read_attributes_again().
  bool attributes_may_be_readable() const { return attributes_.may_be_readable(); }

  // It was removed: it is synced for nobody but who has it open.
  void note_removed() { state_.removed = true; }
  bool is_removed() const { return state_.removed; }

  // For the sync queue.
  JournalSyncer& syncer() { return syncer_; }

  // Why the journal takes no more appends, if a write or a sync has failed.
  Status failure() const { return state_.life.failure(); }

  // True if what could tell where the journal ends could not be read when it was opened: until it
  // is opened anew it takes no appends, and may hold more than it seems to.
  bool is_end_unreadable() const { return state_.life.unreadable().has_value(); }

 private:
  LocalJournal(const JournalContext& context, JournalId id, std::string path,
               const Result<Attributes>& attributes, RecoveredJournal recovered);

  Error forked() const;

  const OfThisProcess here_;
  std::atomic<bool> opened_ = true;
  bool recent_ = false;

  JournalState state_;
  JournalAttributes attributes_;
  JournalReader reader_;
  JournalSyncer syncer_;
  JournalAppender appender_;
  JournalTrimmer trimmer_;
  JournalCheck check_;
};

}  // namespace range
