// A journal in memory, of a MemoryStore. Nothing is durable; sync() only moves the mark.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "journal/journal.h"

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
  Result<std::optional<size_t>> read_at_once(ByteOffset from, MutableBytes into) override;
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
  // As a power loss does: the last record, a complete one, is gone.
  void lose_last_record();
  // From now on append() and sync() fail with `error`.
  void fail_with(Error error);
  // As if the stored attributes could not be read.
  void lose_attributes(Error error);
  // Called as append() begins, once; it may append before it.
  std::function<void()> before_append;

  // Both may be set by tests, and call everything: the one is called when extent() has found out
  // what it returns, the other before sync() does anything.
  std::function<void()> on_extent;
  std::function<void()> on_sync;
  // Likewise: if it is set, nothing of the journal is in memory, and read() calls it before it
  // reads, as the disk would be waited for.
  std::function<void()> on_cold_read;

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
  std::optional<Error> attributes_lost_;
};

}  // namespace range
