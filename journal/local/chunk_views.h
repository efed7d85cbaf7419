// Opening the chunks of a journal to read them.
#pragma once

#include <optional>
#include <type_traits>

#include "journal/base/result_macros.h"
#include "journal/chunk/chunk_reader.h"
#include "journal/local/journal_state.h"

namespace range {

// A chunk, and how far it goes now.
struct ChunkPart {
  ChunkHeader header;
  ChunkEnd end;
};
// Chunk `i` of a table.
inline ChunkPart part_of(const ChunkTable& table, size_t i) {
  return {table.header(i), table.end_of(i)};
}

// A search looks at so few places that it costs less to read them than to map the files, and far
// less where they are not in memory yet: there the kernel reads much around each. So files are
// mapped for the second search in them.
enum class Mapping { kNone, kForSearch, kForReading };

// Thread-safe; takes no lock of the journal's but, for moments, JournalState::mutex.
class ChunkViews {
 public:
  explicit ChunkViews(JournalState& state) : state_(state) {}

  // Errors: kDropped; kCorrupt where a disk gives nothing, or somebody took the files away.
  Result<ChunkView> open(const ChunkPart& part, Mapping mapping) const;
  // The same to read, but nothing if something of the files would have to be read for it.
  std::optional<ChunkView> open_at_once(const ChunkPart& part) const;

  // The result of `read(ChunkReader)` on a chunk: from memory or, if its disk fails there, once
  // more from the files.
  template <typename Read>
  std::invoke_result_t<Read, ChunkReader&> read(const ChunkPart& part, Mapping mapping,
                                                const Read& read) const {
    for (;; mapping = Mapping::kNone) {
      ASSIGN_OR_RETURN(const ChunkView view, open(part, mapping));
      ChunkReader reader(view);
      auto result = read(reader);
      if (!view.failed()) return result;
    }
  }
  // The same, from what is in memory; would_wait() if it would have to wait for the disk. Of a disk
  // that fails nothing is taken: who may wait finds out what it costs.
  template <typename Read>
  std::invoke_result_t<Read, ChunkReader&> read_at_once(const ChunkPart& part,
                                                        const Read& read) const {
    const auto view = open_at_once(part);
    if (!view) return would_wait();
    ChunkReader reader(*view, Waiting::kAtOnce);
    auto result = read(reader);
    if (view->failed()) return would_wait();
    return result;
  }

 private:
  Error why_not_open(Error error, ChunkId chunk) const;
  static bool entries_known(const ChunkFiles& files, ChunkView& view);
  static Status find_entries(ChunkFiles& files, ChunkView& view);
  void map(ChunkFiles& files, Mapping mapping, ChunkView& view) const;

  JournalState& state_;
};

}  // namespace range
