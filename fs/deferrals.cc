#include "fs/deferrals.h"

#include <fuse_lowlevel.h>

#include <utility>

namespace rangefs {

// About libfuse 3: it calls the interrupt function with its lock of the request held and a
// reference of its own, so that the request may be answered there; but not from within
// fuse_req_interrupt_func(), where it has no reference. So what was interrupted by then is found by
// asking. A call of the function can overlap with the answer of another thread, so what it is given
// must stay valid: this object, which knows the requests that are not answered yet.

void Deferrals::interrupted(Request request, void* self) {
  static_cast<Deferrals*>(self)->interrupt(request);
}

std::optional<Deferrals::Deferred> Deferrals::take_if_interrupted(Id id) {
  const auto it = deferred_.find(id);
  if (it == deferred_.end() || !it->second.on_interrupt) return std::nullopt;
  if (fuse_req_interrupted(it->second.request) == 0) return std::nullopt;
  Deferred taken = std::move(it->second);
  ids_.erase(taken.request);
  deferred_.erase(it);
  return taken;
}

Deferrals::Id Deferrals::add(Request request, Answer on_interrupt) {
  fuse_req_interrupt_func(request, &interrupted, this);
  std::optional<Deferred> taken;
  Id id{};
  {
    const range::MutexLock lock(mutex_);
    id = Id{++last_id_};
    deferred_.emplace(id, Deferred{request, std::move(on_interrupt)});
    try {
      ids_.emplace(request, id);
    } catch (...) {
      deferred_.erase(id);
      throw;
    }
    taken = take_if_interrupted(id);
  }
  if (taken) taken->on_interrupt(taken->request);
  return id;
}

bool Deferrals::when_interrupted(Id id, Answer on_interrupt) {
  std::optional<Deferred> taken;
  {
    const range::MutexLock lock(mutex_);
    const auto it = deferred_.find(id);
    if (it == deferred_.end()) return false;
    it->second.on_interrupt = std::move(on_interrupt);
    taken = take_if_interrupted(id);
  }
  if (taken) taken->on_interrupt(taken->request);
  return !taken;
}

bool Deferrals::pending(Id id) const {
  const range::MutexLock lock(mutex_);
  return deferred_.contains(id);
}

std::optional<Deferrals::Request> Deferrals::claim(Id id) {
  const range::MutexLock lock(mutex_);
  const auto it = deferred_.find(id);
  if (it == deferred_.end()) return std::nullopt;
  const Request request = it->second.request;
  ids_.erase(request);
  deferred_.erase(it);
  return request;
}

void Deferrals::interrupt(Request request) {
  std::optional<Deferred> taken;
  {
    const range::MutexLock lock(mutex_);
    if (const auto it = ids_.find(request); it != ids_.end()) {
      taken = take_if_interrupted(it->second);
    }
  }
  if (taken) taken->on_interrupt(taken->request);
}

}  // namespace rangefs
