// What .pos, .sync and .info print and do.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fs/properties.h"
#include "fs/snapshot.h"
#include "fs/tree.h"
#include "fs/types.h"

namespace rangefs {

//             of a journal                          of a directory
//   .pos  r   POSITION                              POSITION NAME, for each journal whose .pos the
//                                                   caller may read, by name
//         w   POSITION: it begins there now         NAME POSITION, POSITION behind the last space
//   .sync r   syncs it; prints the durable POSITION syncs the whole store; prints nothing
//         w   anything: syncs it                    anything: syncs the whole store
//   .info r   "key: value" lines                    "key: value" lines
//         w   EINVAL                                EINVAL
//
// NAME is written and read in the escape of journal/printable.h, so that a line is a journal.
//
// A command is what one write(2) writes; one newline at its end is ignored. A refused command
// changes nothing. Thread-safe.
class ControlFiles {
 public:
  ControlFiles(Tree& tree, Properties& properties) : tree_(tree), properties_(properties) {}

  // The snapshot that a look-up of such a file needs; null if none.
  static std::shared_ptr<Snapshot> new_snapshot(ControlKind kind, bool of_journal);

  // Whether size() may wait for the disk, or for long.
  static bool size_waits(const ControlNode& control) { return control.snapshot != nullptr; }
  // Whether open() may.
  static bool open_waits(const ControlNode& control);

  // The length of what reading any of this kind gives, 0 if there is none.
  static uint64_t usual_size(const ControlNode& control);
  // The length of what reading it gives to `caller`, or gives whoever has it open.
  Result<uint64_t> size(const ControlNode& control, const Caller& caller);
  // What reading it gives to `caller`: of the size that was told before, if one was. Only a journal
  // that is removed between makes it shorter.
  Result<Text> open(const ControlNode& control, const Caller& caller);

  // Does what `command` says. Returns the journal whose name leads to another view now, if any: the
  // kernel must look it up again. Errors: EINVAL for what is not understood, ERANGE for a position
  // past the end, ENOENT for a NAME that is not there, EACCES if the caller may not write it.
  Result<std::optional<JournalId>> run(const ControlNode& control, std::string_view command,
                                       const Caller& caller);

  // The most that a command may be long: a name, a space and a position fit well.
  static constexpr size_t kCommandBytesMax = 4096;

 private:
  Result<std::string> print(const ControlNode& control);
  Result<Text> text(const ControlNode& control, const Caller& caller, Snapshot& snapshot)
      REQUIRES(snapshot.mutex);
  static void belong_to(const Caller& caller, Snapshot& snapshot) REQUIRES(snapshot.mutex);
  Status list(NodeId directory, const Caller& caller, Snapshot& snapshot) REQUIRES(snapshot.mutex);
  std::shared_ptr<Journal> readable(const std::string& directory, const Snapshot::Journal& listed,
                                    const Caller& caller);
  std::string positions(const Snapshot::Listing& listing, const Caller& caller);
  Result<std::optional<JournalId>> move(const std::shared_ptr<Journal>& journal,
                                        std::string_view position);
  Result<std::optional<JournalId>> move_named(NodeId directory, std::string_view command,
                                              const Caller& caller);
  Result<std::shared_ptr<Journal>> journal_in(NodeId directory, std::string_view name);

  Tree& tree_;
  Properties& properties_;
};

// Whether `caller` may read or write what has these attributes, as the kernel would decide.
bool may_read(const Attributes& attributes, const Caller& caller);
bool may_write(const Attributes& attributes, const Caller& caller);

}  // namespace rangefs
