#include "tests/support/sim_env.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "journal/base/result_macros.h"
#include "tests/support/sim_file.h"

namespace range {

using Guard = std::lock_guard<std::mutex>;

SimEnv::SimEnv(uint64_t seed)
    : now_(std::chrono::sys_days(std::chrono::year(2026) / 11 / 22)), random_(seed) {}

Result<std::unique_ptr<File>> SimEnv::open(const Path& path, OpenMode mode) {
  const Guard guard(mutex_);
  const bool create = mode == OpenMode::kCreateNew;
  RETURN_IF_ERROR(begin(create ? CallKind::kCreate : CallKind::kOpen, path));
  if (create) {
    RETURN_IF_ERROR(tree_.make(path, FileKind::kRegular));
    touch(path.parent_path());
  }
  ASSIGN_OR_RETURN(const NodeId id, tree_.find(path));
  const FileKind kind = tree_.node(id).kind;
  if (kind == FileKind::kSymlink) return system_error(ELOOP, path.native());
  if (kind == FileKind::kDirectory) return system_error(EISDIR, path.native());
  ++tree_.node(id).open_files;
  return std::unique_ptr<File>(std::make_unique<SimFile>(*this, id, path, mode != OpenMode::kRead));
}

Status SimEnv::make_directory(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kMakeDirectory, path));
  RETURN_IF_ERROR(tree_.make(path, FileKind::kDirectory));
  touch(path);
  touch(path.parent_path());
  return {};
}

Status SimEnv::remove_directory(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kRemoveDirectory, path));
  RETURN_IF_ERROR(tree_.remove_directory(path));
  touch(path.parent_path());
  return {};
}

Status SimEnv::remove_file(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kRemoveFile, path));
  RETURN_IF_ERROR(tree_.remove_file(path));
  touch(path.parent_path());
  return {};
}

Status SimEnv::make_symlink(const std::string& target, const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kMakeSymlink, path));
  RETURN_IF_ERROR(tree_.make(path, FileKind::kSymlink, target));
  touch(path.parent_path());
  return {};
}

Result<std::string> SimEnv::read_symlink(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kReadSymlink, path));
  ASSIGN_OR_RETURN(const NodeId id, tree_.find(path));
  if (tree_.node(id).kind != FileKind::kSymlink) return system_error(EINVAL, path.native());
  return tree_.node(id).target;
}

Status SimEnv::rename(const Path& from, const Path& to, bool replace) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kRename, from));
  RETURN_IF_ERROR(tree_.rename(from, to, replace));
  touch(from.parent_path());
  touch(to.parent_path());
  tree_.node(tree_.find(to).value()).changed = tick();
  return {};
}

Status SimEnv::exchange(const Path& a, const Path& b) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kExchange, a));
  return tree_.exchange(a, b);
}

Result<FileStat> SimEnv::stat(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kStat, path));
  ASSIGN_OR_RETURN(const NodeId id, tree_.find(path));
  return stat_of(id);
}

Status SimEnv::set_modified(const Path& path, Timestamp modified) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kSetModified, path));
  ASSIGN_OR_RETURN(const NodeId id, tree_.find(path));
  tree_.node(id).modified = modified;
  tree_.node(id).changed = tick();
  return {};
}

Result<DirectoryPage> SimEnv::list(const Path& directory, uint64_t from, size_t entries_max) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kList, directory));
  ASSIGN_OR_RETURN(const NodeId id, find_directory(directory));
  DirectoryPage page;
  std::map<NodeId, std::string> by_node;  // so that places stay when names come and go
  for (const auto& [name, entry] : tree_.node(id).entries) by_node.emplace(entry, name);
  for (auto it = by_node.upper_bound(from); it != by_node.end(); ++it) {
    if (page.entries.size() == entries_max) {
      page.next = page.entries.back().next;
      return page;
    }
    page.entries.push_back({it->second, tree_.node(it->first).kind, it->first});
  }
  return page;
}

Status SimEnv::sync_directory(const Path& directory) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kOpen, directory));
  Status begun = begin(CallKind::kSyncDirectory, directory);
  ASSIGN_OR_RETURN(const NodeId id, find_directory(directory));
  if (begun && tree_.tell_failure(id)) return system_error(EIO, directory.native());
  if (begun) {
    tree_.sync_directory(id);
  } else if (!faults_.is_off()) {
    tree_.fail_sync_directory(id);
  }
  return begun;
}

Status SimEnv::sync_filesystem(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kOpen, path));
  Status begun = begin(CallKind::kSyncFilesystem, path);
  RETURN_IF_ERROR(tree_.find(path));
  if (begun) {
    tree_.sync_all();
  } else if (!faults_.is_off() && begun.error().sys_errno != kElsewhere) {
    tree_.fail_sync_all();
  }
  return begun;
}

Result<Space> SimEnv::space(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kSpace, path));
  const uint64_t free = free_bytes();
  return Space{.bytes_total = capacity_,
               .bytes_free = free,
               .bytes_available = free,
               .files_total = 1 << 20,
               .files_free = 1 << 20};
}

Result<std::unique_ptr<FileLock>> SimEnv::lock(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kLock, path));
  if (!tree_.find(path)) RETURN_IF_ERROR(tree_.make(path, FileKind::kRegular));
  ASSIGN_OR_RETURN(const NodeId id, tree_.find(path));
  ASSIGN_OR_RETURN(auto taken, locked(id, path, false));
  SimContent& content = tree_.node(id).content;
  content.truncate(0);
  content.write(0, as_bytes("1\n"));
  return taken;
}

