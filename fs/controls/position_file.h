// .pos: where names begin.
#pragma once

#include <memory>
#include <string>

#include "fs/controls/control_file.h"
#include "fs/tree.h"

namespace rangefs {

//       of a journal                       of a directory
//   r   POSITION                           POSITION NAME, for each journal whose .pos the caller
//                                          may read, by name
//   w   POSITION: it begins there now      NAME POSITION, POSITION behind the last space
//
// NAME is written and read in the escape of journal/printable.h, so that a line is a journal.
class PositionFile final : public ControlFile {
 public:
  // Of a position and what follows it: a newline, or a space and a name.
  static constexpr uint64_t kLineBytes = 25;

  explicit PositionFile(Tree& tree) : tree_(tree) {}

  bool varies(bool of_journal) const override { return !of_journal; }
  uint64_t usual_size(bool of_journal) const override { return of_journal ? kLineBytes : 0; }
  Result<std::string> show(const ControlNode& control, const Caller& caller) override;
  Result<Text> text(const ControlNode& control, const Caller& caller, Snapshot& snapshot) override
      REQUIRES(snapshot.mutex);
  Result<uint64_t> measure(const ControlNode& control, const Caller& caller,
                           Snapshot& snapshot) override REQUIRES(snapshot.mutex);
  // Errors: also ERANGE for a position past the end, ENOENT for a NAME that is not there, EACCES if
  // the caller may not write it.
  Result<std::optional<JournalId>> run(const ControlNode& control, std::string_view command,
                                       const Caller& caller) override;

 private:
  Status list(NodeId directory, const Caller& caller, Snapshot& snapshot) REQUIRES(snapshot.mutex);
  std::shared_ptr<Journal> readable(const std::string& directory, const Snapshot::Journal& listed,
                                    const Caller& caller);
  Result<std::optional<JournalId>> move(const std::shared_ptr<Journal>& journal,
                                        std::string_view position);
  Result<std::optional<JournalId>> move_named(NodeId directory, std::string_view command,
                                              const Caller& caller);
  Result<std::shared_ptr<Journal>> journal_in(NodeId directory, std::string_view name);

  Tree& tree_;
};

// Whether `caller` may read or write what has these attributes, as the kernel would decide.
bool may_read(const Attributes& attributes, const Caller& caller);
bool may_write(const Attributes& attributes, const Caller& caller);

}  // namespace rangefs
