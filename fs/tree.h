// What the parts of the file system share.
#pragma once

#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "fs/attributes.h"
#include "fs/bases.h"
#include "fs/node_table.h"
#include "fs/types.h"
#include "journal/mutex.h"
#include "journal/store.h"

namespace rangefs {

struct FsOptions {
  std::string store;    // where the store is, as people see it
  std::string version;  // of rangefs
  bool list_control = false;
};

// When directories changed, as far as this mount knows: the store does not keep it. Thread-safe.
class DirectoryTimes {
 public:
  // The epoch if it did not.
  range::Time changed(uint64_t inode) const {
    const range::MutexLock lock(mutex_);
    const auto it = times_.find(inode);
    return it == times_.end() ? range::Time{} : it->second;
  }
  void change(uint64_t inode) {
    const auto now = std::chrono::system_clock::now();
    const range::MutexLock lock(mutex_);
    times_[inode] = std::chrono::floor<std::chrono::milliseconds>(now);
  }
  void erase(uint64_t inode) {
    const range::MutexLock lock(mutex_);
    times_.erase(inode);
  }

 private:
  mutable range::Mutex mutex_;
  std::unordered_map<uint64_t, range::Time> times_ GUARDED_BY(mutex_);
};

// The tree that is mounted.
//
// Lock order: names, then settings, then those inside the members, each of which is the last one.
struct Tree {
  Tree(range::Store& s, FsOptions o, uint64_t root_inode)
      : store(s), options(std::move(o)), nodes(root_inode) {}

  range::Store& store;
  const FsOptions options;
  NodeTable nodes;
  Bases bases;
  DiskUsage usage;
  DirectoryTimes times;
  // Shared by whoever uses a path, exclusive for rename: paths stay right while they are used.
  std::shared_mutex names;
  // Held from reading attributes to storing the changed ones.
  std::mutex settings;
};

}  // namespace rangefs
