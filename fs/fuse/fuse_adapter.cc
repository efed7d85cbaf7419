#include "fs/fuse/fuse_adapter.h"

#include <sys/xattr.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "fs/fuse/fuse_callbacks.h"
#include "journal/base/result_macros.h"

namespace rangefs {

namespace {

// Nobody else changes attributes, but st_blocks: that also changes when chunks are tidied up in the
// background.
constexpr double kAttributeSeconds = 60;
constexpr unsigned kWriteBytesMax = 1 << 20;

// Of what changes something: refused where the store is only read, whatever the kernel was told
// when it mounted.
template <auto callback, typename... Arguments>
void changing_call(fuse_req_t request, Arguments... arguments) {
  if (Callbacks::adapter(request).read_only()) {
    fuse_reply_err(request, EROFS);
  } else {
    callback(request, arguments...);
  }
}

template <auto callback, typename... Arguments>
auto changing(void (*)(fuse_req_t, Arguments...)) {
  return &changing_call<callback, Arguments...>;
}

template <auto callback>
auto changing() {
  return changing<callback>(callback);
}

// The nearest time that can be stored, of the years 1677 to 2262.
range::Timestamp to_timestamp(const timespec& time) {
  constexpr int64_t kSecondsMax = INT64_MAX / std::nano::den - 1;
  const auto seconds = std::clamp<int64_t>(time.tv_sec, -kSecondsMax, kSecondsMax);
  return range::Timestamp(std::chrono::seconds(seconds) + std::chrono::nanoseconds(time.tv_nsec));
}

fuse_lowlevel_ops make_table() {
  fuse_lowlevel_ops ops{};
  ops.init = Callbacks::init;
  ops.lookup = Callbacks::lookup;
  ops.forget = Callbacks::forget;
  ops.forget_multi = Callbacks::forget_multi;
  ops.getattr = Callbacks::getattr;
  ops.setattr = changing<Callbacks::setattr>();
  ops.mknod = changing<Callbacks::mknod>();
  ops.mkdir = changing<Callbacks::mkdir>();
  ops.unlink = changing<Callbacks::unlink>();
  ops.rmdir = changing<Callbacks::rmdir>();
  ops.rename = changing<Callbacks::rename>();
  ops.symlink = changing<Callbacks::symlink>();
  ops.link = changing<Callbacks::link>();
  ops.fallocate = changing<Callbacks::fallocate>();
  ops.create = changing<Callbacks::create>();
  ops.open = Callbacks::open;
  ops.release = Callbacks::release;
  ops.read = Callbacks::read;
  ops.write = Callbacks::write;
  ops.fsync = Callbacks::fsync;
  ops.poll = Callbacks::poll;
  ops.opendir = Callbacks::opendir;
  ops.releasedir = Callbacks::release;
  ops.readdir = Callbacks::readdir;
  ops.fsyncdir = Callbacks::fsyncdir;
  ops.statfs = Callbacks::statfs;
  ops.setxattr = changing<Callbacks::setxattr>();
  ops.getxattr = Callbacks::getxattr;
  ops.listxattr = Callbacks::listxattr;
  ops.removexattr = changing<Callbacks::removexattr>();
  return ops;
}

}  // namespace

void Callbacks::reply_entry(fuse_req_t request, const Result<Found>& found) {
  if (!found) return reply_error(request, found.error());
  Operations& ops = operations(request);
  const fuse_entry_param entry = entry_of(*found);
  // The kernel does not know the node if the answer did not reach it.
  if (fuse_reply_entry(request, &entry) != 0) ops.forget(found->node, 1);
}

void Callbacks::reply_attributes(fuse_req_t request, NodeId node, const Result<struct stat>& st) {
  if (!st) return reply_error(request, st.error());
  const bool last = operations(request).attributes_last(node);
  fuse_reply_attr(request, &*st, last ? kAttributeSeconds : 0);
}

void Callbacks::init(void*, fuse_conn_info* connection) {
  const unsigned unwanted =
      FUSE_CAP_ATOMIC_O_TRUNC |       // `>` must be a truncation, which can be refused
      FUSE_CAP_WRITEBACK_CACHE |      // would rewrite what was appended
      FUSE_CAP_EXPLICIT_INVAL_DATA |  // splice(2) would read zeros behind an old end
      FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
      FUSE_CAP_ASYNC_DIO |  // the parts of a large append must come one after the other
      FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_DONT_MASK | FUSE_CAP_READDIRPLUS |
      FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_POSIX_ACL | FUSE_CAP_IOCTL_DIR;
  connection->want &= ~unwanted;
  connection->max_write = kWriteBytesMax;
}

void Callbacks::lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const auto found =
      guarded([&] { return operations(request).look_up_at_once(node_of(parent), name); });
  if (!found) return reply_error(request, found.error());
  if (*found) return reply_entry(request, **found);
  const auto place = kept_place(request, parent, name);
  if (!place) return;
  in_pool(request, [place](fuse_req_t waiting) {
    reply_entry(waiting,
                guarded([&] { return operations(waiting).look_up(place->parent, place->name); }));
  });
}

