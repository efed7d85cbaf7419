// Import of journals of the Go project Range.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "journal/exchange/range_chunk.h"
#include "journal/exchange/range_directory.h"
#include "journal/store.h"

namespace range::exchange {

// Called every few MiB with what was dealt with since the last call: records, bytes of payload.
using Progress = std::function<void(uint64_t records, uint64_t bytes)>;

struct ImportedJournal : Findings {
  uint64_t records = 0;         // all of the source, as far as it can be read
  uint64_t records_before = 0;  // those that an earlier import had left in the store
  uint64_t chunks = 0;          // of the source
  uint64_t bytes = 0;           // of payload, of all records
};

// Imports a journal: each record becomes one record of the journal of the same name, which is
// created where missing, with the directories above. If it is there, its records must be the first
// ones of the source, and the import goes on behind them. Afterwards the journal is synced, and was
// read back and compared with the source. Nobody else may append to it meanwhile.
//
// Damage costs the records that it has hit, and nothing else: range_chunk.h says how that is told.
// Whatever is missing afterwards is in `damage`.
//
// Errors: kNotPermitted for a journal that holds something else, which is left untouched; kInvalid,
// with the reason, for a name that cannot be in a store, or not in this one; kCorrupt if what was
// read back differs; those of the store and of reading the source. What was imported until then
// stays.
Result<ImportedJournal> import_journal(Store& store, const RangeJournal& source,
                                       const Progress& progress = {}, Env& env = posix_env());

}  // namespace range::exchange
