// .info: what a journal or a directory tells about itself.
#pragma once

#include "fs/controls/control_file.h"
#include "fs/properties.h"

namespace rangefs {

//   r   "key: value" lines
//   w   EINVAL
class InfoFile final : public ControlFile {
 public:
  explicit InfoFile(Properties& properties) : properties_(properties) {}

  bool varies(bool /*of_journal*/) const override { return true; }
  uint64_t usual_size(bool /*of_journal*/) const override { return 0; }
  Result<std::string> show(const ControlNode& control, const Caller& caller) override;
  Result<std::optional<JournalId>> run(const ControlNode& control, std::string_view command,
                                       const Caller& caller) override;

 private:
  Properties& properties_;
};

}  // namespace rangefs
