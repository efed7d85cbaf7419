// The callbacks behind FuseAdapter. Internal: for the fuse_*.cc alone, which are the only ones that
// answer requests of the kernel.
#pragma once

#include <fuse_lowlevel.h>

#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "fs/errno_map.h"
#include "fs/fuse/fuse_adapter.h"

namespace rangefs {

// Runs `call`, which returns a Result or Status, and turns what it throws into an error: of our own
// code only memory that runs out.
template <typename Call>
auto guarded(Call&& call) noexcept -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return refused(ENOMEM);
  } catch (...) {
    return refused(EIO);
  }
}

inline NodeId node_of(fuse_ino_t inode) { return NodeId{inode}; }
inline HandleId handle_of(const fuse_file_info* file) { return HandleId{file->fh}; }

// Good only as long as the request is not answered.
Caller caller_of(fuse_req_t request);
// Good for longer, but asks at once for all groups.
Caller lasting_caller_of(fuse_req_t request);

fuse_entry_param entry_of(const Found& found);
// What an answer to open(2) says about every file here.
void fill(fuse_file_info& file, HandleId handle);

void reply_error(fuse_req_t request, const Error& error);
void reply_status(fuse_req_t request, const Status& status);
void reply_buffer(fuse_req_t request, ConstBytes bytes);
void reply_interrupted(fuse_req_t request);
// To getxattr(2) and listxattr(2): the value, or with `size` 0 how long it is.
void reply_value(fuse_req_t request, const Result<std::string>& value, size_t size);

// Functions named as the members of fuse_lowlevel_ops are those.
struct Callbacks {
  static FuseAdapter& adapter(fuse_req_t request) {
    return *static_cast<FuseAdapter*>(fuse_req_userdata(request));
  }
  static Operations& operations(fuse_req_t request) { return *adapter(request).operations_; }

