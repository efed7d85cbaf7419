// A store on a simulated machine, beside a model of what it must hold.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "journal/local/local_store.h"
#include "tests/support/sim_env.h"
#include "tests/support/store_model.h"

namespace range {

// Does everything to the store and notes it in the model. Operations return whether the store did
// them; from the first that fails because the machine's power went (or the process was killed),
// none does anything. Whatever differs from the model is a failure of the running test.
class CheckedStore {
 public:
  using End = StoreModel::End;

  // A new machine without a store.
  CheckedStore() : CheckedStore(std::make_unique<SimEnv>(), StoreModel(), End::kNone) {}
  ~CheckedStore();
  CheckedStore(CheckedStore&& other) noexcept = default;
  CheckedStore& operator=(CheckedStore&& other) noexcept;

  SimEnv& env() { return *env_; }
  const SimEnv& env() const { return *env_; }
  StoreModel& model() { return model_; }
  Store& store() { return *store_; }

  // Opens the store and checks what it holds.
  bool open();
  bool close();

  // Removes what the layout of the store has for ids that will not be drawn soon, before any
  // journal is created: copies of the machine get several times cheaper.
  void prune(size_t ids_drawn_max);

  bool create(const std::string& path, const Attributes& attributes = {});
  bool make_directory(const std::string& path, const Attributes& attributes = {});
  bool append(const std::string& path, const std::string& text);
  bool append_records(const std::string& path, const std::vector<std::string>& records);
  bool sync(const std::string& path);
  bool sync_all();
  bool sync_and_reclaim();
  // Drops the oldest `count` chunks, or all there are.
  bool trim(const std::string& path, size_t count);
  bool remove(const std::string& path);
  bool remove_directory(const std::string& path);
  bool rename(const std::string& from, const std::string& to);
  bool set_attributes(const std::string& path, const Attributes& attributes);
  bool set_directory_attributes(const std::string& path, const Attributes& attributes);

  // The same where faults are expected: the error, if any, whatever its cause.
  std::optional<Error> try_append(const std::string& path, const std::string& text);
  std::optional<Error> try_sync(const std::string& path);
  std::optional<Error> try_trim(const std::string& path, size_t count);
  std::optional<Error> try_sync_all();

  std::shared_ptr<Journal> journal(const std::string& path);
  Attributes attributes(const std::string& path) { return journal(path)->attributes(); }

  // Compares all of it with the model.
  void check();

  // What is found later; this one can go on.
  CheckedStore after_kill() const { return {env_->after_kill(), model_, End::kKill}; }
  CheckedStore after_power_loss(const Survival& survival) const {
    return {env_->after_power_loss(survival), model_, End::kPowerLoss};
  }

  // The same once more, not opened yet.
  CheckedStore again() const { return {env_->after_kill(), model_, end_}; }

  // The same, with the model of another one that has looked at it.
  CheckedStore found_as(const CheckedStore& other) const {
    return {env_->after_kill(), other.model_, End::kKill};
  }

  static constexpr const char* kPath = "/store";
  static constexpr uint64_t kChunkSize = 4096;

 private:
  CheckedStore(std::unique_ptr<SimEnv> env, StoreModel model, End end)
      : env_(std::move(env)), model_(std::move(model)), end_(end) {}

  bool is_off() const { return !env_->first_failed().empty(); }
  // Whether `status` is success; otherwise the test fails unless a fault explains it.
  bool done(const Status& status);
  void settle(End end);
  std::optional<Error> finish_append(const std::string& path, const Result<ByteOffset>& appended);
  bool done_unless(const std::optional<Error>& error) {
    return done(error ? Status(*error) : Status());
  }

  std::unique_ptr<SimEnv> env_;
  StoreModel model_;
  End end_;  // how it was left
  std::unique_ptr<LocalStore> store_;
  std::map<uint64_t, std::shared_ptr<Journal>> journals_;
};

}  // namespace range
