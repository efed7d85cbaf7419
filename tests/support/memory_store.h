// A store in memory: the smallest thing that keeps the contract of journal/store.h, for tests of
// the layers above the engine. Nothing is durable; sync() only moves the mark.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "journal/store.h"
#include "tests/support/memory_journal.h"

namespace range {

class MemoryStore : public Store {
 public:
  explicit MemoryStore(StoreOptions options = {});

  Result<std::optional<Entry>> look_up(std::string_view path) override;
  using Store::open;
  Result<std::shared_ptr<Journal>> open(JournalId id, std::string_view name) override;
  Result<std::shared_ptr<Journal>> find_open(JournalId id, std::string_view name) override;
  Result<std::shared_ptr<Journal>> create(std::string_view path,
                                          const Attributes& attributes) override;
  Result<Entry> make_directory(std::string_view path, const Attributes& attributes) override;
  Status remove(std::string_view path) override;
  Status remove_directory(std::string_view path) override;
  Status rename(std::string_view from, std::string_view to, bool replace) override;
  Status sync_names(std::string_view path) override;
  using Store::list;
  Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max) override;
  Result<Attributes> directory_attributes(std::string_view path) override;
  Status set_directory_attributes(std::string_view path, const Attributes& attributes) override;
  Result<Framing> framing_in(std::string_view directory) override;
  Status set_directory_modified(std::string_view path, Timestamp modified) override;
  Status apply_retention() override { return {}; }
  Status sync() override;
  Result<Space> space() override;
  const StoreOptions& options() const override { return options_; }
  Status close() override { return sync(); }

  // The journal at `path`, which must be there.
  std::shared_ptr<MemoryJournal> journal(std::string_view path);
  // As if the directory at `to` had been copied from `from` by hand.
  void copy_id(std::string_view from, std::string_view to);
  int syncs() const;
  int opens() const;  // of journals
  // From now on no journal is open before its first open().
  void close_journals();
  // Called, without a lock, where a store on disks would wait: an open of a journal that is not
  // open, a sync, listing and removing a directory, changing its attributes.
  std::function<void()> on_wait;

 private:
  struct Node {
    Entry entry;
    Attributes directory;  // of a directory
  };
  Node* find(std::string_view path);
  Timestamp tick();
  void touch(std::string_view directory);
  Status check_parent(std::string_view path);
  Status check_free(std::string_view path);
  bool kept(std::string_view path, const MemoryJournal& journal);
  bool has_entries(std::string_view directory) const;
  Status make_room(std::string_view to, const Node& moved, bool replace);
  Framing framing_set_in(std::string_view directory);

  const StoreOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, Node, std::less<>> tree_;  // by path; "" is the root
  std::map<JournalId, std::weak_ptr<MemoryJournal>> removed_;
  std::set<JournalId> closed_;
  std::map<JournalId, std::shared_ptr<MemoryJournal>> journals_;
  uint64_t last_id_ = 1;  // the root's
  int syncs_ = 0;
  int opens_ = 0;
  Timestamp last_tick_{};
};

}  // namespace range
