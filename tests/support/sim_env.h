// A simulated machine: a file system in memory with its clocks, which fails on request, is killed,
// and loses power. Deterministic. How to use it:
//
//   SimEnv env;
//   env.power_off_at_change(n);            // the n-th changing call and all after it fail
//   run_workload(env);                     // as far as it gets
//   auto later = env.after_power_loss(Survival::of(seed));
//   check(*later, Survival::of(seed));     // recover, and look at what is left
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "journal/env/env.h"
#include "tests/support/sim_faults.h"
#include "tests/support/sim_tree.h"
#include "tests/support/survival.h"

namespace range {

class SimRegion;

// An empty file system at "/" (relative paths begin there as well). What is durable when is
// described at SimTree (names) and SimContent (contents). Calls are numbered from 0 on; those that
// can change something durable, or make it so, are also numbered by themselves, as "changes": these
// are what faults are planned by. A failed sync leaves what it was for lost to later syncs.
//
// All calls may be made from any number of threads. Files, regions and locks must not outlive the
// env.
class SimEnv : public Env {
 public:
  explicit SimEnv(uint64_t seed = 1);

  // --- Faults ---------------------------------------------------------------------------------

  // The changing call number `change` (0: the first ever; env.changes(): the next) fails.
  void fail_change(uint64_t change, int sys_errno, size_t prefix_bytes = 0);
  // That call and all calls after it fail with EIO and do nothing; only a write does its first
  // `prefix_bytes`. With after_kill(), a process killed at that call.
  void power_off_at_change(uint64_t change, size_t prefix_bytes = 0);
  // `hook` is asked about every call that no other fault concerns. It must not call the env.
  void set_fault_hook(SimFaults::Hook hook);
  // The kernel fails to write a file back by itself: what is dirty now is lost to later syncs, and
  // whoever has the file open is told once.
  void fail_writeback(const Path& path);
  // A disk of this size (default: unlimited), in use sector by sector. A write that does not fit
  // fails with ENOSPC, after what does fit was written if `partial`, else without writing anything.
  void set_capacity(uint64_t bytes, bool partial = false);

  uint64_t calls() const;
  uint64_t changes() const;
  std::string first_failed() const;  // the first call that a fault hit, for messages

  // --- Ends -----------------------------------------------------------------------------------

  // The same machine after every process was killed: all that was written is there, synced or not,
  // and what a power loss can still take is remembered. No locks, no faults; the clocks go on.
  // This env is not changed and can be asked again.
  std::unique_ptr<SimEnv> after_kill() const;
  // The machine after power was lost and came back: another boot id, since_boot() is 0.
  std::unique_ptr<SimEnv> after_power_loss(const Survival& survival) const;
  // The page cache forgets what failed syncs left clean, and reads what the disk has instead.
  void evict_lost(const Survival& survival);

  // --- Clocks ---------------------------------------------------------------------------------

  void set_now(Time now);
  void set_since_boot(std::chrono::nanoseconds since_boot);
  void advance(std::chrono::nanoseconds by);  // both clocks

  // --- Chance ---------------------------------------------------------------------------------

  // What random() returns next, in order, before it goes on as it would have.
  void script_random(std::vector<uint64_t> numbers);

  // --- Looking inside, not counted as calls; the paths must exist --------------------------------

  std::string dump() const;
  bool exists(const Path& path) const;
  std::string read_all(const Path& path) const;
  // Damage, of the cache and of the disk alike.
  void corrupt(const Path& path, uint64_t offset, uint8_t xor_byte);
  void truncate_raw(const Path& path, uint64_t size);
  // From now on the page of the file that `offset` is in cannot be read, neither with a read (EIO)
  // nor through a mapping (SIGBUS), or can be again. Stays so on later machines.
  void set_readable(const Path& path, uint64_t offset, bool readable);
  // Whether the page is in memory, so that reading it waits for nothing: it is unless this says
  // otherwise, also on later machines, and reading it changes nothing.
  void set_in_memory(const Path& path, uint64_t offset, bool in_memory);
  // A file with these contents, durable with its name, if its directory is.
  void write_raw(const Path& path, std::string_view contents);

  // --- Env ------------------------------------------------------------------------------------

  Result<std::unique_ptr<File>> open(const Path& path, OpenMode mode) override;
  Status make_directory(const Path& path) override;
  Status remove_directory(const Path& path) override;
  Status remove_file(const Path& path) override;
  Status make_symlink(const std::string& target, const Path& path) override;
  Result<std::string> read_symlink(const Path& path) override;
  Status rename(const Path& from, const Path& to, bool replace) override;
  Status exchange(const Path& a, const Path& b) override;
  Result<FileStat> stat(const Path& path) override;
  Status set_modified(const Path& path, Timestamp modified) override;
  using Env::list;
  Result<DirectoryPage> list(const Path& directory, uint64_t from, size_t entries_max) override;
  Status sync_directory(const Path& directory) override;
  Status sync_filesystem(const Path& path) override;
  Result<Space> space(const Path& path) override;
  Result<std::unique_ptr<FileLock>> lock(const Path& path) override;
  Result<std::unique_ptr<FileLock>> lock_shared(const Path& path) override;
  Result<std::unique_ptr<FileLock>> lock_directory(const Path& path) override;
  Time now() override;
  std::chrono::nanoseconds since_boot() override;
  BootId boot_id() override;
  uint64_t random() override;

 private:
  friend class SimFile;
  friend class SimRegion;
  friend class SimLock;
  using NodeId = SimTree::NodeId;

  // All below: mutex_ is held.
  Status begin(CallKind kind, const Path& path);
  Result<std::unique_ptr<FileLock>> locked(NodeId id, const Path& path, bool shared);
  FileStat stat_of(NodeId id) const;
  Timestamp tick();
  void touch(const Path& directory);
  SimContent& content_at(const Path& path);
  Result<NodeId> find_directory(const Path& path) const;
  Status write(NodeId id, const Path& path, uint64_t offset, std::span<const ConstBytes> parts);
  void refresh_regions(NodeId id, uint64_t from, uint64_t to);
  // How many of `size` bytes from `offset` on are, before the first that is not.
  size_t in_memory(NodeId id, uint64_t offset, size_t size) const;
  uint64_t free_bytes() const;
  size_t fitting(const SimContent& content, uint64_t offset, size_t size) const;

  mutable std::mutex mutex_;
  // Everything else is guarded by it.
  SimTree tree_;
  SimFaults faults_;
  std::set<NodeId> locked_;
  std::multiset<NodeId> shared_;                        // locked so, by as many
  std::map<NodeId, std::set<SimRegion*>> regions_;      // mapped now
  std::map<NodeId, std::set<uint64_t>> not_in_memory_;  // pages
  static constexpr uint64_t kUnlimited = uint64_t{1} << 50;
  uint64_t capacity_ = kUnlimited;
  bool partial_writes_ = false;
  Time now_;
  Timestamp last_tick_{};
  std::chrono::nanoseconds since_boot_{};
  uint64_t boots_ = 1;
  std::mt19937_64 random_;
  std::deque<uint64_t> scripted_random_;
};

}  // namespace range
