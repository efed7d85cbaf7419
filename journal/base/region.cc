#include "journal/base/region.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace range {

namespace {

// The guard of this thread, if it has one. Constant initialization: a signal handler reads it.
thread_local RegionGuard* guard_of_thread = nullptr;

struct sigaction earlier_action;

}  // namespace

size_t page_bytes() {
  static const auto kBytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return kBytes;
}

RegionGuard::RegionGuard(Region* first, Region* second)
    : first_(first), second_(second), outer_(guard_of_thread) {
  guard_of_thread = this;
  // The handler runs in this thread: nothing but the compiler could move what is guarded.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

RegionGuard::~RegionGuard() {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  guard_of_thread = outer_;
}

void RegionGuard::install() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = [](int signal, siginfo_t* info, void* context) {
      on_signal(signal, info, context);
    };
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    page_bytes();  // the handler must find it known
    RANGE_CHECK(::sigaction(SIGBUS, &action, &earlier_action) == 0);
  });
}

void RegionGuard::on_signal(int signal, void* info, void* context) {
  auto* const details = static_cast<siginfo_t*>(info);
  if (absorb(details->si_addr)) return;
  if ((earlier_action.sa_flags & SA_SIGINFO) != 0) {
    earlier_action.sa_sigaction(signal, details, context);
  } else if (earlier_action.sa_handler != SIG_DFL && earlier_action.sa_handler != SIG_IGN) {
    earlier_action.sa_handler(signal);
  } else {
    // The access is repeated on return, and ends the process as it would have without us.
    ::sigaction(SIGBUS, &earlier_action, nullptr);
  }
}

// Called by the handler: nothing here allocates or locks.
bool RegionGuard::absorb(void* address) {
  auto* const at = static_cast<std::byte*>(address);
  for (RegionGuard* guard = guard_of_thread; guard != nullptr; guard = guard->outer_) {
    if (guard->take(guard->first_, at) || guard->take(guard->second_, at)) return true;
  }
  return false;
}

bool RegionGuard::take(Region* region, std::byte* address) {
  if (region == nullptr || address < region->data_ || address >= region->data_ + region->size_) {
    return false;
  }
  const int saved_errno = errno;
  // Before the zeros can be seen.
  region->failed_.store(true, std::memory_order_release);
  const size_t in_page = reinterpret_cast<uintptr_t>(address) % page_bytes();
  const void* zeros = ::mmap(address - in_page, page_bytes(), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  errno = saved_errno;
  return zeros != MAP_FAILED;
}

}  // namespace range
