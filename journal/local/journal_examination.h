// What a journal's files tell when it is opened.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "journal/base/logger.h"
#include "journal/chunk/chunk_scan.h"
#include "journal/env/env.h"
#include "journal/local/chunk_files.h"
#include "journal/local/recovery.h"

namespace range {

// See examine_journal(). Reads the marks of all chunks, and the tail of those that may hold what
// was never synced. To be run once.
class JournalExamination {
 public:
  JournalExamination(Env& env, const Logger& log, ChunkFileCache& cache, const Path& directory,
                     JournalId journal, const std::string& name,
                     std::optional<ByteOffset> failed_at);
  Result<RecoveredJournal> run(const JournalFiles& files);

 private:
  Status count_torn(const JournalFiles& files);
  void prefetch_headers(const std::vector<ChunkId>& chunks, size_t next);
  Result<ChunkScan> read_marks(ChunkId chunk);
  void rebuild_headers(const std::vector<ChunkId>& chunks, std::vector<ChunkScan>& scans) const;
  void take_synced(ChunkId chunk, const ChunkScan& scan);
  Status take_unsure(ChunkId chunk, ChunkScan scan);
  Status correct_end_of_last(const ChunkHeader& next);
  bool in_order(const ChunkHeader& header) const;
  bool follows_what_was_found(const ChunkScan& scan) const;
  bool is_behind_what_was_found(const ChunkHeader& header) const;
  Status scan_last();
  Status doubt(ChunkScan& scan) const;
  void log_loss() const;
  ByteOffset end_of_last() const;
  void log_tail(const ChunkScan& scan) const;
  void report_rebuilt(const ChunkScan& scan) const;
  void report(ChunkId chunk, const char* what) const;

  Env& env_;
  const Logger& log_;
  ChunkFileCache& cache_;
  const Path& directory_;
  JournalId journal_;
  const std::string name_;                     // for messages
  const std::optional<ByteOffset> failed_at_;  // see examine_journal()
  RecoveredJournal found_;
  bool gap_behind_last_ = false;  // of found_.unsure: a chunk that cannot be read
};

}  // namespace range
