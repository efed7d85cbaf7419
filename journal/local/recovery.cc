#include "journal/local/recovery.h"

#include <set>
#include <string>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/chunk/attributes.h"
#include "journal/chunk/read_around.h"
#include "journal/local/journal_examination.h"
#include "journal/printable.h"

namespace range {

Result<JournalFiles> list_journal(Env& env, const Logger& log, const Path& directory) {
  ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> names, env.list(directory));
  JournalFiles files;
  std::set<ChunkId> chunks;
  std::set<std::pair<ChunkId, std::string>> torn;
  for (const DirectoryEntry& entry : names) {
    auto chunk = chunk_of_file_name(entry.name, ".idx");
    if (!chunk) chunk = chunk_of_file_name(entry.name, ".dat");
    if (chunk && entry.kind == FileKind::kRegular) {
      chunks.insert(*chunk);
    } else if (const size_t end = entry.name.find(".torn"); end != std::string::npos) {
      // Of both files of a chunk, or of one.
      const std::string stem = entry.name.substr(0, entry.name.find('.'));
      const auto id = chunk_of_file_name(stem + ".dat", ".dat");
      if (id) torn.emplace(*id, entry.name.substr(end));
    } else if (entry.name == kAttributesFileName) {
      files.attributes = true;
    } else if (!entry.name.starts_with(kAttributesFileName)) {
      log.warn("{}: not a file of rangefs, left alone",
               printable((directory / entry.name).string()));
    }
  }
  files.chunks.assign(chunks.begin(), chunks.end());
  for (const auto& [id, ending] : torn) ++files.torn[id];
  return files;
}

Result<Attributes> read_attributes_of_chunks(Env& env, const Logger& log, const Path& directory) {
  ASSIGN_OR_RETURN(const JournalFiles files, list_journal(env, log, directory));
  for (size_t i = files.chunks.size(); i-- > 0;) {
    const ChunkId chunk = files.chunks[i];
    const auto idx = env.open(directory / chunk_file_name(chunk, ".idx"), Env::OpenMode::kRead);
    if (!idx && idx.error().code != Errc::kNotFound && !unreadable(idx.error())) return idx.error();
    if (!idx) continue;
    ASSIGN_OR_RETURN(const ChunkScan scan, scan_marks(**idx, chunk));
    if (scan.attributes) return *scan.attributes;
  }
  return Error{Errc::kNotFound, 0, directory.string()};
}

Result<RecoveredJournal> examine_journal(Env& env, const Logger& log, ChunkFileCache& cache,
                                         const Path& directory, JournalId journal,
                                         const JournalFiles& files, const std::string& name,
                                         std::optional<ByteOffset> failed_at) {
  return JournalExamination(env, log, cache, directory, journal, name, failed_at).run(files);
}

}  // namespace range
