// Open files and directories.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <variant>

#include "fs/node_table.h"
#include "fs/types.h"
#include "journal/base/mutex.h"
#include "journal/store.h"

namespace rangefs {

// What an open that found its journal empty has appended to it. While that is all there is, the
// holes of a file that is copied into it may be filled; nobody else's bytes ever end up behind
// zeros. Thread-safe.
class Filling {
 public:
  explicit Filling(ByteOffset begin) : end_(begin) {}

  // Where the journal ends if nobody else has appended.
  std::optional<ByteOffset> end() const {
    const range::MutexLock lock(mutex_);
    return end_;
  }

  // `bytes` were appended, and the journal ended at `end` then.
  void appended(uint64_t bytes, ByteOffset end) {
    const range::MutexLock lock(mutex_);
    end_ = end_ && *end_ + bytes == end ? std::optional(end) : std::nullopt;
  }

 private:
  mutable range::Mutex mutex_;
  std::optional<ByteOffset> end_ GUARDED_BY(mutex_);
};

// Goes on working when the journal is removed or its name leads elsewhere.
struct JournalHandle {
  NodeId node{};  // the view it was opened through
  std::shared_ptr<Journal> journal;
  ByteOffset base;
  std::unique_ptr<Filling> filling;  // null: it was not empty when it was opened
};

struct ControlHandle {
  ControlNode control;
  Text text;  // what reading it gives; null if it was not opened for that
};

// The part of a directory that was read last, so that who reads on need not begin anew where the
// kernel had no room for more. Whatever the size of the directory, no more of it is kept.
struct DirectoryHandle {
  NodeId directory{};
  range::Mutex mutex;
  uint64_t from GUARDED_BY(mutex) = 0;  // where the page begins
  std::optional<range::NamesPage> page GUARDED_BY(mutex);
};

using Handle = std::variant<JournalHandle, ControlHandle, DirectoryHandle>;

// Thread-safe. A handle lives until it is closed and whoever got it from find() has let go of it.
class HandleTable {
 public:
  template <typename T>
  HandleId open(T handle) {
    return add(std::make_shared<Handle>(std::move(handle)));
  }
  HandleId open_directory(NodeId directory) {
    auto handle = std::make_shared<Handle>(std::in_place_type<DirectoryHandle>);
    std::get<DirectoryHandle>(*handle).directory = directory;
    return add(std::move(handle));
  }

  // Null if it is not open.
  std::shared_ptr<Handle> find(HandleId id) const {
    const range::MutexLock lock(mutex_);
    const auto it = handles_.find(id);
    return it == handles_.end() ? nullptr : it->second;
  }

  void close(HandleId id) {
    std::shared_ptr<Handle> last;  // let go of after the mutex: it may close a journal
    const range::MutexLock lock(mutex_);
    const auto it = handles_.find(id);
    if (it == handles_.end()) return;
    last = std::move(it->second);
    handles_.erase(it);
  }

  void clear() {
    std::unordered_map<HandleId, std::shared_ptr<Handle>> all;
    const range::MutexLock lock(mutex_);
    all.swap(handles_);
  }

 private:
  HandleId add(std::shared_ptr<Handle> handle) {
    const range::MutexLock lock(mutex_);
    const HandleId id{++last_id_};
    handles_.emplace(id, std::move(handle));
    return id;
  }

  mutable range::Mutex mutex_;
  uint64_t last_id_ GUARDED_BY(mutex_) = 0;
  std::unordered_map<HandleId, std::shared_ptr<Handle>> handles_ GUARDED_BY(mutex_);
};

}  // namespace rangefs
