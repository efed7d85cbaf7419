// What a control file shows to one look-up of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal/base/mutex.h"
#include "journal/types.h"

namespace rangefs {

using Text = std::shared_ptr<const std::string>;

// Of those whose length depends on what there is to print. The kernel keeps one size for a node, so
// each look-up is a node with a snapshot of its own: who opens it reads what stat(2) told the size
// of. What was made to tell a size is kept for the open that may follow, and otherwise until the
// kernel forgets the node; a text lives as long as the files in which it was opened.
struct Snapshot {
  // The lines of a directory's .pos before it is known what is in them, which takes much longer:
  // the length of a line depends on its name alone.
  struct Journal {
    std::string name;
    range::JournalId id;
  };
  struct Listing {
    std::string directory;  // its path
    std::vector<Journal> journals;
  };
  struct Reader {
    uint32_t uid = 0;
    uint32_t gid = 0;
    friend bool operator==(const Reader&, const Reader&) = default;
  };

  // Held while something is made: whoever asks meanwhile waits for it. So never by a serving
  // thread. It comes before all other locks.
  range::Mutex mutex;
  Reader reader GUARDED_BY(mutex);  // for whom the rest was made: others may not see all of it
  std::optional<Listing> listing GUARDED_BY(mutex);
  Text unread GUARDED_BY(mutex);
  std::weak_ptr<const std::string> opened GUARDED_BY(mutex);
};

}  // namespace rangefs
