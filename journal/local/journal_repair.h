// Making a journal ready for changes, which its first reader had no need for.
#pragma once

#include <memory>

#include "journal/local/journal_attributes.h"
#include "journal/local/journal_state.h"
#include "journal/local/recovery.h"

namespace range {

// Does to the files of a journal what a recovery has found to be done. Under
// JournalState::appending.
class JournalRepair {
 public:
  // All of it must outlive this.
  JournalRepair(JournalState& state, const JournalAttributes& attributes,
                RecoveredJournal recovered);

  // Whether something that was stored is to be cut off or set aside.
  bool takes_something_away() const { return recovered_.needs_repair(); }

  // Returns the chunk in which appends go on; null if they begin another. Each step is done once:
  // it can be run again, should there be no space for one at the first attempt.
  Result<std::shared_ptr<ChunkWriter>> run();

 private:
  Status remove_dropped();
  Status put_attributes_in_safety();
  Status set_torn_chunks_aside();
  // A chunk without what is no part of it.
  struct Resumed {
    std::shared_ptr<ChunkWriter> writer;
    bool cut = false;       // something was cut off
    bool rebooted = false;  // it was written in another boot
  };

  Status resume(const ChunkScan& scan);
  Result<Resumed> open_writer(const ChunkScan& scan);
  Status sync_resumed();
  void take_on(const Resumed& resumed, const ChunkScan& scan);

  JournalState& state_;
  const JournalAttributes& attributes_;
  RecoveredJournal recovered_;
  std::shared_ptr<ChunkWriter> active_;
};

}  // namespace range
