// .sync: makes what was appended durable.
#pragma once

#include "fs/controls/control_file.h"
#include "journal/store.h"

namespace rangefs {

//       of a journal                              of a directory
//   r   syncs it; prints the durable POSITION     syncs the whole store; prints nothing
//   w   anything: syncs it                        anything: syncs the whole store
class SyncFile final : public ControlFile {
 public:
  explicit SyncFile(range::Store& store) : store_(store) {}

  bool varies(bool /*of_journal*/) const override { return false; }
  uint64_t usual_size(bool of_journal) const override;
  bool waits() const override { return true; }
  Result<std::string> show(const ControlNode& control, const Caller& caller) override;
  Result<std::optional<JournalId>> run(const ControlNode& control, std::string_view command,
                                       const Caller& caller) override;

 private:
  range::Store& store_;
};

}  // namespace rangefs
