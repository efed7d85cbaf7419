// Where a batch of records comes from.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "journal/chunk/chunk_reader.h"
#include "journal/journal.h"

namespace range {

// Held by who reads in a chunk that may still grow. If it is dropped, `rest` is all of it. Guarded
// by a mutex of the journal's.
struct ChunkPin {
  std::optional<ChunkView> rest;
};

// The chunk that a batch was filled from last, as far as it went then, and earlier ones. Belongs to
// the batch, and is used as that is: by one thread at a time.
class ChunkSource : public RecordSource {
 public:
  explicit ChunkSource(const Journal& journal) : RecordSource(journal) {}

  // The source of `batch` if it was filled from `journal`, or an empty one that it gets.
  static ChunkSource& of(RecordBatch& batch, const Journal& journal);

  // The chunk that holds the complete record `record`, if it is among them.
  const ChunkView* find(RecordNumber record);

  // Mapped chunks need no open files, and nobody knows how many batches are kept: so files stay
  // open for one chunk at most, one that is not mapped, and mapped is the one that the batch lies
  // in. Earlier ones are found again as long as others keep them mapped.
  const ChunkView& add(ChunkView view);

  // Lets go of the files of a chunk that is not mapped, from which the batch has got its own copy.
  void close_files();

  // So that the chunk that is read now, and may still grow, can be read to its end in any case.
  void hold(std::shared_ptr<ChunkPin> pin) { pin_ = std::move(pin); }

  // That chunk, once it is dropped, if it holds the complete record `record`. Under the journal's
  // mutex.
  std::optional<ChunkView> rest_with(RecordNumber record) const;

  // Records that are lost together, so that stepping over them costs what it takes to find that out
  // once: nothing is looked up for one of them before forget_damage().
  void remember(const ChunkHeader& chunk, const LostRecords& lost);
  // The error for `record` if it is one of them.
  std::optional<Error> remembered(RecordNumber record) const;
  void forget_damage() override { lost_.reset(); }

 private:
  static constexpr size_t kEarlierMax = 16;

  // A view without what it keeps from being closed and unmapped.
  struct Earlier {
    ChunkView chunk;
    std::weak_ptr<Region> dat;
    std::weak_ptr<Region> idx;

    std::optional<ChunkView> view() const;
  };

  struct Lost {
    ChunkHeader chunk;
    LostRecords records;
  };

  std::optional<ChunkView> current_;
  std::vector<Earlier> earlier_;
  std::shared_ptr<ChunkPin> pin_;
  std::optional<Lost> lost_;
};

}  // namespace range
