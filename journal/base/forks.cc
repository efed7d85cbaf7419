#include "journal/base/forks.h"

#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <new>

#include "journal/base/region.h"
#include "journal/status.h"

namespace range {

namespace {

using Number = std::atomic<uint32_t>;

// The number of this process, in a page that the kernel clears in every child: 0 in one that has
// not been asked for its number yet.
Number* number_page = nullptr;
Number last_number = 0;  // in any of its parents

Number* make_page() {
  void* const page =
      ::mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  RANGE_CHECK(page != MAP_FAILED);
  number_page = new (page) Number(0);
  // Kernels before 4.14 cannot; there fork(2) is noticed all the same.
  static_cast<void>(::madvise(page, page_bytes(), MADV_WIPEONFORK));
  RANGE_CHECK(::pthread_atfork(nullptr, nullptr, [] { number_page->store(0); }) == 0);
  return number_page;
}

}  // namespace

uint32_t process_number() {
  static Number* const kPage = make_page();
  uint32_t number = kPage->load(std::memory_order_relaxed);
  if (number != 0) return number;
  // The first thread of a child that comes here numbers it. Counted first: a child that is forked
  // right then must not get the same number.
  const uint32_t next = ++last_number;
  return kPage->compare_exchange_strong(number, next) ? next : number;
}

}  // namespace range
