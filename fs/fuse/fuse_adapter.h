// Between FUSE and Operations: the only file that answers requests of the kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "fs/fuse/deferrals.h"
#include "fs/fuse/fuse_polls.h"
#include "fs/fuse/invalidator.h"
#include "fs/fuse/worker_pool.h"
#include "fs/operations.h"

struct fuse_lowlevel_ops;
struct fuse_session;

namespace rangefs {

// Takes requests in the serving threads and answers them there, except those that wait: they are
// answered by a pool, those that changed where a name leads by the invalidator. Every request is
// answered exactly once, and no lock is held meanwhile.
class FuseAdapter final : public Notices {
 public:
  // `store` must outlive the adapter.
  static Result<std::unique_ptr<FuseAdapter>> create(range::Store& store, FsOptions options,
                                                     CallerWatch watch = {});

  // For fuse_session_new(), with the adapter as userdata.
  static const fuse_lowlevel_ops& callbacks();
  // To be called before the first request. The session must not be destroyed before finish().
  void attach(fuse_session* session) { session_ = session; }

  // Answers everything that is deferred; what comes later and would wait is refused. The serving
  // threads must be running, since some of it waits for requests that they answer.
  void finish();
  // Lets go of every journal. The serving threads must have stopped.
  void release_all() { operations_->release_all(); }

  bool read_only() const { return read_only_; }

  void attributes_changed(NodeId node) override;
  void grown(JournalId journal) override { polls_.grown(journal); }
  void name_changed(const Place& place) override;

 private:
  friend struct Callbacks;
  explicit FuseAdapter(CallerWatch watch) : deferrals_(std::move(watch)) {}

  std::unique_ptr<Operations> operations_;
  bool read_only_ = false;
  fuse_session* session_ = nullptr;
  Deferrals deferrals_;
  FusePolls polls_;
  std::unique_ptr<Invalidator> invalidator_;
  // Callers that sync one journal at the same time share a sync, if there are threads for them.
  WorkerPool pool_{16};        // for what waits for syncs
  WorkerPool names_pool_{16};  // for what else waits for the disk
  WorkerPool reads_pool_{16};  // for reads of what is not in memory
};

}  // namespace rangefs
