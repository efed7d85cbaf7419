// How far a failure may reach: the table of journal/README.md ("What a failure reaches"), call by
// call.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>

#include "tests/support/sim_faults.h"

namespace range {

// What does not work any more after a call has failed, from the least on.
enum class Reach { kNothing, kCall, kJournal, kStore };

inline const char* name_of(Reach reach) {
  static constexpr const char* kNames[] = {"nothing", "the call", "the journal", "the store"};
  return kNames[static_cast<size_t>(reach)];
}

// The state in which an operation finds the store.
enum class Begin {
  kClosed,
  kOpen,      // with no journal in use
  kInUse,     // with something that is not synced, and nothing left of an earlier process
  kInFlight,  // closed by a kill amid an append to "hit", of which two chunks are not synced
};

// What a call is about, without ids and random names.
inline std::string place_of(const std::string& path) {
  const auto ends = [&](const char* ending) { return path.ends_with(ending); };
  if (path == "/store") return "the store's directory";
  if (path.starts_with("/store/chunks/")) {
    if (ends(".dat")) return "a .dat";
    if (ends(".idx")) return "an .idx";
    if (path.find("attributes") != std::string::npos) return "a journal's attributes";
    if (path.find(".torn") != std::string::npos) return "a copy of a torn tail";
    return path.size() > std::string("/store/chunks/ab/").size() ? "a journal's directory"
                                                                 : "chunks/ab";
  }
  if (path.starts_with("/store/trash/")) return "an entry of trash";
  if (path.starts_with("/store/failed/")) return "a note in failed";
  if (path.starts_with("/store/tree")) {
    if (ends(".info")) return "a directory's .info";
    return ends("tree") || ends("/d") ? "a directory of tree" : "a link in tree";
  }
  return path.substr(std::string("/store/").size());
}

// A call that failed.
struct Failed {
  Call call{};
  int sys_errno = 0;
  bool first_write = false;  // of a file that the same operation has created
  bool behind_sync = false;  // of a file, in the same operation
  Begin begin = Begin::kInUse;
};

inline bool is_of_chunk(const std::string& path) {
  return path.ends_with(".dat") || path.ends_with(".idx");
}

// Of a change to a chunk's files, or of any other of the repair before the first append.
inline Reach widest_reach_of_records(const Failed& failed) {
  const CallKind kind = failed.call.kind;
  const bool repairs = failed.begin == Begin::kInFlight;
  const bool no_room = failed.sys_errno == ENOSPC || failed.sys_errno == EDQUOT;
  const bool index = failed.call.path.ends_with(".idx");
  const bool header = index && kind == CallKind::kWrite && failed.first_write;
  if (header) return Reach::kCall;
  // Entries come before syncs, marks after them.
  const bool mark = index && kind == CallKind::kWrite && failed.behind_sync && !repairs;
  const bool sync =
      kind == CallKind::kSyncData || kind == CallKind::kStore || kind == CallKind::kCheckWriteback;
  return no_room && !sync && !mark ? Reach::kCall : Reach::kJournal;
}

// No failure may reach further.
inline Reach widest_reach(const Failed& failed) {
  const Call& call = failed.call;
  const bool in_use = failed.begin == Begin::kInUse;
  switch (call.kind) {
    case CallKind::kSyncFilesystem:
      // Of what an earlier process left nothing is known until one sync of it all has succeeded.
      return in_use ? Reach::kNothing : Reach::kStore;
    case CallKind::kStartWriteback:
      return Reach::kNothing;
    case CallKind::kRemoveFile:
    case CallKind::kRemoveDirectory:
      return failed.begin == Begin::kInFlight ? widest_reach_of_records(failed) : Reach::kNothing;
    case CallKind::kList:
      // What opening finishes.
      return call.path == "/store/trash" || call.path == "/store/failed" ? Reach::kNothing
                                                                         : Reach::kCall;
    case CallKind::kSyncDirectory:
      return Reach::kJournal;
    case CallKind::kSyncData:
      // Of a new directory, which a sync of its name comes to.
      if (place_of(call.path) == "a directory's .info") return Reach::kJournal;
      [[fallthrough]];
    case CallKind::kWrite:
    case CallKind::kStore:
    case CallKind::kTruncate:
    case CallKind::kCheckWriteback:
      return is_of_chunk(call.path) || failed.begin == Begin::kInFlight
                 ? widest_reach_of_records(failed)
                 : Reach::kCall;
    case CallKind::kMakeDirectory:
    case CallKind::kMakeSymlink:
    case CallKind::kRename:
    case CallKind::kExchange:
    case CallKind::kSetModified:
      return failed.begin == Begin::kInFlight ? widest_reach_of_records(failed) : Reach::kCall;
    case CallKind::kCreate:
    case CallKind::kLock:
    case CallKind::kOpen:
    case CallKind::kLockShared:
    case CallKind::kRead:
    case CallKind::kStat:
    case CallKind::kMap:
    case CallKind::kReadSymlink:
    case CallKind::kSpace:
      return Reach::kCall;
  }
  return Reach::kNothing;
}

}  // namespace range
