// Which calls on a simulated file system fail, and how.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace range {

enum class CallKind {
  // These can change something that is durable, or make it so; they are numbered by `change`.
  kCreate,
  kWrite,
  kStore,  // into a mapping
  kTruncate,
  kSyncData,
  kMakeDirectory,
  kRemoveDirectory,
  kRemoveFile,
  kMakeSymlink,
  kRename,
  kExchange,
  kSetModified,
  kSyncDirectory,
  kSyncFilesystem,
  kLock,
  // These cannot.
  kOpen,
  kLockShared,
  kRead,
  kStartWriteback,
  kCheckWriteback,
  kStat,
  kMap,
  kReadSymlink,
  kList,
  kSpace,
};

constexpr bool is_change(CallKind kind) { return kind < CallKind::kOpen; }
// Whether one that failed has lost nothing: Error::lost_nothing.
constexpr bool only_looks(CallKind kind) {
  return kind == CallKind::kCreate || (!is_change(kind) && kind != CallKind::kCheckWriteback);
}

struct Call {
  CallKind kind = CallKind::kOpen;
  std::string path;
  uint64_t index = 0;   // among all calls, from 0
  uint64_t change = 0;  // among the changing calls, from 0; of others, that of the next one
};

std::string to_string(const Call& call);  // "write /store/chunks/00/1/2.dat (change 17)"

// The errno of a sync of the whole file system that failed for something else on it.
inline constexpr int kElsewhere = ENOTRECOVERABLE;

struct Fault {
  int sys_errno = EIO;
  size_t prefix_bytes = 0;  // of a write: so much of it is done before it fails
};

// Decides, call by call. Not thread-safe.
class SimFaults {
 public:
  // Asked about every call; the calls it makes itself would deadlock.
  using Hook = std::function<std::optional<Fault>(const Call&)>;

  void fail_change(uint64_t change, Fault fault) { planned_[change] = fault; }
  void power_off_at_change(uint64_t change, size_t prefix_bytes);
  void set_hook(Hook hook) { hook_ = std::move(hook); }

  // To be called once per call: how it fails, if it does.
  std::optional<Fault> next(CallKind kind, const std::string& path);

  // From the call on that power_off_at_change() named: nothing happens any more.
  bool is_off() const { return off_; }

  uint64_t calls() const { return calls_; }
  uint64_t changes() const { return changes_; }
  // The first call that failed on request, for messages; empty if none did.
  const std::string& first_failed() const { return first_failed_; }

 private:
  std::optional<Fault> decide(const Call& call);  // may turn the power off

  std::map<uint64_t, Fault> planned_;
  std::optional<uint64_t> power_off_;
  size_t power_off_prefix_bytes_ = 0;
  bool off_ = false;
  Hook hook_;
  uint64_t calls_ = 0;
  uint64_t changes_ = 0;
  std::string first_failed_;
};

}  // namespace range
