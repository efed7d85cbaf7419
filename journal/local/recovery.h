// Recovery: finding out, when a journal is opened, what its last chunks hold, and repairing a tail
// that a dead process or a power loss left behind.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "journal/base/logger.h"
#include "journal/chunk/chunk_scan.h"
#include "journal/local/attributes_file.h"
#include "journal/local/chunk_files.h"

namespace range {

// What the directory of a journal holds.
struct JournalFiles {
  std::vector<ChunkId> chunks;  // ascending; at least one of the two files is there
  // How many copies there are by chunk: of tails that were cut and, if it is none of `chunks` any
  // more though it was not dropped, of the chunk, which was set aside.
  std::map<ChunkId, uint64_t> torn;
  bool attributes = false;  // whether they are in a file
};
Result<JournalFiles> list_journal(Env& env, const Logger& log, const Path& directory);

// The attributes of a journal that has no file of them, from its newest chunk that has them.
// Errors: kNotFound if none has.
Result<Attributes> read_attributes_of_chunks(Env& env, const Logger& log, const Path& directory);

// A journal as recovery found it. Nothing has been changed yet; repair() does that before the first
// write.
struct RecoveredJournal {
  Location begin;                   // of the first chunk that was not dropped
  std::vector<ChunkHeader> chunks;  // those whose place in the journal is known, ascending
  ChunkEnd end;                     // of the last of them
  // Of the last of them: those that may hold what was never synced.
  std::vector<ChunkScan> unsure;
  // Why nothing may be appended, nor cut off or set aside: what could tell where the journal ends
  // cannot be read. The rest is served as usual.
  std::optional<Error> unreadable;
  std::vector<ChunkId> torn_chunks;  // begun after something that was lost: to be set aside
  // See JournalInfo: those set aside before, and of `torn_chunks` those that will be, too.
  // Ascending.
  std::vector<ChunkId> left_out;
  std::vector<ChunkId> dropped;  // whose files are still there
  uint64_t torn_tails = 0;
  std::optional<Attributes> attributes;  // as the newest chunk that has them says
  bool attributes_in_all = true;         // or one was begun by a process that died over it

  // Whether there is anything that was stored to be cut off or set aside.
  bool needs_repair() const;
};

// Examines the journal in `directory`, which holds `files`; `name` is for the log. `failed_at`:
// where it ended when a sync of it failed, if one has, 0 if that is not known; since then what was
// not synced may be gone without a trace. Errors: kIo if it cannot be read, kUnknownFormat.
Result<RecoveredJournal> examine_journal(Env& env, const Logger& log, ChunkFileCache& cache,
                                         const Path& directory, JournalId journal,
                                         const JournalFiles& files, const std::string& name,
                                         std::optional<ByteOffset> failed_at);

// Removes the files of a chunk that was dropped, as far as they are there.
Status remove_chunk(Env& env, const Path& directory, ChunkId chunk);

// Whether an append has left something in the files of a chunk, or may have: zeros are room that
// was made ahead.
Result<bool> has_contents(Env& env, const Path& directory, ChunkId chunk);

// Renames the files of a torn chunk to "<file>.torn", where nothing will read them but a person.
// Removes them if there is nothing in them.
Status set_chunk_aside(Env& env, const Path& directory, ChunkId chunk);

// Where what `file` holds from `begin` to `end` ends, but for zeros, in whole pieces of `unit`
// bytes. What cannot be read counts as zeros.
Result<uint64_t> end_of_contents(File& file, uint64_t begin, uint64_t end, uint64_t unit);

// Cuts off what lies behind `end`, after copying it to "<file>.torn", which is then durable (but
// for zeros at the end, which nobody appended). Both files end exactly there, which is not.
Status cut_tail(Env& env, const Path& directory, ChunkId chunk, ChunkFiles& files,
                const ChunkEnd& end);

// What can be written of a chunk that ends there: a part of a page only where that can be read.
struct Writable {
  bool marks = false;
  bool end = false;  // more can be appended there, or what is behind it be cut off
};
Result<Writable> find_writable(ChunkFiles& files, const ChunkEnd& end);

// Gives back the room that was made ahead of appends: both files end at `end`.
Status give_back_room(ChunkFiles& files, const ChunkEnd& end);

// Writes everything between two places of a chunk again, with the bytes it has, so that the next
// sync covers it: a sync of the process that died may have failed without anybody having seen it,
// and the kernel reports that only once. What cannot be read is passed over.
Status rewrite(ChunkFiles& files, const ChunkEnd& from, const ChunkEnd& to);

}  // namespace range
