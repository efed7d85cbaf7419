#include "tests/support/sim_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "journal/result_macros.h"

namespace range {

using Guard = std::lock_guard<std::mutex>;

SimFile::~SimFile() {
  const Guard guard(env_.mutex_);
  --env_.tree_.node(id_).open_files;
}

Result<size_t> SimFile::read_at(uint64_t offset, MutableBytes into) {
  const Guard guard(env_.mutex_);
  RETURN_IF_ERROR(env_.begin(CallKind::kRead, path_));
  return content().read(offset, into);
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
  auto region = std::make_unique<SimRegion>(env_, id_, path_, offset,
                                            std::make_unique<std::byte[]>(size), size);
  region->refresh(content(), offset, offset + size);
  env_.regions_[id_].insert(region.get());
  return std::unique_ptr<Region>(std::move(region));
}

SimRegion::SimRegion(SimEnv& env, SimTree::NodeId id, Path path, uint64_t offset,
                     std::unique_ptr<std::byte[]> bytes, size_t size)
    : Region(bytes.get(), size),
      env_(env),
      id_(id),
      path_(std::move(path)),
      offset_(offset),
      bytes_(std::move(bytes)) {}

SimRegion::~SimRegion() {
  const Guard guard(env_.mutex_);
  env_.regions_[id_].erase(this);
}

Status SimRegion::store(size_t at, ConstBytes from) {
  const Guard guard(env_.mutex_);
  const auto fault = env_.faults_.next(CallKind::kStore, path_.native());
  const ConstBytes stored =
      from.first(fault ? std::min(from.size(), fault->prefix_bytes) : from.size());
  SimContent& content = env_.tree_.node(id_).content;
  // On a disk this would need room, and end the process without it.
  RANGE_CHECK(content.would_allocate(offset_ + at, from.size()) == 0);
  content.write(offset_ + at, stored);
  env_.refresh_regions(id_, offset_ + at, offset_ + at + stored.size());
  return fault ? Status(system_error(EIO, path_.native())) : Status();
}

Status SimRegion::store_words(size_t at, ConstBytes from) {
  RANGE_CHECK(at % 8 == 0 && from.size() % 8 == 0);
  return store(at, from);
}

void SimRegion::refresh(const SimContent& content, uint64_t from, uint64_t to) {
  from = std::max(from, offset_);
  to = std::min(to, offset_ + bytes().size());
  if (from >= to) return;
  const MutableBytes range{data() + (from - offset_), static_cast<size_t>(to - from)};
  const size_t got = content.read(from, range);
  std::fill(range.begin() + static_cast<std::ptrdiff_t>(got), range.end(), std::byte{0});
}

SimLock::~SimLock() {
  const Guard guard(env_.mutex_);
  env_.locked_.erase(id_);
}

}  // namespace range
