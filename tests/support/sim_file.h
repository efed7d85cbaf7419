// Open files, mappings and locks of SimEnv; for sim_env.cc only.
#pragma once

#include "journal/env/mapping_slot.h"
#include "tests/support/sim_env.h"

namespace range {

class SimFile : public File {
 public:
  SimFile(SimEnv& env, SimTree::NodeId id, Path path, bool writable)
      : env_(env),
        id_(id),
        path_(std::move(path)),
        writable_(writable),
        failures_seen_(env.tree_.node(id).failed_writebacks) {}
  ~SimFile() override;

  using File::write_at;
  Result<size_t> read_at(uint64_t offset, MutableBytes into) override;
  Result<std::optional<size_t>> read_at_once(uint64_t offset, MutableBytes into) override;
  Status write_at(uint64_t offset, std::span<const ConstBytes> parts) override;
  Status truncate(uint64_t size) override;
  void prefetch(uint64_t /*offset*/, uint64_t /*size*/) override {}
  void start_writeback() override;
  Status check_writeback() override;
  Status sync_data() override;
  Result<FileStat> stat() override;
  Result<std::unique_ptr<Region>> map(uint64_t offset, size_t size, Access access) override;

 private:
  // The env's mutex is held:
  SimContent& content() { return env_.tree_.node(id_).content; }
  Status report_writeback();

  SimEnv& env_;
  const SimTree::NodeId id_;
  const Path path_;  // when it was opened
  const bool writable_;
  uint64_t failures_seen_;
};

// Shows the contents of a file at all times: the env copies every change into it.
class SimRegion : public Region {
 public:
  SimRegion(MappingSlot slot, SimEnv& env, SimTree::NodeId id, Path path, uint64_t offset,
            size_t size);
  ~SimRegion() override;

  Status store(size_t at, ConstBytes from) override;
  Status store_words(size_t at, ConstBytes from) override;

  size_t in_memory(size_t at, size_t size) const override;

  // Copies what the file holds between `from` and `to`, zeros behind its end.
  void refresh(const SimContent& content, uint64_t from, uint64_t to);

 private:
  void refresh_page(const SimContent& content, uint64_t page, uint64_t at, size_t size);

  const MappingSlot slot_;
  SimEnv& env_;
  const SimTree::NodeId id_;
  const Path path_;
  const uint64_t offset_;
  std::set<uint64_t> withheld_;  // places of pages that cannot be read
};

class SimLock : public FileLock {
 public:
  SimLock(SimEnv& env, SimTree::NodeId id, bool shared) : env_(env), id_(id), shared_(shared) {}
  ~SimLock() override;

 private:
  SimEnv& env_;
  const SimTree::NodeId id_;
  const bool shared_;
};

}  // namespace range
