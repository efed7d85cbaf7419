// Export of journals as the Go project Range keeps them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "journal/env/env.h"
#include "journal/exchange/import_range.h"
#include "journal/exchange/range_directory.h"
#include "journal/store.h"

namespace range::exchange {

struct ExportedJournal {
  uint64_t records = 0;
  uint64_t chunks = 0;
  uint64_t bytes = 0;               // of payload
  std::vector<std::string> notes;   // in a line each: remarkable, but nothing was lost by it
  std::vector<std::string> damage;  // in a line each: records that cannot be read, and are left out
};

// A directory that journals are exported to, locked against others that do the same. Range must not
// use it meanwhile. Not thread-safe.
class RangeExport {
 public:
  // Opens `root`, and creates it where missing. What an interrupted export left is removed. Errors:
  // kNotEmpty if there are other files in its place; kInvalid for what is not the top of a
  // directory of Range (see check_export_root()); kLocked, kNoSpace and kIo.
  static Result<RangeExport> open(const Path& root, Env& env = posix_env());

  // Exports the journal at `path` as `name`: each chunk that has records becomes one of the same
  // id. A line at the end that is not complete is exported as a record. The journal appears under
  // its name with all that is in it, and survives power loss then; after an error nothing of it is
  // there. Errors: kNotEmpty if it is there, kInvalid for a name that Range cannot have, those of
  // opening and reading the journal, kNoSpace and kIo.
  Result<ExportedJournal> export_journal(Store& store, const std::string& path,
                                         const std::string& name, const Progress& progress = {});

 private:
  RangeExport(Env& env, Path root, std::unique_ptr<FileLock> lock)
      : env_(&env), root_(std::move(root)), lock_(std::move(lock)) {}

  Path staging() const;
  Status clear_staging() const;
  Status check_free(const Path& place) const;
  Status publish(const Path& place) const;

  Env* env_;
  Path root_;
  std::unique_ptr<FileLock> lock_;
};

}  // namespace range::exchange
