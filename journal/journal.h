// Start here: a journal, a persistent append-only sequence of records.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "position.h"
#include "status.h"
#include "types.h"

namespace range {

// What a journal keeps. Beyond any of these limits its oldest chunks are dropped, but never the
// one that takes appends, unless all of it is too old. So that little more than needed is dropped
// at once, chunks are begun early: each holds an eighth of what is kept, of bytes no less than
// 64 KiB, of time than a second. A chunk costs two files and syncs: with a max_records of a few
// dozen, appends are a thousand times slower than without. Nothing is too old in the first ten
// minutes after the store was opened, or after the system's clock was set: it may be wrong. Nothing
// is dropped as long as the settings cannot be read, of the journal or of a directory above.
struct Retention {
  uint64_t max_bytes = 0;                // of payload; 0: no limit
  uint64_t max_records = 0;              // 0: no limit
  std::chrono::milliseconds max_age{0};  // since the append; 0: no limit

  friend bool operator==(const Retention&, const Retention&) = default;
};

// What is stored about a journal or a directory besides its contents. An unset setting is inherited
// from the directory above, at the root from StoreOptions. `framing` is resolved when a journal is
// created (so a journal's is always set); the others whenever they are asked for.
struct Attributes {
  uint32_t mode = 0644;  // permission bits, 07777 at most
  uint32_t uid = 0;
  uint32_t gid = 0;
  Time created{};
  std::optional<Framing> framing;
  std::optional<bool> keep;  // true: a journal with records cannot be removed
  // As in Retention; 0 for no limit, whatever is set above.
  std::optional<uint64_t> max_bytes;
  std::optional<uint64_t> max_records;
  std::optional<std::chrono::milliseconds> max_age;
  // The rest is of journals only, and means nothing to the engine. When something about it was
  // changed last, other than by appending:
  Timestamp changed{};
  // What the time of modification was then, whether it was set or is that of a record. It holds as
  // long as the journal ends at `end`, with no record later than `changed`.
  struct Modified {
    Timestamp time{};
    ByteOffset end;
    friend bool operator==(const Modified&, const Modified&) = default;
  };
  std::optional<Modified> modified;

  friend bool operator==(const Attributes&, const Attributes&) = default;
};

// What a journal holds at one moment: all from `begin` up to, not including, `end`.
// begin <= synced <= end.
struct Extent {
  Location begin;
  Location end;             // record: of the next record; while a record is open, its successor
  ByteOffset synced;        // everything before it survives power loss
  uint64_t open_bytes = 0;  // length of the record at the end that the next append continues
  Time last_time{};         // of the newest record; the creation of the journal if it has none
};

// One of the files that a journal is made of: the unit in which it is dropped.
struct ChunkInfo {
  ChunkId id;
  RecordNumber first_record;
  uint64_t records = 0;  // an open one included
  ByteOffset first_byte;
  uint64_t bytes = 0;
  Time start{};  // no record of it is older

  friend bool operator==(const ChunkInfo&, const ChunkInfo&) = default;
};

// Figures for people. Nothing in the engine depends on them.
struct JournalInfo {
  uint64_t chunks = 0;
  uint64_t disk_bytes = 0;  // blocks in use in the store, in bytes
  uint64_t torn_tails = 0;  // how often a torn tail was cut off (its copy is kept)
  // Chunks of which files are there, but that have no place in the journal: set aside by a recovery
  // since what precedes them is lost, or too damaged to tell it. Their records are not served, and
  // only where other chunks follow it is known how many they are.
  uint64_t chunks_left_out = 0;
  // Records before the first chunk that is there, though nothing says that they were dropped.
  uint64_t records_missing_in_front = 0;
  bool clock_ahead = false;  // the system's clock has jumped ahead and is not followed yet
  std::string failure;       // why appends are refused; empty while they are not
  // Why attributes() are not those that are stored; empty while they are.
  std::string attributes_lost;
};

class Journal;

// Where records were read from. Keeps what they lie in from going away.
class RecordSource {
 public:
  virtual ~RecordSource() = default;
  RecordSource(const RecordSource&) = delete;
  RecordSource& operator=(const RecordSource&) = delete;

