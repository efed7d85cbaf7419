// The control files: .pos, .sync and .info of each journal and directory.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fs/controls/control_file.h"
#include "fs/properties.h"
#include "fs/snapshot.h"
#include "fs/tree.h"
#include "fs/types.h"

namespace rangefs {

// What each of them prints and does is said in controls/. A command is what one write(2) writes;
// one newline at its end is ignored. A refused command changes nothing. Thread-safe.
class ControlFiles {
 public:
  // Both must outlive this.
  ControlFiles(Tree& tree, Properties& properties);

  // The snapshot that a look-up of such a file needs; null if none.
  std::shared_ptr<Snapshot> new_snapshot(ControlKind kind, bool of_journal) const;

  // Whether size() may wait for the disk, or for long.
  static bool size_waits(const ControlNode& control) { return control.snapshot != nullptr; }
  // Whether open() may.
  bool open_waits(const ControlNode& control) const;

  // The length of what reading any of this kind gives, 0 if there is none.
  uint64_t usual_size(const ControlNode& control) const;
  // The length of what reading it gives to `caller`, or gives whoever has it open.
  Result<uint64_t> size(const ControlNode& control, const Caller& caller);
  // What reading it gives to `caller`: of the size that was told before, if one was. Only a journal
  // that is removed between makes it shorter.
  Result<Text> open(const ControlNode& control, const Caller& caller);

  // Does what `command` says. Returns the journal whose name leads to another view now, if any: the
  // kernel must look it up again. Errors: EINVAL for what is not understood; those of the file.
  Result<std::optional<JournalId>> run(const ControlNode& control, std::string_view command,
                                       const Caller& caller);

  // The most that a command may be long: a name, a space and a position fit well.
  static constexpr size_t kCommandBytesMax = 4096;

 private:
  ControlFile& file(ControlKind kind) const { return *files_.at(static_cast<size_t>(kind)); }
  static void belong_to(const Caller& caller, Snapshot& snapshot) REQUIRES(snapshot.mutex);

  const std::array<std::unique_ptr<ControlFile>, kControls.size()> files_;  // by ControlKind
};

}  // namespace rangefs
