// An environment in front of another one: counts, and holds calls up until a test lets them go.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "journal/env/env.h"

namespace range {

// Passes everything on to `base`, which must outlive it, as it must its files. Thread-safe as far
// as `base` is.
class GateEnv : public Env {
 public:
  explicit GateEnv(Env& base) : base_(base) {}

  // The next sync_data() of a file waits until the gate is opened; others go past it.
  void close_gate();
  // Returns when a call waits at the gate.
  void wait_until_reached();
  void open_gate();
  // Called before a file is opened; may call the env and everything above it, or hold the call up.
  // By every thread that opens one.
  std::function<void(const Path&)> on_open;

  int syncs() const { return syncs_; }  // calls of sync_data() so far
  int open_files() const { return open_files_; }
  int open_files_max() const { return open_files_max_; }  // the most at any time

  Result<std::unique_ptr<File>> open(const Path& path, OpenMode mode) override;
  Status make_directory(const Path& path) override { return base_.make_directory(path); }
  Status remove_directory(const Path& path) override { return base_.remove_directory(path); }
  Status remove_file(const Path& path) override { return base_.remove_file(path); }
  Status make_symlink(const std::string& target, const Path& path) override {
    return base_.make_symlink(target, path);
  }
  Result<std::string> read_symlink(const Path& path) override { return base_.read_symlink(path); }
  Status rename(const Path& from, const Path& to, bool replace) override {
    return base_.rename(from, to, replace);
  }
  Status exchange(const Path& a, const Path& b) override { return base_.exchange(a, b); }
  Result<FileStat> stat(const Path& path) override { return base_.stat(path); }
  Status set_modified(const Path& path, Timestamp modified) override {
    return base_.set_modified(path, modified);
  }
  Result<DirectoryPage> list(const Path& directory, uint64_t from, size_t entries_max) override {
    return base_.list(directory, from, entries_max);
  }
  Status sync_directory(const Path& directory) override { return base_.sync_directory(directory); }
  Status sync_filesystem(const Path& path) override { return base_.sync_filesystem(path); }
  Result<Space> space(const Path& path) override { return base_.space(path); }
  Result<std::unique_ptr<FileLock>> lock(const Path& path) override { return base_.lock(path); }
  Result<std::unique_ptr<FileLock>> lock_shared(const Path& path) override {
    return base_.lock_shared(path);
  }
  Result<std::unique_ptr<FileLock>> lock_directory(const Path& path) override {
    return base_.lock_directory(path);
  }
  Time now() override { return base_.now(); }
  std::chrono::nanoseconds since_boot() override { return base_.since_boot(); }
  BootId boot_id() override { return base_.boot_id(); }
  uint64_t random() override { return base_.random(); }

 private:
  friend class GateFile;
  void pass_sync();
  void count_open(int change);

  Env& base_;
  std::atomic<int> syncs_ = 0;
  std::atomic<int> open_files_ = 0;
  std::atomic<int> open_files_max_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;   // guarded by mutex_
  bool reached_ = false;  // guarded by mutex_
};

}  // namespace range
