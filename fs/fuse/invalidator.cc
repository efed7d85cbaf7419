#include "fs/fuse/invalidator.h"

#include <utility>

namespace rangefs {

bool Invalidator::submit(JournalId journal, std::function<void()> done) {
  return thread_.submit([this, journal, done = std::move(done)] {
    // A rename that is under way holds the locks of both directories until the kernel has moved the
    // name. So when the call returns, either it hit the name or the journal is known elsewhere now.
    std::optional<Place> place = nodes_.place(journal);
    while (place) {
      notices_.name_changed(*place);
      if (auto now = nodes_.place(journal); now == place)
        break;
      else
        place = std::move(now);
    }
    done();
  });
}

}  // namespace rangefs
