// Tells the kernel, from a thread of its own, that names lead elsewhere.
#pragma once

#include <functional>

#include "fs/fuse/worker_pool.h"
#include "fs/node_table.h"
#include "fs/operations.h"

namespace rangefs {

// The kernel takes the directory's lock for it. Whoever holds that lock may be waiting for an
// answer of ours: of a serving thread, or, if it syncs the directory, of the pool. So it happens in
// neither.
class Invalidator {
 public:
  // Both must outlive this.
  Invalidator(NodeTable& nodes, Notices& notices) : nodes_(nodes), notices_(notices) {}

  // Makes the kernel look the name of `journal` up again, and then calls `done` from the thread.
  // False if it is closed; `done` is not called then.
  bool submit(JournalId journal, std::function<void()> done);
  void close() { thread_.close(); }

 private:
  NodeTable& nodes_;
  Notices& notices_;
  WorkerPool thread_{1};
};

}  // namespace rangefs
