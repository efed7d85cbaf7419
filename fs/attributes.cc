#include "fs/attributes.h"

#include <algorithm>

namespace rangefs {

namespace {

constexpr uint64_t kBlockBytes = 512;  // the unit of st_blocks, whatever st_blksize is
constexpr size_t kUsagesMax = 8192;
constexpr std::chrono::seconds kUsageKept{1};

constexpr uint64_t kJournalTag = 0;
constexpr uint64_t kDirectoryTag = 1;
constexpr uint64_t kFirstControlTag = 2;  // the others follow in the order of ControlKind
static_assert(kFirstControlTag + kControls.size() <= 8);

uint64_t tagged(uint64_t tag, uint64_t id) { return tag << range::kIdBits | id; }

timespec to_timespec(range::Timestamp time) {
  const auto since_epoch = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  const std::chrono::nanoseconds rest = since_epoch - seconds;
  return {static_cast<time_t>(seconds.count()), static_cast<long>(rest.count())};
}

void set_times(struct stat& st, range::Timestamp modified, range::Timestamp changed) {
  st.st_atim = st.st_mtim = to_timespec(modified);
  st.st_ctim = to_timespec(changed);
}

// Records have times in milliseconds. So that an append moves the time of change also where
// something else was changed in the same one, each byte behind that counts for a nanosecond.
range::Timestamp time_of_change(const Attributes& stored, const range::Extent& extent) {
  constexpr uint64_t kGrownMax = 999'999;
  const ByteOffset then = stored.modified ? stored.modified->end : extent.end.offset;
  const uint64_t grown = extent.end.offset - std::min(then, extent.end.offset);
  const std::chrono::nanoseconds since(std::min(grown, kGrownMax));
  return std::max<range::Timestamp>(stored.changed + since, extent.last_time);
}

// A power loss may have cut off the end, and appends have reached it again: those are later than
// the change.
range::Timestamp time_of_modification(const Attributes& stored, const range::Extent& extent) {
  const bool holds = stored.modified && stored.modified->end == extent.end.offset &&
                     extent.last_time <= stored.changed;
  return holds ? stored.modified->time : extent.last_time;
}

}  // namespace

uint64_t DiskUsage::of(Journal& journal, ByteOffset end) {
  const auto now = std::chrono::steady_clock::now();
  const uint64_t id = journal.id().value();
  {
    const range::MutexLock lock(mutex_);
    const auto it = known_.find(id);
    const bool same = it != known_.end() && it->second.end == end;
    if (same && now - it->second.asked < kUsageKept) return it->second.bytes;
  }
  const auto info = journal.info();
  const range::MutexLock lock(mutex_);
  if (known_.size() >= kUsagesMax) known_.clear();
  Known& known = known_[id];
  known.end = end;
  known.asked = now;
  if (info) known.bytes = info->disk_bytes;
  return known.bytes;
}

struct stat view_attributes(Journal& journal, ByteOffset base, bool linked, DiskUsage& usage) {
  const Attributes stored = journal.attributes();
  const range::Extent extent = journal.extent();
  struct stat st {};
  st.st_ino = journal_inode(journal.id());
  st.st_mode = S_IFREG | (stored.mode & 07777);
  st.st_nlink = linked ? 1 : 0;
  st.st_uid = stored.uid;
  st.st_gid = stored.gid;
  st.st_size = static_cast<off_t>(extent.end.offset - std::min(base, extent.end.offset));
  st.st_blksize = 1 << 16;  // programs read in such pieces, and each is a round trip to us
  const uint64_t bytes = usage.of(journal, extent.end.offset);
  if (!linked) usage.erase(journal.id());
  st.st_blocks = static_cast<blkcnt_t>((bytes + kBlockBytes - 1) / kBlockBytes);
  set_times(st, time_of_modification(stored, extent), time_of_change(stored, extent));
  return st;
}

uint32_t mode_of_journal(uint32_t mode) { return mode & 07777 & ~uint32_t{S_ISUID | S_ISGID}; }

void note_change(Attributes& attributes, const Journal& journal,
                 std::optional<range::Timestamp> modified) {
  const range::Extent extent = journal.extent();
  const range::Timestamp shown = modified.value_or(time_of_modification(attributes, extent));
  const range::Timestamp last = time_of_change(attributes, extent);
  const range::Timestamp now = std::chrono::system_clock::now();
  attributes.changed = std::max(now, last + std::chrono::nanoseconds(1));
  attributes.modified = {shown, extent.end.offset};  // also says where the journal ended then
}

struct stat directory_attributes(const Attributes& stored, const range::Entry& entry) {
  struct stat st {};
  st.st_ino = directory_inode(entry.id);
  st.st_mode = S_IFDIR | (stored.mode & 07777);
  st.st_nlink = 1;  // not counted: find(1) then looks at every entry instead of trusting the count
  st.st_uid = stored.uid;
  st.st_gid = stored.gid;
  st.st_size = 4096;
  st.st_blksize = 4096;
  st.st_blocks = 8;
  set_times(st, entry.modified, entry.changed);
  return st;
}

struct stat control_attributes(const struct stat& target, uint64_t id, ControlKind kind,
                               uint64_t size) {
  struct stat st = target;
  st.st_ino = control_inode(id, kind);
  st.st_mode = S_IFREG | (target.st_mode & traits(kind).mode);
  st.st_nlink = 1;
  st.st_size = static_cast<off_t>(size);
  st.st_blksize = 4096;
  st.st_blocks = 0;
  return st;
}

uint64_t journal_inode(JournalId id) { return tagged(kJournalTag, id.value()); }

uint64_t directory_inode(uint64_t id) { return tagged(kDirectoryTag, id); }

uint64_t control_inode(uint64_t id, ControlKind kind) {
  return tagged(kFirstControlTag + static_cast<uint64_t>(kind), id);
}

}  // namespace rangefs
