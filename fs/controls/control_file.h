// What a kind of control file does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fs/node_table.h"
#include "fs/snapshot.h"
#include "fs/types.h"

namespace rangefs {

// Each of them is of a journal, or of the directory that it is in. Thread-safe.
class ControlFile {
 public:
  virtual ~ControlFile() = default;
  ControlFile(const ControlFile&) = delete;
  ControlFile& operator=(const ControlFile&) = delete;

  // Whether the length of what it shows depends on what there is to show: a look-up makes a
  // Snapshot then.
  virtual bool varies(bool of_journal) const = 0;
  // The length where it does not.
  virtual uint64_t usual_size(bool of_journal) const = 0;
  // Whether show() may wait for the disk, or for long, although the length does not vary.
  virtual bool waits() const { return false; }

  // What reading it gives.
  virtual Result<std::string> show(const ControlNode& control, const Caller& caller) = 0;
  // The same where it varies; `snapshot` has what measure() has found out.
  virtual Result<Text> text(const ControlNode& control, const Caller& caller, Snapshot& snapshot)
      REQUIRES(snapshot.mutex);
  // The length of that.
  virtual Result<uint64_t> measure(const ControlNode& control, const Caller& caller,
                                   Snapshot& snapshot) REQUIRES(snapshot.mutex);

  // Does what `command` says. Returns and errors: as ControlFiles::run().
  virtual Result<std::optional<JournalId>> run(const ControlNode& control, std::string_view command,
                                               const Caller& caller) = 0;

 protected:
  ControlFile() = default;
};

}  // namespace rangefs
