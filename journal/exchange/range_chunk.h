// The files of a chunk of the Go project Range. All numbers are big-endian; there are no checksums.
//
//   .dat   a record after the other: u32 bytes of payload, payload
//   .idx   of each record u64: the offset of its length in the .dat
//
// Range writes the two through buffers of their own, so that a crash leaves either behind the
// other. What both say is believed: a record goes from its entry to the next one, and its length
// leads there. Where they disagree it is decided so:
//
// - An entry is confirmed if the length it leads to leads to the next entry; the last one, if the
//   lengths from there on lead to the end of the file, to a part of a record there, or through
//   eight records. Of what they lead through, an empty record proves nothing.
// - If the lengths come back to the entry of the same record, with no confirmed one on the way, the
//   index is wrong in between. If no entry behind is confirmed, and the lengths lead as those from
//   the last entry have to, it is wrong from there on. Nothing is lost by that, unless the index
//   has more entries than there are records.
// - Else the data is wrong: the records up to the next confirmed entry are lost, or all that are
// left.
//
// The record of the last entry is believed if that is confirmed; records behind it are told. One
// that the index does not have is believed if another one can follow it, a part of one, or the end
// of the file. If damage follows it is left out with that: its own length may be what is wrong.
// Zeros up to the end of the file are no records, but empty ones where there is no index and they
// do not fill a sector. What is left at the end, beginning with a length that leads beyond it, is
// an append that was interrupted, if no chunk follows, it is not longer than records of Range are,
// and no lengths in it lead to the end. All else that is left out is damage.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "journal/env/env.h"
#include "journal/exchange/length_probe.h"
#include "journal/exchange/range_directory.h"
#include "journal/exchange/range_index.h"
#include "journal/status.h"
#include "journal/types.h"

namespace range::exchange {

// What there is to say about a source, in a line each.
struct Findings {
  std::vector<std::string> notes;   // remarkable, but nothing was lost by it
  std::vector<std::string> damage;  // what could not be read, and is left out
};

// Reads a chunk once, from its beginning to its end, in memory for a few MiB or one record. What is
// appended meanwhile is not read. Not thread-safe.
class RangeChunkReader {
 public:
  // `last`: no chunk with anything in it follows. `findings` must outlive the reader. Errors: kIo.
  static Result<RangeChunkReader> open(Env& env, const RangeChunk& chunk, bool last,
                                       Findings& findings);

  // The next records: some thousand, or a few MiB, but one at least; none at the end. Valid until
  // the next call. Bytes that cannot be read (EIO) cost the records that they are in. Errors: kIo.
  Result<std::span<const ConstBytes>> next();

 private:
  RangeChunkReader(std::unique_ptr<File> file, uint64_t bytes, RangeIndex index, std::string name,
                   bool last, Findings& findings);

  uint64_t bytes_left() const { return bytes_ - at_; }
  Status load(uint64_t bytes);
  void divide();
  // The record at at_ alone, or what is to be done where there is none.
  Status next_alone();

  // What the index says about where record `number` begins, as far as it is believed.
  std::optional<uint64_t> entry(uint64_t number);
  // Whether the record at at_ is believed to end at `end`; without the index, of any record.
  bool ends_at(uint64_t end);
  bool can_end_at(uint64_t begin, uint64_t end);
  bool is_in_zeros(uint64_t begin, uint64_t end);
  // Whether the lengths from `begin` on show that a record is there: see above, of the last entry.
  bool lead_on(uint64_t begin);
  // Whether what is at `begin` can be all that is behind a whole record.
  bool is_tail(uint64_t begin);
  bool is_torn_append(uint64_t begin);

  // Decides between data and index, at at_. Not `readable`: what they say is not in doubt.
  void get_over(bool readable);
  void get_over_the_rest(bool readable);
  // Whether what is left may be more than one interrupted append.
  bool has_records_within();
  // The number of the first confirmed entry behind the present one.
  std::optional<uint64_t> next_confirmed();
  bool is_confirmed(uint64_t number, uint64_t begin);
  struct Chain {
    uint64_t number;  // of the record that it leads to
    bool back;        // the index has that one there, else it is the end of the file
  };
  // From at_ on, as far as `until`; nothing if that is where they lead nowhere.
  std::optional<Chain> follow_lengths(uint64_t until);
  const char* problem(bool readable);

  // Leaves out what is before `to`: so many records, if that is known.
  void leave_out(uint64_t to, std::optional<uint64_t> records, const char* reason);
  // Leaves out the records that the index still has, and whatever may be behind them.
  void leave_out_the_rest(const char* reason);
  void finish();
  // `records` were imported that the index does not have.
  void tell_unconfirmed(uint64_t records);
  void note(std::string line);
  void damage(std::string line);

  std::unique_ptr<File> file_;  // none if there is no .dat
  uint64_t bytes_ = 0;          // of the file
  RangeIndex index_;
  std::unique_ptr<LengthProbe> probe_;
  std::string name_;  // for findings
  bool last_ = false;
  Findings* findings_;

  uint64_t at_ = 0;      // where the next record begins
  uint64_t number_ = 0;  // of it, in the chunk
  bool index_used_ = true;
  uint64_t index_wrong_until_ = 0;  // record number
  uint64_t missing_ = 0;            // records that an index has that is not used
  uint64_t unconfirmed_ = 0;        // records behind the last entry that were not left out
  bool done_ = false;
  std::vector<std::byte> buffer_;  // loaded from at_ on
  std::vector<ConstBytes> records_;
};

}  // namespace range::exchange
