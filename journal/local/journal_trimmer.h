// The part of a journal that drops its oldest chunks.
#pragma once

#include <optional>
#include <vector>

#include "journal/base/mutex.h"
#include "journal/journal.h"
#include "journal/local/journal_appender.h"
#include "journal/local/journal_reader.h"
#include "journal/local/journal_state.h"
#include "journal/local/journal_syncer.h"

namespace range {

// Thread-safe.
class JournalTrimmer {
 public:
  // All of it must outlive this.
  JournalTrimmer(JournalState& state, JournalAppender& appender, JournalSyncer& syncer,
                 JournalReader& reader)
      : state_(state), appender_(appender), syncer_(syncer), reader_(reader) {}

  // As those of Journal.
  Status trim(ChunkId last, const Journal::ChunkVisitor& visit);
  Status apply_retention();

 private:
  std::optional<ChunkId> last_beyond(const Retention& retention) const;
  Status drop_up_to(ChunkId last, const Journal::ChunkVisitor& visit);
  Status drop_front(size_t count);
  void take_from_front(size_t count, const Location& begin);
  void remove_files(const std::vector<ChunkInfo>& dropped);

  JournalState& state_;
  JournalAppender& appender_;
  JournalSyncer& syncer_;
  JournalReader& reader_;
  LongMutex trimming_;
};

}  // namespace range
