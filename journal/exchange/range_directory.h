// Directories of the Go project Range: where which journal is.
//
//   ROOT/<last 2 bytes of the escaped name>/<escaped name>/<chunk id, 16 hex digits>.dat and .idx
//
// Range has no escaped name of fewer than 2 bytes. The chunks of a journal in the order of their
// ids are its records; see range_chunk.h for what is in them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "journal/env/env.h"
#include "journal/status.h"
#include "journal/types.h"

namespace range::exchange {

// `path`, or another one for the directory that it leads to by a symbolic link.
Result<Path> behind_link(Env& env, const Path& path);

// The name of a journal as Range writes it into paths, and back. Errors: kInvalid for what
// escape_name() does not return: an unknown escape, or a byte that should have been escaped.
std::string escape_name(std::string_view name);
Result<std::string> unescape_name(std::string_view escaped);

// Where a journal is, relative to the root. Errors: kInvalid, with the reason, for a name that
// Range cannot have there: below 2 or above 255 bytes when escaped, or leading out of the root.
Result<Path> place_of(std::string_view name);

struct RangeJournal {
  std::string name;  // unescaped
  Path directory;

  friend bool operator==(const RangeJournal&, const RangeJournal&) = default;
};

struct RangeJournals {
  std::vector<RangeJournal> journals;  // by name
  // What is no journal where one is expected (kInvalid), is a chunk where none is (likewise), or
  // cannot be listed (kIo).
  std::vector<Error> problems;
};

// All journals below `root`, also behind symbolic links. Other files that have no name of a journal
// or a group are ignored. There may be no journal; where there is something else instead, this is
// no directory of Range, or not the top of one. Errors: kInvalid, with the reason, for that;
// kNotFound and kIo.
Result<RangeJournals> list_journals(const Path& root, Env& env = posix_env());

// Errors: kInvalid, with the reason, if journals must not be added in `root`, since it is a store,
// or there are chunks where only directories should be: it is that of a group, say; kNotFound and
// kIo.
Status check_export_root(const Path& root, Env& env = posix_env());

struct RangeChunk {
  ChunkId id;
  Path data;   // the .dat
  Path index;  // the .idx; one of the two may be missing
  // Of the files.
  uint64_t data_bytes = 0;
  uint64_t index_bytes = 0;

  bool has_something() const { return data_bytes > 0 || index_bytes > 0; }

  friend bool operator==(const RangeChunk&, const RangeChunk&) = default;
};

struct RangeChunks {
  std::vector<RangeChunk> chunks;  // by id
  std::vector<std::string> notes;  // on other files, as one printable line each
};

// The chunks of a journal. Errors: kInvalid, with the reason, if what has the name of one is no
// file; kNotFound and kIo.
Result<RangeChunks> list_chunks(const Path& journal, Env& env = posix_env());

// "18EA5F509AFF0000.dat"
std::string chunk_file_name(ChunkId id, std::string_view extension);
bool is_chunk_file(std::string_view name);

}  // namespace range::exchange
