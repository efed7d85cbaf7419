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

  // What a journal holds after some of the appends.
  struct Contents {
    std::string bytes;
    std::vector<std::string> records;  // complete ones
    std::string open;                  // what the next append continues
    uint64_t records_total() const { return records.size() + (open.empty() ? 0 : 1); }
  };

  // An append is about to be tried; then one of: it returned, it failed and must not come back, or
  // nobody knows whether it was done (which the next one that returns settles: it was not).
  void begin(Append append) { in_flight_.push_back(std::move(append)); }
  void returned(const Extent& now);
  // An append that was refused may have made the journal begin a new chunk, which ends a record.
  void refused() {
    in_flight_.pop_back();
    may_close_ = true;
  }

  // Another framing was set, or (not `done`) nobody knows. It ends the record that is open.
  void reframed(bool done) {
    (done ? appends_ : in_flight_).push_back(closing());
    may_close_ = may_close_ || !done;
  }

  void synced() { synced_ = appends_.size(); }

  enum class End { kNone, kKill, kPowerLoss };
  // Compares with what was found after `end`: nothing may be lost by a kill but what never
  // returned, by a power loss but what was not synced; what is there is a prefix, in whole appends.
  // Returns what is wrong, empty if nothing is, and then takes what was found for what is to be.
  std::string settle(Journal& journal, End end);

  Contents contents() const { return replay(appends_); }
  size_t appends() const { return appends_.size(); }

 private:
  // What ends a record without an append is, to the history, an append of nothing.
  static Append closing() {
    Append nothing;
    nothing.closes_open = true;
    return nothing;
  }

  static Contents replay(const std::vector<Append>& appends);
  std::vector<Append> tried(bool closes_open) const;

  std::vector<Append> appends_;    // that returned, or were found
  std::vector<Append> in_flight_;  // that nobody knows of
  size_t synced_ = 0;              // so many of appends_ survive power loss
  bool may_close_ = false;  // what is open may have been closed; recovery does that where it cuts
};

// What is wrong with `journal`, whichever way it is read; empty if it holds just `contents`.
std::string compare(Journal& journal, const JournalModel::Contents& contents);

}  // namespace range
