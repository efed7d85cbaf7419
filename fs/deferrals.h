// Requests that are answered later, by another thread, and exactly once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>

#include "journal/mutex.h"

struct fuse_req;

namespace rangefs {

// A caller that is interrupted, or killed, while its request is deferred must get an answer at
// once, while the thread that works on the request knows nothing of it. Whoever claims the request
// first answers it. Thread-safe.
//
// Lock order: the mutex comes after libfuse's lock of one request and before its lock of the
// session; nothing is called while it is held but fuse_req_interrupted().
class Deferrals {
 public:
  using Request = fuse_req*;
  using Answer = std::function<void(Request)>;
  enum class Id : uint64_t {};

  // Takes over `request`, unless it throws for lack of memory. If it is interrupted, `on_interrupt`
  // answers it; without one it cannot be interrupted. That may happen before this returns.
  Id add(Request request, Answer on_interrupt) EXCLUDES(mutex_);

  // Changes what happens on an interrupt, also on one that came earlier. False if the request was
  // answered already.
  bool when_interrupted(Id id, Answer on_interrupt) EXCLUDES(mutex_);

  // Whether nobody has answered it yet. True stays true only for what cannot be interrupted.
  bool pending(Id id) const EXCLUDES(mutex_);

  // The request, to be answered by the caller; nothing if it was answered already.
  std::optional<Request> claim(Id id) EXCLUDES(mutex_);

 private:
  struct Deferred {
    Request request;
    Answer on_interrupt;
  };
  static void interrupted(Request request, void* self);
  void interrupt(Request request) EXCLUDES(mutex_);
  std::optional<Deferred> take_if_interrupted(Id id) REQUIRES(mutex_);

  mutable range::Mutex mutex_;
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<Id, Deferred> deferred_ GUARDED_BY(mutex_);
  std::unordered_map<Request, Id> ids_ GUARDED_BY(mutex_);
};

}  // namespace rangefs
