#include "fs/fuse/fuse_polls.h"

#include <fuse_lowlevel.h>

namespace rangefs {

void FusePolls::Destroy::operator()(fuse_pollhandle* poll) const { fuse_pollhandle_destroy(poll); }

void FusePolls::add(JournalId journal, HandleId file, fuse_pollhandle* poll) {
  Polls::mapped_type added(poll);  // and what it takes the place of: let go of without the mutex
  const range::MutexLock lock(mutex_);
  polls_[{journal, file}].swap(added);
  count_.store(polls_.size(), std::memory_order_seq_cst);
}

void FusePolls::remove(JournalId journal, HandleId file) {
  if (count_.load(std::memory_order_seq_cst) == 0) return;
  Polls::node_type closed;
  const range::MutexLock lock(mutex_);
  closed = polls_.extract({journal, file});
  count_.store(polls_.size(), std::memory_order_seq_cst);
}

void FusePolls::grown(JournalId journal) {
  if (count_.load(std::memory_order_seq_cst) == 0) return;
  Polls waiting;
  {
    const range::MutexLock lock(mutex_);
    auto next = polls_.lower_bound({journal, HandleId{}});
    while (next != polls_.end() && next->first.first == journal) {
      waiting.insert(polls_.extract(next++));
    }
    count_.store(polls_.size(), std::memory_order_seq_cst);
  }
  for (const auto& [file, poll] : waiting) fuse_lowlevel_notify_poll(poll.get());
}

}  // namespace rangefs
