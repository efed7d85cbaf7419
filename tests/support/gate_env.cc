#include "tests/support/gate_env.h"

#include <algorithm>
#include <utility>

#include "journal/base/result_macros.h"

namespace range {

class GateFile : public File {
 public:
  GateFile(GateEnv& env, std::unique_ptr<File> base) : env_(env), base_(std::move(base)) {
    env_.count_open(1);
  }
  ~GateFile() override { env_.count_open(-1); }

  using File::write_at;
  Result<size_t> read_at(uint64_t offset, MutableBytes into) override {
    return base_->read_at(offset, into);
  }
  Result<std::optional<size_t>> read_at_once(uint64_t offset, MutableBytes into) override {
    return base_->read_at_once(offset, into);
  }
  Status write_at(uint64_t offset, std::span<const ConstBytes> parts) override {
    return base_->write_at(offset, parts);
  }
  Status truncate(uint64_t size) override { return base_->truncate(size); }
  void prefetch(uint64_t offset, uint64_t size) override { base_->prefetch(offset, size); }
  void start_writeback() override { base_->start_writeback(); }
  Status check_writeback() override { return base_->check_writeback(); }
  Status sync_data() override {
    env_.pass_sync();
    return base_->sync_data();
  }
  Result<FileStat> stat() override { return base_->stat(); }
  Result<std::unique_ptr<Region>> map(uint64_t offset, size_t size, Access access) override {
    return base_->map(offset, size, access);
  }

 private:
  GateEnv& env_;
  const std::unique_ptr<File> base_;
};

Result<std::unique_ptr<File>> GateEnv::open(const Path& path, OpenMode mode) {
  if (on_open) on_open(path);
  ASSIGN_OR_RETURN(auto file, base_.open(path, mode));
  return std::unique_ptr<File>(std::make_unique<GateFile>(*this, std::move(file)));
}

void GateEnv::close_gate() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  reached_ = false;
}

void GateEnv::wait_until_reached() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return reached_; });
}

void GateEnv::open_gate() {
  const std::lock_guard lock(mutex_);
  closed_ = false;
  changed_.notify_all();
}

void GateEnv::pass_sync() {
  ++syncs_;
  std::unique_lock lock(mutex_);
  if (std::exchange(reached_, true)) return;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !closed_; });
}

void GateEnv::count_open(int change) {
  const int now = open_files_ += change;
  int most = open_files_max_;
  while (now > most && !open_files_max_.compare_exchange_weak(most, now)) {
  }
}

}  // namespace range