Result<std::unique_ptr<FileLock>> SimEnv::lock_shared(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kLockShared, path));
  ASSIGN_OR_RETURN(const NodeId id, tree_.find(path));
  return locked(id, path, true);
}

Result<std::unique_ptr<FileLock>> SimEnv::locked(NodeId id, const Path& path, bool shared) {
  if (locked_.contains(id) || (!shared && shared_.contains(id))) {
    return Error{Errc::kLocked, 0, path.native() + ": locked by pid 1"};
  }
  if (shared) {
    shared_.insert(id);
  } else {
    locked_.insert(id);
  }
  return std::unique_ptr<FileLock>(std::make_unique<SimLock>(*this, id, shared));
}

Result<std::unique_ptr<FileLock>> SimEnv::lock_directory(const Path& path) {
  const Guard guard(mutex_);
  RETURN_IF_ERROR(begin(CallKind::kLock, path));
  ASSIGN_OR_RETURN(const NodeId id, find_directory(path));
  if (locked_.contains(id)) return Error{Errc::kLocked, 0, path.native() + ": locked"};
  return locked(id, path, false);
}

Time SimEnv::now() {
  const Guard guard(mutex_);
  return now_;
}

std::chrono::nanoseconds SimEnv::since_boot() {
  const Guard guard(mutex_);
  return since_boot_;
}

BootId SimEnv::boot_id() {
  const Guard guard(mutex_);
  BootId id{};
  std::memcpy(id.data(), &boots_, sizeof(boots_));
  return id;
}

uint64_t SimEnv::random() {
  const Guard guard(mutex_);
  if (scripted_random_.empty()) return random_();
  const uint64_t scripted = scripted_random_.front();
  scripted_random_.pop_front();
  return scripted;
}

Status SimEnv::begin(CallKind kind, const Path& path) {
  const auto fault = faults_.next(kind, path.native());
  if (!fault) return {};
  Error error = system_error(fault->sys_errno, path.native());
  error.lost_nothing = only_looks(kind);
  return error;
}

FileStat SimEnv::stat_of(NodeId id) const {
  const SimTree::Node& node = tree_.node(id);
  const uint64_t size = node.kind == FileKind::kSymlink ? node.target.size() : node.content.size();
  return {.kind = node.kind,
          .inode = id,
          .size = size,
          .disk_bytes = node.content.allocated(),
          .modified = node.modified,
          .changed = node.changed};
}

// No two changes have the same time.
Timestamp SimEnv::tick() {
  last_tick_ = std::max<Timestamp>(now_, last_tick_ + std::chrono::nanoseconds(1));
  return last_tick_;
}

void SimEnv::touch(const Path& directory) {
  SimTree::Node& node = tree_.node(tree_.find(directory).value());
  node.modified = node.changed = tick();
}

SimContent& SimEnv::content_at(const Path& path) {
  return tree_.node(tree_.find(path).value()).content;
}

Result<SimEnv::NodeId> SimEnv::find_directory(const Path& path) const {
  ASSIGN_OR_RETURN(const NodeId id, tree_.find(path));
  if (tree_.node(id).kind != FileKind::kDirectory) return system_error(ENOTDIR, path.native());
  return id;
}

Status SimEnv::write(NodeId id, const Path& path, uint64_t offset,
                     std::span<const ConstBytes> parts) {
  std::vector<std::byte> data;
  for (const ConstBytes part : parts) data.insert(data.end(), part.begin(), part.end());
  const auto fault = faults_.next(CallKind::kWrite, path.native());
  SimContent& content = tree_.node(id).content;
  const size_t fits = fitting(content, offset, data.size());
  size_t size = fits == data.size() || partial_writes_ ? fits : 0;
  if (fault) size = std::min(size, fault->prefix_bytes);
  const auto writable = static_cast<size_t>(content.writable(offset, size));
  content.write(offset, ConstBytes(data).first(writable));
  refresh_regions(id, offset, offset + writable);
  if (fault) return system_error(fault->sys_errno, path.native());
  if (writable < size) return system_error(EIO, path.native());
  if (size < data.size()) return system_error(ENOSPC, path.native());
  return {};
}

void SimEnv::refresh_regions(NodeId id, uint64_t from, uint64_t to) {
  const auto mapped = regions_.find(id);
  if (mapped == regions_.end()) return;
  for (SimRegion* region : mapped->second) region->refresh(tree_.node(id).content, from, to);
}

size_t SimEnv::in_memory(NodeId id, uint64_t offset, size_t size) const {
  const auto known = not_in_memory_.find(id);
  if (known == not_in_memory_.end()) return size;
  const auto next = known->second.lower_bound(offset / kCachePageBytes);
  if (next == known->second.end()) return size;
  const uint64_t end = std::max(*next * kCachePageBytes, offset);
  return std::min<uint64_t>(end - offset, size);
}

uint64_t SimEnv::free_bytes() const { return capacity_ - std::min(capacity_, tree_.allocated()); }

size_t SimEnv::fitting(const SimContent& content, uint64_t offset, size_t size) const {
  if (capacity_ == kUnlimited) return size;
  const uint64_t free = free_bytes();
  if (content.would_allocate(offset, size) <= free) return size;
  size_t fits = 0;
  // Sector by sector: a file may have some of those in the middle already.
  while (fits < size) {
    const size_t to_sector_end =
        kDiskSectorBytes - static_cast<size_t>((offset + fits) % kDiskSectorBytes);
    const size_t step = std::min(size - fits, to_sector_end);
    if (content.would_allocate(offset, fits + step) > free) break;
    fits += step;
  }
  return fits;
}

}  // namespace range
