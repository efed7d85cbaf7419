#include "fs/fuse/deferrals.h"

#include <fuse_lowlevel.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace rangefs {

// About libfuse 3: it calls the interrupt function with its lock of the request held, from within
// fuse_req_interrupt_func() as well. What was interrupted by then is found by asking. A call of the
// function can overlap with the answer of another thread, so what it is given must stay valid: this
// object, which knows the requests that are not answered yet.

void Deferrals::interrupted(Request request, void* self) {
  static_cast<Deferrals*>(self)->interrupt(request);
}

Deferrals::Deferrals(CallerWatch watch)
    : watch_(std::move(watch)), thread_([this] { this->watch(); }) {}

Deferrals::Id Deferrals::add(Request request, Answer on_unseen) {
  fuse_req_interrupt_func(request, &interrupted, this);
  const range::MutexLock lock(mutex_);
  const Id id{++last_id_};
  const auto it = deferred_.emplace(id, Deferred{request, std::move(on_unseen)}).first;
  try {
    ids_.emplace(request, id);
    watch_if_interrupted(id, it->second);
  } catch (...) {
    ids_.erase(request);
    deferred_.erase(id);
    throw;
  }
  return id;
}

bool Deferrals::when_unseen(Id id, Answer on_unseen) {
  const range::MutexLock lock(mutex_);
  const auto it = deferred_.find(id);
  if (it == deferred_.end()) return false;
  it->second.on_unseen = std::move(on_unseen);
  return true;
}

bool Deferrals::pending(Id id) const {
  const range::MutexLock lock(mutex_);
  return deferred_.contains(id);
}

std::optional<Deferrals::Deferred> Deferrals::take(Id id) {
  const auto it = deferred_.find(id);
  if (it == deferred_.end()) return std::nullopt;
  Deferred taken = std::move(it->second);
  ids_.erase(taken.request);
  deferred_.erase(it);
  return taken;
}

std::optional<Deferrals::Request> Deferrals::claim(Id id) {
  const range::MutexLock lock(mutex_);
  const auto taken = take(id);
  return taken ? std::optional(taken->request) : std::nullopt;
}

void Deferrals::interrupt(Request request) {
  const range::MutexLock lock(mutex_);
  const auto it = ids_.find(request);
  if (it == ids_.end()) return;
  try {
    watch_if_interrupted(it->second, deferred_.at(it->second));
  } catch (const std::bad_alloc&) {
    // Then it goes when the work is done, as everybody who is not interrupted.
  }
}

void Deferrals::watch_if_interrupted(Id id, Deferred& deferred) {
  if (deferred.interrupted || fuse_req_interrupted(deferred.request) == 0) return;
  const auto now = Clock::now();
  interrupted_.push_back({id, fuse_req_ctx(deferred.request)->pid, now, now});
  deferred.interrupted = true;
  wake_.notify_one();
}

void Deferrals::watch() {
  while (true) {
    try {
      const auto due = wait_for_due();
      if (due.empty()) return;
      for (const Interrupted& call : due) look_at(call);
    } catch (const std::bad_alloc&) {
      std::this_thread::sleep_for(watch_.interval);  // and look again
    }
  }
}

std::vector<Deferrals::Interrupted> Deferrals::wait_for_due() {
  const range::MutexLock lock(mutex_);
  while (!closed_) {
    std::erase_if(interrupted_, [this](const Interrupted& call)
                                    REQUIRES(mutex_) { return !deferred_.contains(call.id); });
    if (interrupted_.empty()) {
      wake_.wait(mutex_);
      continue;
    }
    if (auto due = take_due(Clock::now()); !due.empty()) return due;
    const auto next = std::ranges::min(interrupted_, {}, &Interrupted::next_look).next_look;
    wake_.wait_until(mutex_, next);
  }
  return {};
}

std::vector<Deferrals::Interrupted> Deferrals::take_due(Clock::time_point now) {
  std::vector<Interrupted> due;
  for (Interrupted& call : interrupted_) {
    if (call.next_look > now) continue;
    due.push_back(call);
    call.next_look = now + watch_.interval;
  }
  return due;
}

void Deferrals::look_at(const Interrupted& call) {
  const CallerState state = watch_.look(call.caller);
  const bool unseen_for_long =
      state == CallerState::kUnseen && Clock::now() - call.since >= watch_.grace;
  if (state != CallerState::kDying && !unseen_for_long) return;
  std::optional<Deferred> taken;
  {
    const range::MutexLock lock(mutex_);
    const auto it = deferred_.find(call.id);
    if (it == deferred_.end() || (unseen_for_long && !it->second.on_unseen)) return;
    taken = take(call.id);
  }
  if (unseen_for_long) return taken->on_unseen(taken->request);
  fuse_reply_err(taken->request, EINTR);
}

void Deferrals::close() {
  {
    const range::MutexLock lock(mutex_);
    closed_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace rangefs
