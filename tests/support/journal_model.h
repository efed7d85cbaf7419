// What a journal must hold: everything that was appended to it, and how much of that may be gone.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "journal/journal.h"

namespace range {

// Copyable, so that one history can be continued in several ways. Not thread-safe.
class JournalModel {
 public:
  struct Append {
    std::vector<std::string> parts;
    bool framed = true;  // by append(), else by append_records()
    Framing framing = Framing::kLine;
    bool closes_open = false;  // a record that was open is not continued
  };

  // Where it begins: what precedes that was dropped.
  struct Begin {
    uint64_t record = 0;
    uint64_t byte = 0;
  };

  // What a journal holds after some of the appends.
  struct Contents {
    Begin begin;
    std::string bytes;
    std::vector<std::string> records;  // complete ones
    std::string open;                  // what the next append continues
    uint64_t end_byte() const { return begin.byte + bytes.size(); }
    uint64_t end_record() const { return begin.record + records.size() + (open.empty() ? 0 : 1); }
  };

  // An append is about to be tried; then one of: it returned, it failed and must not come back, or
  // nobody knows whether it was done (which the next one that returns settles: it was not).
  void begin(Append append) { in_flight_.push_back(std::move(append)); }
  void returned(const Extent& now);
  void refused() { in_flight_.pop_back(); }

  // Something was done that ends the record that is open: another framing, or all that there is was
  // to be dropped; or (not `done`) nobody knows.
  void ended_record(bool done) {
    (done ? appends_ : in_flight_).push_back(closing());
    may_close_ = may_close_ || !done;
  }

  void synced() {
    synced_ = appends_.size();
    begin_before_.reset();
  }

  // What precedes `begin` was dropped, for good, or nobody knows.
  void trimmed(const Begin& begin, bool done);

  enum class End { kNone, kKill, kPowerLoss };
  // Compares with what was found after `end`: nothing may be lost by a kill but what never
  // returned, by a power loss but what was not synced; what is there is a prefix, in whole appends.
  // Returns what is wrong, empty if nothing is, and then takes what was found for what is to be.
  std::string settle(Journal& journal, End end);

  Contents contents() const { return replay(appends_); }
  bool has_open_record() const { return !contents().open.empty(); }
  size_t appends() const { return appends_.size(); }

 private:
  // What ends a record without an append is, to the history, an append of nothing.
  static Append closing() {
    Append nothing;
    nothing.closes_open = true;
    return nothing;
  }

  void settle_begin(RecordNumber found, End end);
  void settle_dropped();
  Contents replay(const std::vector<Append>& appends) const;
  std::vector<Append> tried(bool closes_open) const;

  std::vector<Append> appends_;    // that returned, or were found
  std::vector<Append> in_flight_;  // that nobody knows of
  Begin begin_;
  std::optional<Begin> begin_tried_;
  std::optional<Begin> begin_before_;  // what a power loss may bring back
  size_t synced_ = 0;                  // so many of appends_ survive power loss
  bool may_close_ = false;  // what is open may have been closed; recovery does that where it cuts
};

// What is wrong with `journal`, whichever way it is read; empty if it holds just `contents`.
std::string compare(Journal& journal, const JournalModel::Contents& contents);

}  // namespace range
