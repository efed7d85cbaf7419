// The part of a journal that reads it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "journal/chunk/chunk_source.h"
#include "journal/journal.h"
#include "journal/local/chunk_views.h"
#include "journal/local/journal_state.h"

namespace range {

// Reads up to the end that appends have published, and waits for nobody. Each call does what that
// of Journal does. Thread-safe.
class JournalReader {
 public:
  explicit JournalReader(JournalState& state) : state_(state), views_(state) {}

  Result<size_t> read(ByteOffset from, MutableBytes into) {
    return read(from, into, Waiting::kMayWait);
  }
  Result<std::optional<size_t>> read_at_once(ByteOffset from, MutableBytes into);
  // `source`: that of `batch`.
  Status read_records(RecordNumber first, size_t records_max, size_t bytes_max, ChunkSource& source,
                      RecordBatch& batch);
  Result<Location> seek(const PositionSpec& spec, RecordNumber here);
  Result<bool> wait_for_byte(ByteOffset offset, Journal::Deadline deadline,
                             const std::stop_token& stop);
  Result<bool> wait_for_record(RecordNumber record, Journal::Deadline deadline,
                               const std::stop_token& stop);

  // Keeps the chunks up to `last`, which are to be dropped, readable for those who began to read
  // them when they still grew, and who may not have seen their ends yet.
  void leave_to_readers(ChunkId last);

 private:
  Result<size_t> read(ByteOffset from, MutableBytes into, Waiting waiting);
  Result<size_t> read_one(ByteOffset from, MutableBytes into, Waiting waiting);
  Status read_source(RecordNumber first, size_t records_max, size_t bytes_max, ChunkSource& source,
                     RecordBatch& batch);
  // Makes the chunk that holds `first` the one that `source` is in, and returns it; null if the
  // journal ends there.
  Result<const ChunkView*> find_chunk(RecordNumber first, Mapping mapping, ChunkSource& source);
  // What is known without opening anything of where `first` is.
  struct Lookup {
    std::optional<ChunkView> rest;  // of a chunk that was dropped
    std::optional<ChunkPart> part;  // nothing: the journal ends there
    std::shared_ptr<ChunkPin> pin;  // of a chunk that may still grow
  };
  Result<Lookup> look_up(RecordNumber first, const ChunkSource& source);
  std::shared_ptr<ChunkPin> pin(ChunkId chunk) REQUIRES(state_.mutex);

  Result<Location> find(const PositionSpec& spec, RecordNumber here);
  Result<Location> seek_record(RecordNumber record);
  Result<Location> seek_byte(ByteOffset byte);
  Result<Location> seek_time(Time time);
  Result<Location> seek_position(const Position& position);
  Result<Location> locate(const ChunkHeader& chunk, const Result<ChunkPlace>& place) const;

  template <typename Holds>
  Result<bool> wait_until(const Holds& holds, Journal::Deadline deadline,
                          const std::stop_token& stop);

  Error report(Error error);

  JournalState& state_;
  const ChunkViews views_;
  std::map<ChunkId, std::weak_ptr<ChunkPin>> pins_ GUARDED_BY(state_.mutex);
  std::set<std::string> reported_ GUARDED_BY(state_.mutex);  // damage that is in the log already
};

}  // namespace range