  // fuse_adapter.cc: names and attributes
  static void reply_entry(fuse_req_t request, const Result<Found>& found);
  static void reply_attributes(fuse_req_t request, NodeId node, const Result<struct stat>& st);
  static void init(void*, fuse_conn_info* connection);
  static void lookup(fuse_req_t request, fuse_ino_t parent, const char* name);
  static void forget(fuse_req_t request, fuse_ino_t inode, uint64_t lookups);
  static void forget_multi(fuse_req_t request, size_t count, fuse_forget_data* forgets);
  static void getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*);
  static void setattr(fuse_req_t request, fuse_ino_t inode, struct stat* st, int to_set,
                      fuse_file_info* file);
  static void mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t);
  static void mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode);
  static void unlink(fuse_req_t request, fuse_ino_t parent, const char* name);
  static void rmdir(fuse_req_t request, fuse_ino_t parent, const char* name);
  static void rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
                     const char* new_name, unsigned flags);
  static void symlink(fuse_req_t request, const char*, fuse_ino_t, const char*);
  static void link(fuse_req_t request, fuse_ino_t, fuse_ino_t, const char*);
  static void fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length,
                        fuse_file_info* file);
  static void statfs(fuse_req_t request, fuse_ino_t);
  static void setxattr(fuse_req_t request, fuse_ino_t inode, const char* name, const char* value,
                       size_t size, int flags);
  static void getxattr(fuse_req_t request, fuse_ino_t inode, const char* name, size_t size);
  static void listxattr(fuse_req_t request, fuse_ino_t inode, size_t size);
  static void removexattr(fuse_req_t request, fuse_ino_t inode, const char* name);

  // fuse_files.cc: open files
  static void create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
                     fuse_file_info* file);
  static void reply_open(fuse_req_t request, Operations& ops, const Result<HandleId>& handle,
                         fuse_file_info file);
  static void open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file);
  static void release(fuse_req_t request, fuse_ino_t, fuse_file_info* file);
  static void read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* file);
  static void read_waiting(fuse_req_t request, HandleId handle, uint64_t offset, size_t size);
  static void write(fuse_req_t request, fuse_ino_t, const char* data, size_t size, off_t offset,
                    fuse_file_info* file);
  static void command(fuse_req_t request, ControlKind kind, HandleId handle, std::string_view text);
  static void move(fuse_req_t request, HandleId handle, std::shared_ptr<const std::string> text);
  static void fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* file);
  static void poll(fuse_req_t request, fuse_ino_t, fuse_file_info* file, fuse_pollhandle* poll);
  static void fsyncdir(fuse_req_t request, fuse_ino_t, int, fuse_file_info*);
  static void opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file);
  static void readdir(fuse_req_t request, fuse_ino_t, size_t size, off_t offset,
                      fuse_file_info* file);

  // Hands `task` to `to`, a pool or the invalidator. False if it is not going to be run.
  template <typename To, typename... Task>
  static bool submit(To& to, Task&&... task) noexcept {
    try {
      return to.submit(std::forward<Task>(task)...);
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  // The request waits from here on. Answers it if that cannot be.
  static std::optional<Deferrals::Id> wait(fuse_req_t request,
                                           void (*on_unseen)(fuse_req_t)) noexcept {
    try {
      return adapter(request).deferrals_.add(request, on_unseen);
    } catch (const std::bad_alloc&) {
      fuse_reply_err(request, ENOMEM);
      return std::nullopt;
    }
  }

  // What calls `work` and then `finish(request, result)` for the request that waits as `id`: with a
  // null request if the caller is gone or was answered for.
  template <typename Work, typename Finish>
  static auto deferred(FuseAdapter& self, Deferrals::Id id, Work work, Finish finish) {
    return [&self, id, work, finish] {
      if (!self.deferrals_.pending(id)) return;  // nobody waits for it any more
      const auto result = guarded(work);
      finish(self.deferrals_.claim(id).value_or(nullptr), result);
    };
  }

  // Does that in the pool. Only for what may be done although its caller gave up.
  template <typename Work, typename Finish>
  static void defer(fuse_req_t request, Work work, Finish finish,
                    void (*on_unseen)(fuse_req_t) = reply_interrupted) {
    FuseAdapter& self = adapter(request);
    const auto id = wait(request, on_unseen);
    if (!id) return;
    if (submit(self.pool_, deferred(self, *id, work, finish))) return;
    using Outcome = decltype(work());
    finish(self.deferrals_.claim(*id).value_or(nullptr), Outcome(refused(ENOTCONN)));
  }

  // Calls `work` in a pool, which answers the request. For what waits for the disk, but of which
  // the caller has to hear how it ended, even one that is being killed: the kernel keeps names and
  // attributes by it.
  template <typename Work>
  static void in_pool(fuse_req_t request, const Work& work) {
    static_assert(std::is_nothrow_copy_constructible_v<Work>);
    auto& pool = adapter(request).names_pool_;
    if (!submit(pool, [request, work] { work(request); })) work(request);
  }

  // What `copy` makes of what is good only as long as the request is handled, for in_pool().
  // Null if there is no memory: then the request is answered.
  template <typename Copy>
  static auto kept(fuse_req_t request, const Copy& copy) noexcept
      -> std::shared_ptr<const decltype(copy())> {
    try {
      return std::make_shared<const decltype(copy())>(copy());
    } catch (const std::bad_alloc&) {
      fuse_reply_err(request, ENOMEM);
      return nullptr;
    }
  }
  static std::shared_ptr<const Place> kept_place(fuse_req_t request, fuse_ino_t parent,
                                                 const char* name) noexcept {
    return kept(request, [&] { return Place{node_of(parent), name}; });
  }

  template <typename Work>
  static void defer_status(fuse_req_t request, Work work) {
    defer(request, work, [](fuse_req_t claimed, const Status& status) {
      if (claimed != nullptr) reply_status(claimed, status);
    });
  }
};

}  // namespace rangefs