  bool is_of(const Journal& journal) const;

  // What was found to be damaged is looked at again when it is read next.
  virtual void forget_damage() = 0;

 protected:
  explicit RecordSource(const Journal& journal);

 private:
  // To compare only: the journal may be gone, and another one have its address.
  const Journal* const journal_;
  const JournalId id_;
};

// Consecutive complete records of one chunk, verified. Their bytes are valid, and stay the same, as
// long as the batch is neither read into again nor destroyed. They may lie in a mapped file: should
// its disk fail after they were verified, touching them can end the process with SIGBUS.
struct RecordBatch {
  struct Item {
    ConstBytes bytes;
    Time time{};
  };

  // The items of a copy would lie in what the original owns.
  RecordBatch() = default;
  RecordBatch(RecordBatch&&) = default;
  RecordBatch& operator=(RecordBatch&&) = default;
  RecordBatch(const RecordBatch&) = delete;
  RecordBatch& operator=(const RecordBatch&) = delete;
  ~RecordBatch() = default;

  RecordNumber first;  // number of items[0]
  Position position;   // of items[0]; the others follow it
  std::vector<Item> items;

  // For the journal that filled the batch.
  std::shared_ptr<RecordSource> source;
  std::vector<std::byte> buffer;
};

// All calls may be made from any number of threads. Appends to one journal happen one after the
// other; readers wait for nobody. A record is visible to readers once the append that completes it
// has returned or is about to.
//
// Durability: what append() returned for survives the death of this process (not of the machine);
// what sync() returned for survives power loss.
class Journal {
 public:
  virtual ~Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  virtual JournalId id() const = 0;

  // Appends `data`, divided into records by the journal's framing, whole or not at all. Returns the
  // end of the journal behind it. With `at`, only if the journal ends exactly there, otherwise
  // kNotPermitted. Appending nothing does nothing.
  // Errors: kTooLarge above kAppendBytesMax or with a record above StoreOptions::record_bytes_max,
  // kNoSpace (later appends work again when there is room, and a record that was open still is,
  // unless a chunk had to be begun for this append), kCorrupt if the journal would have to be
  // recovered but must not, and after any other failure to write or sync that same failure again,
  // for good.
  virtual Result<ByteOffset> append(ConstBytes data,
                                    std::optional<ByteOffset> at = std::nullopt) = 0;

  // Appends each of `records` as one complete record, whatever the framing, all of them or none.
  // A record that is still open is closed first. Records may be empty. Errors: as append().
  virtual Result<ByteOffset> append_records(std::span<const ConstBytes> records) = 0;

  // The same for any range of texts.
  template <std::ranges::input_range Texts>
  requires std::convertible_to<std::ranges::range_reference_t<Texts>, std::string_view> &&
      std::is_lvalue_reference_v<std::ranges::range_reference_t<Texts>>
          Result<ByteOffset> append_records(const Texts& texts) {
    std::vector<ConstBytes> records;
    for (const std::string_view text : texts) records.push_back(as_bytes(text));
    return append_records(std::span<const ConstBytes>(records));
  }
  Result<ByteOffset> append_records(std::initializer_list<std::string_view> texts) {
    return append_records<>(texts);
  }

  virtual Extent extent() const = 0;

  // Reads bytes from `from` on and returns how many: 0 at the end, and fewer than asked for before
  // the end or a damaged place. Nothing is returned that was not verified.
  // Errors: kCorrupt if the byte at `from` is damaged, kDropped before the beginning.
  virtual Result<size_t> read(ByteOffset from, MutableBytes into) = 0;

  // The same from memory: nothing, whatever `into` holds then, if read() would have to wait for the
  // disk, or may take long since something is damaged. What is in memory the kernel says, and may
  // drop just then: so it can happen that this waits, but as long as nothing is short of memory it
  // does not. Errors: as read(), but kCorrupt.
  virtual Result<std::optional<size_t>> read_at_once(ByteOffset from, MutableBytes into) = 0;

