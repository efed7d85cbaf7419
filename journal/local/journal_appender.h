// The part of a journal that appends to it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "journal/local/chunk_limits.h"
#include "journal/local/journal_attributes.h"
#include "journal/local/journal_repair.h"
#include "journal/local/journal_state.h"
#include "journal/local/journal_syncer.h"

namespace range {

// One append after the other, each whole or not at all; nothing is synced. The first change makes a
// journal ready that was only examined. Thread-safe.
class JournalAppender {
 public:
  // All of it must outlive this. `repair`: what is to be done first; null for a new journal.
  JournalAppender(JournalState& state, const JournalAttributes& attributes, JournalSyncer& syncer,
                  std::unique_ptr<JournalRepair> repair);

  // As Journal::append() of one part, if `framed`, or append_records().
  Result<ByteOffset> append(std::span<const ConstBytes> parts, bool framed,
                            std::optional<ByteOffset> at);

  // Calls `store`, which stores another framing. If that closes a record that is open, its chunk
  // ends if it can be stored, and only then.
  Status change_framing(Framing framing, const std::function<Status()>& store)
      REQUIRES(state_.appending);

  // Keeps others from appending. Each of the following is called with it.
  Mutex& appending() RETURN_CAPABILITY(state_.appending) { return state_.appending; }

  // Errors: why the journal takes no appends; what kept it from being repaired.
  Status make_ready() REQUIRES(state_.appending);

  // Begins with its first chunk, which was just made; `retention` is what it inherits and sets.
  void begin(std::shared_ptr<ChunkWriter> first, const Retention& retention)
      REQUIRES(state_.appending);

  // Begins another chunk if none is behind `last`: the journal goes on there.
  Status seal_up_to(ChunkId last) REQUIRES(state_.appending);

  // What the journal is to keep. Nothing is dropped as long as it is not known where it is, or what
  // its attributes were: what is dropped is gone. The size of its chunks follows.
  Result<Retention> resolve_retention() REQUIRES(state_.appending);

  // Why it takes no appends if its end cannot be read.
  Error end_unreadable() const;

 private:
  Status repair() REQUIRES(state_.appending);
  Time append_time() REQUIRES(state_.appending);
  Result<ByteOffset> append_to_next(std::span<const ConstBytes> parts, bool framed, Time now)
      REQUIRES(state_.appending);
  Status sync_if_many_unsynced();
  bool must_roll(uint64_t bytes, uint64_t parts, Time now) const REQUIRES(state_.appending);
  bool may_fit_another_file(const Error& error, uint64_t bytes) const REQUIRES(state_.appending);
  Result<std::shared_ptr<ChunkWriter>> begin_next(Time now, Framing framing)
      REQUIRES(state_.appending);
  Status discard_next(const ChunkWriter& next);
  void go_on_in(std::shared_ptr<ChunkWriter> next) REQUIRES(state_.appending);
  void take_on(std::shared_ptr<ChunkWriter> chunk) REQUIRES(state_.appending);
  Status attach_active() REQUIRES(state_.appending);
  Result<ChunkEnd> store(ChunkWriter& chunk, std::span<const ConstBytes> parts, bool framed,
                         Time now) REQUIRES(state_.appending);
  ByteOffset publish(const ChunkEnd& end, Time now) REQUIRES(state_.appending);

  JournalState& state_;
  const JournalAttributes& attributes_;
  JournalSyncer& syncer_;
  std::unique_ptr<JournalRepair> repair_ GUARDED_BY(state_.appending);  // until it is ready
  std::shared_ptr<ChunkWriter> active_ GUARDED_BY(state_.appending);    // null: the next begins one
  ByteOffset end_ GUARDED_BY(state_.appending);                         // of the journal
  Time last_time_ GUARDED_BY(state_.appending){};                       // of its newest record
  ChunkLimits chunk_limits_ GUARDED_BY(state_.appending);
  std::vector<EntryBytes> entries_ GUARDED_BY(state_.appending);  // of an append under way
};

}  // namespace range
