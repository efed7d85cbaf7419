#include "tests/support/sim_file.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "journal/base/result_macros.h"

namespace range {

using Guard = std::lock_guard<std::mutex>;

SimFile::~SimFile() {
  const Guard guard(env_.mutex_);
  --env_.tree_.node(id_).open_files;
}

Result<size_t> SimFile::read_at(uint64_t offset, MutableBytes into) {
  const Guard guard(env_.mutex_);
  RETURN_IF_ERROR(env_.begin(CallKind::kRead, path_));
  if (!content().readable(offset, into.size())) {
    Error error = system_error(EIO, path_.native());
    error.lost_nothing = true;
    return error;
  }
  return content().read(offset, into);
}

Result<std::optional<size_t>> SimFile::read_at_once(uint64_t offset, MutableBytes into) {
  {
    const Guard guard(env_.mutex_);
    if (env_.in_memory(id_, offset, into.size()) < into.size()) return std::optional<size_t>();
  }
  ASSIGN_OR_RETURN(const size_t got, read_at(offset, into));
  return std::optional(got);
}

Status SimFile::write_at(uint64_t offset, std::span<const ConstBytes> parts) {
  const Guard guard(env_.mutex_);
  if (!writable_) return system_error(EBADF, path_.native());
  return env_.write(id_, path_, offset, parts);
}

Status SimFile::truncate(uint64_t size) {
  const Guard guard(env_.mutex_);
  if (!writable_) return system_error(EINVAL, path_.native());
  RETURN_IF_ERROR(env_.begin(CallKind::kTruncate, path_));
  // The rest of the page is made zeros.
  const uint64_t page = size / kCachePageBytes * kCachePageBytes;
  if (!content().readable(page, size - page)) return system_error(EIO, path_.native());
  const uint64_t before = content().size();
  content().truncate(size);
  env_.refresh_regions(id_, std::min(before, size), std::max(before, size));
  return {};
}

void SimFile::start_writeback() {
  const Guard guard(env_.mutex_);
  static_cast<void>(env_.begin(CallKind::kStartWriteback, path_));
}

Status SimFile::check_writeback() {
  const Guard guard(env_.mutex_);
  RETURN_IF_ERROR(env_.begin(CallKind::kCheckWriteback, path_));
  return report_writeback();
}

Status SimFile::sync_data() {
  const Guard guard(env_.mutex_);
  Status begun = env_.begin(CallKind::kSyncData, path_);
  if (begun) {
    content().sync();
    return report_writeback();
  }
  if (!env_.faults_.is_off()) content().fail_sync();
  return begun;
}

// Tells of failed writebacks that this file has not been told of.
Status SimFile::report_writeback() {
  const uint64_t failures = env_.tree_.node(id_).failed_writebacks;
  const bool untold = env_.tree_.tell_failure(id_);
  if (std::exchange(failures_seen_, failures) == failures && !untold) return {};
  return system_error(EIO, path_.native());
}

Result<FileStat> SimFile::stat() {
  const Guard guard(env_.mutex_);
  RETURN_IF_ERROR(env_.begin(CallKind::kStat, path_));
  return env_.stat_of(id_);
}

Result<std::unique_ptr<Region>> SimFile::map(uint64_t offset, size_t size, Access access) {
  const Guard guard(env_.mutex_);
  if (access == Access::kReadWrite && !writable_) return system_error(EACCES, path_.native());
  RETURN_IF_ERROR(env_.begin(CallKind::kMap, path_));
  auto slot = MappingSlot::take();
  if (!slot) return system_error(ENOMEM, path_.native());
  RegionGuard::install();
  auto region = std::make_unique<SimRegion>(*std::move(slot), env_, id_, path_, offset, size);
  region->refresh(content(), offset, offset + size);
  env_.regions_[id_].insert(region.get());
  return std::unique_ptr<Region>(std::move(region));
}

namespace {

std::byte* map_pages(void* at, size_t size, int flags, int fd) {
  void* const data = ::mmap(at, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  RANGE_CHECK(data != MAP_FAILED);
  return static_cast<std::byte*>(data);
}

std::byte* map_memory(void* at, size_t size) {
  const int fixed = at == nullptr ? 0 : MAP_FIXED;
  return map_pages(at, size, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1);
}

// Pages of a file that has none: touching them is SIGBUS.
void map_nothing(void* at, size_t size) {
  static const int kEmpty = ::memfd_create("empty", MFD_CLOEXEC);
  map_pages(at, size, MAP_SHARED | MAP_FIXED, kEmpty);
}

}  // namespace

SimRegion::SimRegion(MappingSlot slot, SimEnv& env, SimTree::NodeId id, Path path, uint64_t offset,
                     size_t size)
    : Region(map_memory(nullptr, size), size),
      slot_(std::move(slot)),
      env_(env),
      id_(id),
      path_(std::move(path)),
      offset_(offset) {}

SimRegion::~SimRegion() {
  const Guard guard(env_.mutex_);
  env_.regions_[id_].erase(this);
  ::munmap(data(), bytes().size());
}

Status SimRegion::store(size_t at, ConstBytes from) {
  const Guard guard(env_.mutex_);
  const auto fault = env_.faults_.next(CallKind::kStore, path_.native());
  const ConstBytes stored =
      from.first(fault ? std::min(from.size(), fault->prefix_bytes) : from.size());
  SimContent& content = env_.tree_.node(id_).content;
  // On a disk this would need room, and end the process without it.
  RANGE_CHECK(content.would_allocate(offset_ + at, from.size()) == 0);
  if (!content.readable(offset_ + at, from.size())) return system_error(EIO, path_.native());
  content.write(offset_ + at, stored);
  env_.refresh_regions(id_, offset_ + at, offset_ + at + stored.size());
  return fault ? Status(system_error(EIO, path_.native())) : Status();
}

Status SimRegion::store_words(size_t at, ConstBytes from) {
  RANGE_CHECK(at % 8 == 0 && from.size() % 8 == 0);
  return store(at, from);
}

size_t SimRegion::in_memory(size_t at, size_t size) const {
  const Guard guard(env_.mutex_);
  return env_.in_memory(id_, offset_ + at, size);
}

void SimRegion::refresh(const SimContent& content, uint64_t from, uint64_t to) {
  from = std::max(from, offset_);
  to = std::min(to, offset_ + bytes().size());
  if (from >= to) return;
  for (uint64_t at = from - offset_; at < to - offset_;) {
    const uint64_t page = at / kCachePageBytes * kCachePageBytes;
    const uint64_t end = std::min(page + kCachePageBytes, to - offset_);
    refresh_page(content, page, at, end - at);
    at = end;
  }
}

// Copies a part of one page, of all that others may be reading no more than that.
void SimRegion::refresh_page(const SimContent& content, uint64_t page, uint64_t at, size_t size) {
  const size_t page_size = std::min<size_t>(kCachePageBytes, bytes().size() - page);
  if (!content.readable(offset_ + page, page_size)) {
    if (withheld_.insert(page).second) map_nothing(data() + page, page_size);
    return;
  }
  if (withheld_.erase(page) > 0) {
    map_memory(data() + page, page_size);
    at = page;
    size = page_size;
  }
  const MutableBytes range{data() + at, size};
  const size_t got = content.read(offset_ + at, range);
  std::fill(range.begin() + static_cast<std::ptrdiff_t>(got), range.end(), std::byte{0});
}

SimLock::~SimLock() {
  const Guard guard(env_.mutex_);
  if (shared_) {
    env_.shared_.erase(env_.shared_.find(id_));
  } else {
    env_.locked_.erase(id_);
  }
}

}  // namespace range
