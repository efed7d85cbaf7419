// Requests that are answered later, by another thread, and exactly once.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "fs/fuse/callers.h"
#include "journal/base/mutex.h"

struct fuse_req;

namespace rangefs {

// How callers are watched; tests look in a way of their own.
struct CallerWatch {
  std::function<CallerState(pid_t)> look = [](pid_t thread) { return caller_state(thread); };
  std::chrono::milliseconds interval{100};
  // Who cannot be seen may be dying: that nobody can be killed would be worse than an EINTR that
  // comes so much later than the signal.
  std::chrono::milliseconds grace{2000};
};

// The kernel says once that a caller got a signal, and not which: it may be a timer's, and the call
// goes on, or the caller is being killed, and cannot go before it has an answer. So from then on
// its state is looked at again and again, by a thread that sleeps unless somebody was interrupted.
// Who is dying is answered EINTR at once, which nobody will see, while the thread that works on the
// request knows nothing of it. Whoever claims the request first answers it. Thread-safe.
//
// Lock order: the mutex comes after libfuse's lock of one request and before its lock of the
// session; nothing is called while it is held but fuse_req_interrupted().
class Deferrals {
 public:
  using Request = fuse_req*;
  using Answer = std::function<void(Request)>;
  enum class Id : uint64_t {};

  explicit Deferrals(CallerWatch watch = {});
  ~Deferrals() { close(); }
  Deferrals(const Deferrals&) = delete;
  Deferrals& operator=(const Deferrals&) = delete;

  // Takes over `request`, unless it throws for lack of memory. If it is interrupted and its caller
  // cannot be seen, `on_unseen` answers it after the grace; without one it is not answered then.
  Id add(Request request, Answer on_unseen) EXCLUDES(mutex_);

  // Changes what happens if the caller cannot be seen. False if the request was answered already.
  bool when_unseen(Id id, Answer on_unseen) EXCLUDES(mutex_);

  // Whether nobody has answered it yet.
  bool pending(Id id) const EXCLUDES(mutex_);

  // The request, to be answered by the caller; nothing if it was answered already.
  std::optional<Request> claim(Id id) EXCLUDES(mutex_);

  // Watches nobody any more. When it returns, nothing is being answered from here.
  void close() EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;
  struct Deferred {
    Request request;
    Answer on_unseen;
    bool interrupted = false;
  };
  struct Interrupted {
    Id id{};
    pid_t caller = 0;
    Clock::time_point since;
    Clock::time_point next_look;
  };
  static void interrupted(Request request, void* self);
  void interrupt(Request request) EXCLUDES(mutex_);
  void watch_if_interrupted(Id id, Deferred& deferred) REQUIRES(mutex_);
  void watch() EXCLUDES(mutex_);
  std::vector<Interrupted> wait_for_due() EXCLUDES(mutex_);
  std::vector<Interrupted> take_due(Clock::time_point now) REQUIRES(mutex_);
  void look_at(const Interrupted& call) EXCLUDES(mutex_);
  std::optional<Deferred> take(Id id) REQUIRES(mutex_);

  const CallerWatch watch_;
  mutable range::Mutex mutex_;
  std::condition_variable_any wake_;
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<Id, Deferred> deferred_ GUARDED_BY(mutex_);
  std::unordered_map<Request, Id> ids_ GUARDED_BY(mutex_);
  std::vector<Interrupted> interrupted_ GUARDED_BY(mutex_);  // of some the answer may be out
  bool closed_ GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace rangefs
