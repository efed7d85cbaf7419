#include "fs/fuse/fuse_polls.h"

#include <fuse_lowlevel.h>

#include <utility>
#include <vector>

namespace rangefs {

void FusePolls::Destroy::operator()(fuse_pollhandle* poll) const { fuse_pollhandle_destroy(poll); }

void FusePolls::add(HandleId file, JournalId journal, fuse_pollhandle* poll) {
  Poll added{journal, std::unique_ptr<fuse_pollhandle, Destroy>(poll)};
  Polls::node_type before;  // let go of without the mutex
  const range::MutexLock lock(mutex_);
  if (const auto found = polls_.find(file); found != polls_.end()) {
    before = polls_.extract(found);
  } else {
    files_.emplace(journal, file);
  }
  polls_.emplace(file, std::move(added));
  count_.store(polls_.size(), std::memory_order_seq_cst);
}

void FusePolls::remove(HandleId file) {
  if (count_.load(std::memory_order_seq_cst) == 0) return;
  Polls::node_type closed;
  const range::MutexLock lock(mutex_);
  const auto found = polls_.find(file);
  if (found == polls_.end()) return;
  const auto [first, last] = files_.equal_range(found->second.journal);
  for (auto each = first; each != last; ++each) {
    if (each->second != file) continue;
    files_.erase(each);
    break;
  }
  closed = polls_.extract(found);
  count_.store(polls_.size(), std::memory_order_seq_cst);
}

void FusePolls::grown(JournalId journal) {
  if (count_.load(std::memory_order_seq_cst) == 0) return;
  std::vector<Polls::node_type> waiting;
  {
    const range::MutexLock lock(mutex_);
    const auto [first, last] = files_.equal_range(journal);
    for (auto each = first; each != last; ++each) {
      if (auto poll = polls_.extract(each->second)) waiting.push_back(std::move(poll));
    }
    files_.erase(first, last);
    count_.store(polls_.size(), std::memory_order_seq_cst);
  }
  for (const auto& poll : waiting) fuse_lowlevel_notify_poll(poll.mapped().handle.get());
}

}  // namespace rangefs
