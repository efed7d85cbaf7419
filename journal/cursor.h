// Reading a journal record by record, forward and backward.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "journal.h"

namespace range {

// A complete record. `bytes` is valid until the next call on the cursor that returned it.
struct Record {
  RecordNumber number;
  Time time{};
  Position position;
  ConstBytes bytes;
};

// A place between two records, moved by reading. It survives rolls: it knows the record it is at by
// number. An open record (a line whose newline is still missing) is returned once it is complete.
// Not thread-safe; any number of cursors may read one journal.
class Cursor {
 public:
  // Begins at the oldest record.
  explicit Cursor(std::shared_ptr<Journal> journal);

  // Number of the record that next() would return.
  RecordNumber record() const { return at_; }

  // Moves to `spec`. Errors: those of Journal::seek(), and the cursor stays where it was.
  Status seek(const PositionSpec& spec);

  // The record behind the cursor, which moves over it; nothing at the end. What was dropped is
  // passed over: the number of the record tells. On kCorrupt it moves over the damaged record, so
  // that calling again goes on with the one after it.
  Result<std::optional<Record>> next();

  // The record before the cursor, which moves over it; nothing at the beginning. kCorrupt: as
  // next().
  Result<std::optional<Record>> previous();

  // Waits until next() has a record to return, as Journal::wait_for_record() does.
  Result<bool> wait(Journal::Deadline deadline, const std::stop_token& stop = {}) {
    return journal_->wait_for_record(at_, deadline, stop);
  }

 private:
  bool loaded(RecordNumber number) const {
    return number >= batch_.first && number - batch_.first < batch_.items.size();
  }
  Result<std::optional<Record>> load_previous();
  Status load_from_here();
  Status load_before(RecordNumber end);
  Record record_at(RecordNumber number) const {
    const uint64_t i = number - batch_.first;
    return {.number = number,
            .time = batch_.items[i].time,
            .position = {batch_.position.chunk, batch_.position.record + static_cast<uint32_t>(i)},
            .bytes = batch_.items[i].bytes};
  }

  std::shared_ptr<Journal> journal_;
  RecordNumber at_;
  RecordBatch batch_;  // what was read last, here or elsewhere: records never change
  size_t ahead_ = 1;   // how many records to read forward: more with each batch, one after a seek
  size_t reach_ = 1;   // how many records the last batch loaded backward held
};

inline Result<std::optional<Record>> Cursor::next() {
  if (!loaded(at_)) {
    if (Status read = load_from_here(); !read) return std::move(read).error();
    if (!loaded(at_)) return std::optional<Record>();
  }
  const RecordNumber number = at_;
  at_ += 1;
  return std::optional(record_at(number));
}

inline Result<std::optional<Record>> Cursor::previous() {
  if (at_ == RecordNumber() || !loaded(at_ - 1)) return load_previous();
  at_ = at_ - 1;
  return std::optional(record_at(at_));
}

}  // namespace range
