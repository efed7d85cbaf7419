// A mount that is there, and what its daemon was started with.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "journal/status.h"

namespace rangefs {

// FUSE lets nobody but the owner look into a mount without allow_other, not even root. So what root
// must not see is asked for in the owner's name.
class RunningMount {
 public:
  // The one that is seen on `path`, which is canonical; nothing if rangefs is not mounted there.
  static std::optional<RunningMount> on(const std::string& path);

  // What it is a mount of, in the kernel's words: the store, or what `fsname` said.
  const std::string& source() const { return source_; }
  // Whether the kernel shows this option.
  bool has(std::string_view option) const;
  // The value of an option of the kernel's like "user_id=1000"; nothing if it is not shown.
  std::optional<std::string> shown(std::string_view key) const;

  // What its root says about itself under `key` (.info). Errors: kIo, with ETIMEDOUT after 10 s.
  range::Result<std::string> property(const std::string& key) const;
  // Everything that was written through it is durable when this returns, however long that takes;
  // or nobody may ask for that, who has no permission to read its root. Errors: kIo.
  range::Status sync() const;

 private:
  // What came of a question; `failed` is an errno, or 0.
  struct Answer {
    int failed = 0;
    std::string text;
  };
  using Question = std::function<Answer(int directory)>;

  RunningMount(std::string path, std::string source)
      : path_(std::move(path)), source_(std::move(source)) {}
  // In whose name.
  struct Owner {
    uid_t uid;
    gid_t gid;
  };
  using Patience = std::optional<std::chrono::seconds>;  // nothing: no limit
  Answer ask(const Question& question, const Patience& patience) const;
  static Answer ask_as(const std::optional<Owner>& owner, int place, const Question& question,
                       const Patience& patience);
  static Answer ask_in(int place, const Question& question);

  std::string path_;
  std::string source_;
  std::vector<std::string> options_;
};

}  // namespace rangefs
