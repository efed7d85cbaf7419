// What the parts of the file system share.
#pragma once

#include <string>
#include <utility>

#include "fs/attributes.h"
#include "fs/bases.h"
#include "fs/damage.h"
#include "fs/node_table.h"
#include "fs/types.h"
#include "journal/base/mutex.h"
#include "journal/store.h"

namespace rangefs {

struct FsOptions {
  std::string store;    // where the store is, as people see it
  std::string version;  // of rangefs
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
  Damage damage;
  // Shared by whoever uses a path, exclusive for rename: paths stay right while they are used.
  range::SharedMutex names;
  // Held from reading attributes to storing the changed ones.
  range::Mutex settings;
};

}  // namespace rangefs