void Callbacks::forget(fuse_req_t request, fuse_ino_t inode, uint64_t lookups) {
  operations(request).forget(node_of(inode), lookups);
  fuse_reply_none(request);
}

void Callbacks::forget_multi(fuse_req_t request, size_t count, fuse_forget_data* forgets) {
  for (size_t i = 0; i < count; ++i) {
    operations(request).forget(node_of(forgets[i].ino), forgets[i].nlookup);
  }
  fuse_reply_none(request);
}

void Callbacks::getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  Operations& ops = operations(request);
  const NodeId node = node_of(inode);
  if (!ops.attributes_wait(node)) {
    const auto st = guarded([&] { return ops.attributes(node, caller_of(request)); });
    return reply_attributes(request, node, st);
  }
  const auto caller = guarded([&]() -> Result<Caller> { return lasting_caller_of(request); });
  if (!caller) return reply_error(request, caller.error());
  defer(
      request, [&ops, node, caller = *caller] { return ops.attributes(node, caller); },
      [node](fuse_req_t claimed, const Result<struct stat>& st) {
        if (claimed != nullptr) reply_attributes(claimed, node, st);
      });
}

void Callbacks::setattr(fuse_req_t request, fuse_ino_t inode, struct stat* st, int to_set,
                        fuse_file_info* file) {
  const NodeId node = node_of(inode);
  AttributeChange change;
  if ((to_set & FUSE_SET_ATTR_MODE) != 0) change.mode = st->st_mode & 07777;
  if ((to_set & FUSE_SET_ATTR_UID) != 0) change.uid = st->st_uid;
  if ((to_set & FUSE_SET_ATTR_GID) != 0) change.gid = st->st_gid;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) change.size = static_cast<uint64_t>(st->st_size);
  if ((to_set & FUSE_SET_ATTR_MTIME) != 0) change.modified = to_timestamp(st->st_mtim);
  if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) change.modified = std::chrono::system_clock::now();
  const auto through = file != nullptr ? std::optional(handle_of(file)) : std::nullopt;
  const auto set = [node, change, through](fuse_req_t waiting) {
    reply_attributes(waiting, node, guarded([&] {
                       return operations(waiting).set_attributes(node, change, through);
                     }));
  };
  const bool waits = change.mode || change.uid || change.gid || change.modified;
  if (!waits) return set(request);
  in_pool(request, set);
}

void Callbacks::mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t) {
  reply_entry(request, guarded([&]() -> Result<Found> {
                if (!S_ISREG(mode)) return refused(EPERM);
                return operations(request).make_journal(node_of(parent), name, mode,
                                                        caller_of(request));
              }));
}

void Callbacks::mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  reply_entry(request, guarded([&] {
                return operations(request).make_directory(node_of(parent), name, mode,
                                                          caller_of(request));
              }));
}

void Callbacks::unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const auto place = kept_place(request, parent, name);
  if (!place) return;
  in_pool(request, [place](fuse_req_t waiting) {
    reply_status(waiting,
                 guarded([&] { return operations(waiting).remove(place->parent, place->name); }));
  });
}

void Callbacks::rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  const auto place = kept_place(request, parent, name);
  if (!place) return;
  in_pool(request, [place](fuse_req_t waiting) {
    reply_status(waiting, guarded([&] {
                   return operations(waiting).remove_directory(place->parent, place->name);
                 }));
  });
}

void Callbacks::rename(fuse_req_t request, fuse_ino_t parent, const char* name,
                       fuse_ino_t new_parent, const char* new_name, unsigned flags) {
  const auto from = kept_place(request, parent, name);
  const auto to = from ? kept_place(request, new_parent, new_name) : nullptr;
  if (!to) return;
  in_pool(request, [from, to, flags](fuse_req_t waiting) {
    reply_status(waiting, guarded([&] { return operations(waiting).rename(*from, *to, flags); }));
  });
}

