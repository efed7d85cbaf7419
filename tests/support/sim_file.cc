#include "tests/support/sim_file.h"

#include <cerrno>
#include <utility>

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
  content().truncate(size);
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
  if (std::exchange(failures_seen_, failures) == failures) return {};
  return system_error(EIO, path_.native());
}

Result<FileStat> SimFile::stat() {
  const Guard guard(env_.mutex_);
  RETURN_IF_ERROR(env_.begin(CallKind::kStat, path_));
  return env_.stat_of(id_);
}

SimLock::~SimLock() {
  const Guard guard(env_.mutex_);
  env_.locked_.erase(id_);
}

}  // namespace range
