// Who waits with poll(2) or epoll(7) for a journal to grow.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "fs/handle_table.h"
#include "fs/types.h"
#include "journal/base/mutex.h"

struct fuse_pollhandle;

namespace rangefs {

// A journal can always be read and written, as a plain file can, so nobody has to be told for
// poll(2). But edge-triggered epoll(7) tells its caller only of news, so that there has to be some
// whenever a journal grows. The kernel asks anew whenever somebody looks: each question is answered
// by one notice at most, and costs appends nothing once it is. Thread-safe.
class FusePolls {
 public:
  // An open file of the journal is being looked at; takes over `poll`, in the place of what came
  // before for that file.
  void add(JournalId journal, HandleId file, fuse_pollhandle* poll);
  // The file is closed.
  void remove(JournalId journal, HandleId file);

  // Tells whoever has looked at the journal through any file since it grew last. Appends that
  // nobody looks for cost a load.
  void grown(JournalId journal);

 private:
  struct Destroy {
    void operator()(fuse_pollhandle* poll) const;
  };
  // Ordered, so that those of a journal stand together.
  using Polls = std::map<std::pair<JournalId, HandleId>, std::unique_ptr<fuse_pollhandle, Destroy>>;

  std::atomic<size_t> count_ = 0;  // of polls_
  range::Mutex mutex_;             // nothing is called while it is held
  Polls polls_ GUARDED_BY(mutex_);
};

}  // namespace rangefs