  // Reads complete records from number `first` on into `batch`, replacing what it holds: at most
  // `records_max`, and no more after `bytes_max` bytes are exceeded. Fewer before the end of a
  // chunk or a damaged place; none only at the end of the journal. Reading into the same batch
  // again saves memory and, in the same chunk, looking it up: then no lock is taken. If that chunk
  // is dropped meanwhile, the batch can still be filled from it, to its end. Which records are lost
  // together with a damaged one is remembered until the batch is filled, or
  // source->forget_damage(). Errors: kCorrupt if record `first` is damaged, kDropped before the
  // beginning, kOutOfRange past the end.
  virtual Status read_records(RecordNumber first, size_t records_max, size_t bytes_max,
                              RecordBatch& batch) = 0;

  // Finds the beginning of a record, in a time that grows with the logarithm of the journal's size.
  // `here` is where AfterHere counts from. What was dropped leads to the oldest record. Errors:
  // kOutOfRange past the end or for a position that was never part of this journal, kCorrupt if
  // damage hides the place.
  virtual Result<Location> seek(const PositionSpec& spec, RecordNumber here = {}) = 0;

  // Waits until the journal has the byte at `offset`, or the complete record number `record`, but
  // no longer than until `deadline` or until a stop is requested. Returns whether it has. Appends
  // before the call count, too. Errors: why there will be no more: a failure that stopped appends.
  using Deadline = std::chrono::steady_clock::time_point;
  virtual Result<bool> wait_for_byte(ByteOffset offset, Deadline deadline,
                                     const std::stop_token& stop = {}) = 0;
  virtual Result<bool> wait_for_record(RecordNumber record, Deadline deadline,
                                       const std::stop_token& stop = {}) = 0;

  // Makes everything appended before the call, and the journal's name, survive power loss. Callers
  // that wait at the same time share one sync. Returns a durable place at or behind what was the
  // end. Errors: kIo and kNoSpace, for good: what was not synced by then may be lost.
  virtual Result<Location> sync() = 0;

  virtual Attributes attributes() const = 0;
  // Replaces the attributes; durable with the next sync. Another framing closes an open record and
  // applies from the next append on. Errors: kCorrupt, with an errno, as long as those that are
  // stored cannot be read: until then attributes() lets only the owner use the journal.
  virtual Status set_attributes(const Attributes& attributes) = 0;

  // Drops the oldest chunks, up to `last`, which may be any chunk and need not be there. `visit` is
  // called for each of them before, and may read from it (to archive it) and use the store, but
  // must not trim the journal. What stays is synced first. When it fails, the chunks before that
  // one are dropped, and its error is returned. Numbers and offsets stay what they are. What was
  // dropped does not come back after a power loss. Errors: also those of append(), but that what
  // was dropped already stays dropped, and what was to be may be dropped when the store is opened
  // next.
  using ChunkVisitor = std::function<Status(const ChunkInfo&)>;
  virtual Status trim(ChunkId last, const ChunkVisitor& visit = {}) = 0;

  // Drops what the limits in force do not allow, unless trim() is at work. The store does this by
  // itself: see StoreOptions.
  virtual Status apply_retention() = 0;

  virtual Result<JournalInfo> info() = 0;
  // In order, the one that takes appends last; the first is there before any record. Those of a
  // damaged store may leave gaps.
  virtual std::vector<ChunkInfo> chunks() const = 0;

 protected:
  Journal() = default;
};

inline RecordSource::RecordSource(const Journal& journal) : journal_(&journal), id_(journal.id()) {}

inline bool RecordSource::is_of(const Journal& journal) const {
  return journal_ == &journal && id_ == journal.id();
}

// The most that one append may hold.
inline constexpr size_t kAppendBytesMax = size_t{128} << 20;
// An open record of this size is closed: the next append starts a new one.
inline constexpr size_t kOpenRecordBytesMax = size_t{16} << 20;

}  // namespace range
