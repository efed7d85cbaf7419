#include "tests/support/sim_faults.h"

namespace range {

namespace {

const char* name_of(CallKind kind) {
  static constexpr const char* kNames[] = {"create",
                                           "write",
                                           "store",
                                           "truncate",
                                           "sync_data",
                                           "make_directory",
                                           "remove_directory",
                                           "remove",
                                           "symlink",
                                           "rename",
                                           "exchange",
                                           "set_modified",
                                           "sync_directory",
                                           "sync_filesystem",
                                           "lock",
                                           "open",
                                           "lock_shared",
                                           "read",
                                           "start_writeback",
                                           "check_writeback",
                                           "stat",
                                           "map",
                                           "read_symlink",
                                           "list",
                                           "space"};
  static_assert(std::size(kNames) == static_cast<size_t>(CallKind::kSpace) + 1);
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace

std::string to_string(const Call& call) {
  return std::string(name_of(call.kind)) + ' ' + call.path + " (change " +
         std::to_string(call.change) + ')';
}

void SimFaults::power_off_at_change(uint64_t change, size_t prefix_bytes) {
  power_off_ = change;
  power_off_prefix_bytes_ = prefix_bytes;
}

std::optional<Fault> SimFaults::next(CallKind kind, const std::string& path) {
  const Call call{kind, path, calls_, changes_};
  const std::optional<Fault> fault = decide(call);
  ++calls_;
  if (is_change(kind)) ++changes_;
  if (fault && first_failed_.empty()) first_failed_ = to_string(call);
  return fault;
}

std::optional<Fault> SimFaults::decide(const Call& call) {
  if (off_) return Fault{EIO, 0};
  if (is_change(call.kind) && call.change == power_off_) {
    off_ = true;
    return Fault{EIO, power_off_prefix_bytes_};
  }
  if (is_change(call.kind)) {
    if (const auto found = planned_.find(call.change); found != planned_.end())
      return found->second;
  }
  return hook_ ? hook_(call) : std::nullopt;
}

}  // namespace range
