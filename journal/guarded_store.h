// A store as programs have it.
#pragma once

#include <memory>
#include <string>

#include "journal/base/forks.h"
#include "journal/store.h"

namespace range {

// Passes every call on to a store, but not in a process that was forked from the one that opened
// it: there every call answers kLocked, and the store is left as it is, because its threads are not
// there and its mutexes may be held by them for ever. Its journals keep guard themselves.
class GuardedStore final : public Store {
 public:
  // `path` is for messages.
  GuardedStore(std::unique_ptr<Store> store, std::string path);
  ~GuardedStore() override;

  Result<std::optional<Entry>> look_up(std::string_view path) override;
  Result<std::shared_ptr<Journal>> open(JournalId id, std::string_view path) override;
  Result<std::shared_ptr<Journal>> find_open(JournalId id, std::string_view path) override;
  Result<std::shared_ptr<Journal>> create(std::string_view path,
                                          const Attributes& attributes) override;
  Result<Entry> make_directory(std::string_view path, const Attributes& attributes) override;
  Status remove(std::string_view path) override;
  Status remove_directory(std::string_view path) override;
  Status rename(std::string_view from, std::string_view to, bool replace) override;
  Status sync_names(std::string_view path) override;
  Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max) override;
  Result<Attributes> directory_attributes(std::string_view path) override;
  Status set_directory_attributes(std::string_view path, const Attributes& attributes) override;
  Result<Framing> framing_in(std::string_view directory) override;
  Status set_directory_modified(std::string_view path, Timestamp modified) override;
  Status apply_retention() override;
  Status sync() override;
  Result<Space> space() override;
  const StoreOptions& options() const override { return store_->options(); }
  Status close() override;

 private:
  // Calls `call` in the process that may.
  template <typename Call>
  auto guarded(const Call& call) -> decltype(call()) {
    if (!here_) return forked_error(path_);
    return call();
  }

  std::unique_ptr<Store> store_;
  const std::string path_;
  const OfThisProcess here_;
};

}  // namespace range
