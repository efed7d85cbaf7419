// A store in memory: the smallest thing that keeps the contract of journal/store.h, for tests of
// the layers above the engine. Nothing is durable; sync() only moves the mark.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "journal/store.h"

namespace range {

// Thread-safe. Record times come from `now`, which tests may set; it stands still otherwise.
class MemoryJournal : public Journal {
 public:
  MemoryJournal(JournalId id, Attributes attributes);

  JournalId id() const override { return id_; }
  Result<ByteOffset> append(ConstBytes data, std::optional<ByteOffset> at) override;
  Result<ByteOffset> append_records(std::span<const ConstBytes> records) override;
  Extent extent() const override;
  Result<size_t> read(ByteOffset from, MutableBytes into) override;
  Status read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                      RecordBatch& batch) override;
  Result<Location> seek(const PositionSpec& spec, RecordNumber here) override;
  // Nothing waits for anything in these tests: they tell at once.
  Result<bool> wait_for_byte(ByteOffset offset, Deadline deadline,
                             const std::stop_token& stop) override;
  Result<bool> wait_for_record(RecordNumber record, Deadline deadline,
                               const std::stop_token& stop) override;
  Result<Location> sync() override;
  Attributes attributes() const override;
  Status set_attributes(const Attributes& attributes) override;
  // All of it is one chunk, which nothing drops.
  Status trim(ChunkId /*last*/, const ChunkVisitor& /*visit*/) override { return {}; }
  Status apply_retention() override { return {}; }
  Result<JournalInfo> info() override;
  std::vector<ChunkInfo> chunks() const override { return {}; }

  void set_now(Time now);
  // From now on append() and sync() fail with `error`.
  void fail_with(Error error);
  // Called as append() begins, once; it may append before it.
  std::function<void()> before_append;

  // Both may be set by tests, and call everything: the one is called when extent() has found out
  // what it returns, the other before sync() does anything.
  std::function<void()> on_extent;
  std::function<void()> on_sync;

 private:
  struct Start {
    uint64_t offset = 0;
    Time time{};
  };
  Extent extent_now() const;
  void begin_record();
  Location location(uint64_t record) const;
  Location end() const;

  const JournalId id_;
  mutable std::mutex mutex_;
  Attributes attributes_;
  std::vector<std::byte> bytes_;
  std::vector<Start> records_;  // the open one included
  bool open_ = false;
  uint64_t synced_ = 0;
  Time now_{std::chrono::milliseconds(1'763'802'000'000)};  // 2025-11-22T09:00:00Z
  std::optional<Error> failure_;
};

class MemoryStore : public Store {
 public:
  explicit MemoryStore(StoreOptions options = {});

  Result<std::optional<Entry>> look_up(std::string_view path) override;
  using Store::open;
  Result<std::shared_ptr<Journal>> open(JournalId id, std::string_view name) override;
  Result<std::shared_ptr<Journal>> create(std::string_view path,
                                          const Attributes& attributes) override;
  Status make_directory(std::string_view path, const Attributes& attributes) override;
  Status remove(std::string_view path) override;
  Status remove_directory(std::string_view path) override;
  Status rename(std::string_view from, std::string_view to, bool replace) override;
  using Store::list;
  Result<NamesPage> list(std::string_view directory, uint64_t from, size_t entries_max) override;
  Result<Attributes> directory_attributes(std::string_view path) override;
  Status set_directory_attributes(std::string_view path, const Attributes& attributes) override;
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
  Framing inherited_framing(std::string_view path);

  const StoreOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, Node, std::less<>> tree_;  // by path; "" is the root
  std::map<JournalId, std::weak_ptr<MemoryJournal>> removed_;
  std::map<JournalId, std::shared_ptr<MemoryJournal>> journals_;
  uint64_t last_id_ = 1;  // the root's
  int syncs_ = 0;
  int opens_ = 0;
  Timestamp last_tick_{};
};

}  // namespace range