// A journal has one name, and names lead nowhere else.
void Callbacks::symlink(fuse_req_t request, const char*, fuse_ino_t, const char*) {
  fuse_reply_err(request, EPERM);
}

void Callbacks::link(fuse_req_t request, fuse_ino_t, fuse_ino_t, const char*) {
  fuse_reply_err(request, EPERM);
}

void Callbacks::fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length,
                          fuse_file_info* file) {
  reply_status(request, guarded([&] {
                 return operations(request).allocate(handle_of(file), static_cast<uint64_t>(offset),
                                                     static_cast<uint64_t>(length), mode);
               }));
}

void Callbacks::statfs(fuse_req_t request, fuse_ino_t) {
  const auto space = guarded([&] { return operations(request).space(); });
  if (!space) return reply_error(request, space.error());
  fuse_reply_statfs(request, &*space);
}

void Callbacks::setxattr(fuse_req_t request, fuse_ino_t inode, const char* name, const char* value,
                         size_t size, int flags) {
  const SetMode mode = (flags & XATTR_CREATE) != 0    ? SetMode::kCreate
                       : (flags & XATTR_REPLACE) != 0 ? SetMode::kReplace
                                                      : SetMode::kAny;
  const auto property = kept(
      request, [&] { return std::pair<std::string, std::string>(name, std::string(value, size)); });
  if (!property) return;
  in_pool(request, [inode, property, mode](fuse_req_t waiting) {
    reply_status(waiting, guarded([&] {
                   return operations(waiting).set_property(node_of(inode), property->first,
                                                           property->second, mode);
                 }));
  });
}

void Callbacks::getxattr(fuse_req_t request, fuse_ino_t inode, const char* name, size_t size) {
  const auto get = [inode, size](fuse_req_t waiting, const char* of) {
    reply_value(waiting, guarded([&] { return operations(waiting).property(node_of(inode), of); }),
                size);
  };
  if (!Operations::property_waits(name)) return get(request, name);
  const auto key = kept(request, [&] { return std::string(name); });
  if (!key) return;
  in_pool(request, [get, key](fuse_req_t waiting) { get(waiting, key->c_str()); });
}

void Callbacks::listxattr(fuse_req_t request, fuse_ino_t inode, size_t size) {
  const auto names = guarded([&]() -> Result<std::string> {
    ASSIGN_OR_RETURN(const auto list, operations(request).property_names(node_of(inode)));
    std::string joined;
    for (const std::string& name : list) joined.append(name).push_back('\0');
    return joined;
  });
  reply_value(request, names, size);
}

void Callbacks::removexattr(fuse_req_t request, fuse_ino_t inode, const char* name) {
  const auto key = kept(request, [&] { return std::string(name); });
  if (!key) return;
  in_pool(request, [inode, key](fuse_req_t waiting) {
    reply_status(waiting, guarded([&] {
                   return operations(waiting).remove_property(node_of(inode), *key);
                 }));
  });
}

const fuse_lowlevel_ops& FuseAdapter::callbacks() {
  static const fuse_lowlevel_ops kTable = make_table();
  return kTable;
}

Result<std::unique_ptr<FuseAdapter>> FuseAdapter::create(range::Store& store, FsOptions options,
                                                         CallerWatch watch) {
  std::unique_ptr<FuseAdapter> adapter(new FuseAdapter(std::move(watch)));
  ASSIGN_OR_RETURN(adapter->operations_, Operations::create(store, std::move(options), *adapter));
  adapter->read_only_ = store.options().read_only;
  adapter->invalidator_ = std::make_unique<Invalidator>(adapter->operations_->nodes(), *adapter);
  return adapter;
}

void FuseAdapter::finish() {
  pool_.close();
  names_pool_.close();
  reads_pool_.close();
  invalidator_->close();
  deferrals_.close();
}

// Both may fail because the kernel does not know the node any more, or the mount is gone: fine.
void FuseAdapter::attributes_changed(NodeId node) {
  fuse_lowlevel_notify_inval_inode(session_, static_cast<fuse_ino_t>(node), -1, 0);
}

void FuseAdapter::name_changed(const Place& place) {
  fuse_lowlevel_notify_inval_entry(session_, static_cast<fuse_ino_t>(place.parent),
                                   place.name.c_str(), place.name.size());
}

}  // namespace rangefs
