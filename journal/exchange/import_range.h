// Import of journals of the Go project Range.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "journal/exchange/range_directory.h"
#include "journal/store.h"

namespace range::exchange {

// Called every few MiB with what was dealt with since the last call: records, bytes of payload.
using Progress = std::function<void(uint64_t records, uint64_t bytes)>;

struct ImportedJournal {
  uint64_t records = 0;             // all of the source, as far as it can be read
  uint64_t records_before = 0;      // those that an earlier import had left in the store
  uint64_t chunks = 0;              // of the source
  uint64_t bytes = 0;               // of payload, of all records
  std::vector<std::string> notes;   // in a line each: remarkable, but nothing was lost by it
  std::vector<std::string> damage;  // in a line each: what could not be read, and is left out
};

// Imports a journal: each record becomes one record of the journal of the same name, which is
// created where missing, with the directories above. If it is there, its records must be the first
// ones of the source, and the import goes on behind them. Afterwards the journal is synced, and was
// read back and compared with the source. Nobody else may append to it meanwhile.
//
// How a chunk ends is damage if bytes are left out that another chunk follows, and a note where it
// can only be an append that was interrupted.
//
// Errors: kNotPermitted for a journal that holds something else, which is left untouched; kInvalid
// for a name that cannot be in a store; kCorrupt if what was read back differs; those of the store
// and of reading the source. What was imported until then stays.
Result<ImportedJournal> import_journal(Store& store, const RangeJournal& source,
                                       const Progress& progress = {});

}  // namespace range::exchange
