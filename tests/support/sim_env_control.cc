// The part of SimEnv with which tests control it.

#include <algorithm>
#include <utility>

#include "tests/support/sim_env.h"

namespace range {

using Guard = std::lock_guard<std::mutex>;

void SimEnv::fail_change(uint64_t change, int sys_errno, size_t prefix_bytes) {
  const Guard guard(mutex_);
  faults_.fail_change(change, {sys_errno, prefix_bytes});
}

void SimEnv::power_off_at_change(uint64_t change, size_t prefix_bytes) {
  const Guard guard(mutex_);
  faults_.power_off_at_change(change, prefix_bytes);
}

void SimEnv::set_fault_hook(SimFaults::Hook hook) {
  const Guard guard(mutex_);
  faults_.set_hook(std::move(hook));
}

void SimEnv::fail_writeback(const Path& path) {
  const Guard guard(mutex_);
  content_at(path).fail_sync();
  ++tree_.node(tree_.find(path).value()).failed_writebacks;
}

void SimEnv::set_capacity(uint64_t bytes, bool partial) {
  const Guard guard(mutex_);
  capacity_ = std::min(bytes, kUnlimited);
  partial_writes_ = partial;
}

uint64_t SimEnv::calls() const {
  const Guard guard(mutex_);
  return faults_.calls();
}

uint64_t SimEnv::changes() const {
  const Guard guard(mutex_);
  return faults_.changes();
}

std::string SimEnv::first_failed() const {
  const Guard guard(mutex_);
  return faults_.first_failed();
}

std::unique_ptr<SimEnv> SimEnv::after_kill() const {
  const Guard guard(mutex_);
  auto later = std::make_unique<SimEnv>();
  later->tree_ = tree_;
  later->tree_.close_all_files();
  later->capacity_ = capacity_;
  later->partial_writes_ = partial_writes_;
  later->now_ = now_;
  later->last_tick_ = last_tick_;
  later->since_boot_ = since_boot_;
  later->boots_ = boots_;
  later->random_ = random_;
  return later;
}

std::unique_ptr<SimEnv> SimEnv::after_power_loss(const Survival& survival) const {
  auto later = after_kill();
  Choices count(survival);
  static_cast<void>(later->tree_.survivor(count));
  Choices choices(survival, count.items());
  later->tree_ = later->tree_.survivor(choices);
  later->since_boot_ = {};
  ++later->boots_;
  return later;
}

void SimEnv::evict_lost(const Survival& survival) {
  const Guard guard(mutex_);
  Choices choices(survival);
  tree_.evict_lost(choices);
  for (const auto& [id, regions] : regions_) refresh_regions(id, 0, kUnlimited);
}

void SimEnv::set_now(Time now) {
  const Guard guard(mutex_);
  now_ = now;
}

void SimEnv::set_since_boot(std::chrono::nanoseconds since_boot) {
  const Guard guard(mutex_);
  since_boot_ = since_boot;
}

void SimEnv::advance(std::chrono::nanoseconds by) {
  const Guard guard(mutex_);
  // Counted in whole milliseconds of the sum, so that many small steps add up.
  const auto ms = [](std::chrono::nanoseconds t) {
    return std::chrono::floor<std::chrono::milliseconds>(t);
  };
  now_ += ms(since_boot_ + by) - ms(since_boot_);
  since_boot_ += by;
}

void SimEnv::script_random(std::vector<uint64_t> numbers) {
  const Guard guard(mutex_);
  scripted_random_.insert(scripted_random_.end(), numbers.begin(), numbers.end());
}

std::string SimEnv::dump() const {
  const Guard guard(mutex_);
  return tree_.dump();
}

bool SimEnv::exists(const Path& path) const {
  const Guard guard(mutex_);
  return tree_.find(path).has_value();
}

std::string SimEnv::read_all(const Path& path) const {
  const Guard guard(mutex_);
  const SimContent& content = tree_.node(tree_.find(path).value()).content;
  std::string text(content.size(), '\0');
  static_cast<void>(content.read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

void SimEnv::corrupt(const Path& path, uint64_t offset, uint8_t xor_byte) {
  const Guard guard(mutex_);
  content_at(path).flip(offset, std::byte{xor_byte});
  refresh_regions(tree_.find(path).value(), offset, offset + 1);
}

void SimEnv::truncate_raw(const Path& path, uint64_t size) {
  const Guard guard(mutex_);
  content_at(path).truncate_raw(size);
  refresh_regions(tree_.find(path).value(), size, kUnlimited);
}

void SimEnv::set_readable(const Path& path, uint64_t offset, bool readable) {
  const Guard guard(mutex_);
  const uint64_t page = offset / kCachePageBytes;
  content_at(path).set_readable(page, readable);
  refresh_regions(tree_.find(path).value(), page * kCachePageBytes, (page + 1) * kCachePageBytes);
}

void SimEnv::set_in_memory(const Path& path, uint64_t offset, bool in_memory) {
  const Guard guard(mutex_);
  auto& pages = not_in_memory_[tree_.find(path).value()];
  if (in_memory) {
    pages.erase(offset / kCachePageBytes);
  } else {
    pages.insert(offset / kCachePageBytes);
  }
}

void SimEnv::write_raw(const Path& path, std::string_view contents) {
  const Guard guard(mutex_);
  if (!tree_.find(path)) static_cast<void>(tree_.make(path, FileKind::kRegular).value());
  tree_.sync_directory(tree_.find(path.parent_path()).value());
  SimContent& content = content_at(path);
  content.truncate(0);
  content.write(0, as_bytes(contents));
  content.sync();
}

}  // namespace range
