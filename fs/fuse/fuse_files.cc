// Open files: what is answered at once, and what waits.
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "fs/fuse/fuse_callbacks.h"
#include "journal/base/result_macros.h"

namespace rangefs {

namespace {

Access access_of(int flags) { return Access{(flags & O_ACCMODE) != O_WRONLY}; }

}  // namespace

void Callbacks::create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
                       fuse_file_info* file) {
  Operations& ops = operations(request);
  const auto created = guarded([&] {
    return ops.create(node_of(parent), name, mode, (file->flags & O_EXCL) != 0, caller_of(request));
  });
  if (!created) return reply_error(request, created.error());
  const fuse_entry_param entry = entry_of(created->found);
  fill(*file, created->handle);
  if (fuse_reply_create(request, &entry, file) == 0) return;
  ops.close(created->handle);
  ops.forget(created->found.node, 1);
}

void Callbacks::reply_open(fuse_req_t request, Operations& ops, const Result<HandleId>& handle,
                           fuse_file_info file) {
  if (!handle) {
    if (request != nullptr) reply_error(request, handle.error());
    return;
  }
  fill(file, *handle);
  // Nobody will close it if the answer does not reach the kernel.
  if (request == nullptr || fuse_reply_open(request, &file) != 0) ops.close(*handle);
}

void Callbacks::open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  if (adapter(request).read_only() && (file->flags & O_ACCMODE) != O_RDONLY) {
    fuse_reply_err(request, EROFS);
    return;
  }
  Operations& ops = operations(request);
  const NodeId node = node_of(inode);
  const Access access = access_of(file->flags);
  if (!ops.open_waits(node, access)) {
    const auto open = [&] { return ops.open(node, access, caller_of(request)); };
    return reply_open(request, ops, guarded(open), *file);
  }
  const auto caller = guarded([&]() -> Result<Caller> { return lasting_caller_of(request); });
  if (!caller) return reply_error(request, caller.error());
  defer(
      request, [&ops, node, access, caller = *caller] { return ops.open(node, access, caller); },
      [&ops, copy = *file](fuse_req_t claimed, const Result<HandleId>& handle) {
        reply_open(claimed, ops, handle, copy);
      });
}

void Callbacks::release(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  const HandleId handle = handle_of(file);
  if (const auto journal = operations(request).journal_of(handle)) {
    adapter(request).polls_.remove(*journal, handle);
  }
  operations(request).close(handle);
  fuse_reply_err(request, 0);
}

void Callbacks::read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset,
                     fuse_file_info* file) {
  // One per serving thread; as large as the largest read.
  thread_local std::vector<std::byte> buffer;
  const auto at = static_cast<uint64_t>(offset);
  const auto count = guarded([&] {
    if (buffer.size() < size) buffer.resize(size);
    return operations(request).read_at_once(handle_of(file), at, MutableBytes(buffer).first(size));
  });
  if (!count) return reply_error(request, count.error());
  if (!*count) return read_waiting(request, handle_of(file), at, size);
  reply_buffer(request, ConstBytes(buffer).first(**count));
}

// Nobody else is in the pool of reads, so that they wait for no sync, and no look-up waits for
// them. Without a thread for it the read is done here, as long as that takes.
void Callbacks::read_waiting(fuse_req_t request, HandleId handle, uint64_t offset, size_t size) {
  FuseAdapter& self = adapter(request);
  const auto id = wait(request, reply_interrupted);
  if (!id) return;
  const auto read = [&self, handle, offset, size]() -> Result<std::vector<std::byte>> {
    std::vector<std::byte> bytes(size);  // not kept: each of the threads would hold 1 MiB
    ASSIGN_OR_RETURN(const size_t count, self.operations_->read(handle, offset, bytes));
    bytes.resize(count);
    return bytes;
  };
  const auto reply = [](fuse_req_t claimed, const Result<std::vector<std::byte>>& bytes) {
    if (claimed == nullptr) return;
    if (!bytes) return reply_error(claimed, bytes.error());
    reply_buffer(claimed, *bytes);
  };
  const auto task = deferred(self, *id, read, reply);
  if (!submit(self.reads_pool_, task)) task();
}

void Callbacks::write(fuse_req_t request, fuse_ino_t, const char* data, size_t size, off_t offset,
                      fuse_file_info* file) {
  Operations& ops = operations(request);
  const HandleId handle = handle_of(file);
  const std::string_view text(data, size);
  if (const auto kind = ops.control_kind(handle)) return command(request, *kind, handle, text);
  const bool at_end = (file->flags & O_APPEND) != 0;
  const auto appended = guarded([&] {
    return ops.append(handle, range::as_bytes(text), static_cast<uint64_t>(offset), at_end);
  });
  if (!appended) return reply_error(request, appended.error());
  // O_SYNC includes this bit. The kernel sends no FSYNC for it after a direct write.
  if ((file->flags & O_DSYNC) == 0) {
    fuse_reply_write(request, size);
    return;
  }
  // Who lives and were told EINTR would append it once more.
  defer(
      request, [&ops, handle] { return ops.sync(handle); },
      [size](fuse_req_t claimed, const Status& synced) {
        if (claimed == nullptr) return;
        if (!synced) return reply_error(claimed, synced.error());
        fuse_reply_write(claimed, size);
      },
      nullptr);
}

void Callbacks::command(fuse_req_t request, ControlKind kind, HandleId handle,
                        std::string_view text) {
  const auto copy = guarded([&]() -> Result<std::shared_ptr<const std::string>> {
    if (text.size() > ControlFiles::kCommandBytesMax) return refused(EINVAL);
    return std::make_shared<const std::string>(text);
  });
  if (!copy) return reply_error(request, copy.error());
  if (traits(kind).moves) return move(request, handle, *copy);
  Operations& ops = operations(request);
  defer(
      request, [&ops, handle, text = *copy] { return ops.command(handle, *text, Caller{}); },
      [size = text.size()](fuse_req_t claimed, const Result<std::optional<JournalId>>& done) {
        if (claimed == nullptr) return;
        if (!done) return reply_error(claimed, done.error());
        fuse_reply_write(claimed, size);
      });
}

// A command that must not be done twice: who gives up before it began has not done it; afterwards
// it is done, and a caller who may live is told so.
void Callbacks::move(fuse_req_t request, HandleId handle, std::shared_ptr<const std::string> text) {
  FuseAdapter& self = adapter(request);
  const auto caller = guarded([&]() -> Result<Caller> { return lasting_caller_of(request); });
  if (!caller) return reply_error(request, caller.error());
  const auto waiting = wait(request, reply_interrupted);
  if (!waiting) return;
  const Deferrals::Id id = *waiting;
  const auto succeed = [size = text->size()](fuse_req_t claimed) {
    fuse_reply_write(claimed, size);
  };
  const auto answer = [&self, id](const auto& with) {
    if (const auto claimed = self.deferrals_.claim(id)) with(*claimed);
  };
  const auto task = [&self, caller = *caller, handle, text, id, succeed, answer] {
    if (!self.deferrals_.when_unseen(id, nullptr)) return;
    const auto moved = guarded([&] { return self.operations_->command(handle, *text, caller); });
    if (!moved) return answer([&](fuse_req_t claimed) { reply_error(claimed, moved.error()); });
    if (!*moved) return answer(succeed);
    self.deferrals_.when_unseen(id, succeed);
    const auto done = [answer, succeed] { answer(succeed); };
    if (!submit(*self.invalidator_, **moved, done)) done();
  };
  if (submit(self.pool_, task)) return;
  answer([](fuse_req_t claimed) { fuse_reply_err(claimed, ENOTCONN); });
}

void Callbacks::fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* file) {
  Operations& ops = operations(request);
  defer_status(request, [&ops, handle = handle_of(file)] { return ops.sync(handle); });
}

// Every file can be read and written at any time. `poll` comes from whoever is to be told of more.
void Callbacks::poll(fuse_req_t request, fuse_ino_t, fuse_file_info* file, fuse_pollhandle* poll) {
  const HandleId handle = handle_of(file);
  const auto journal = operations(request).journal_of(handle);
  if (poll != nullptr && journal) {
    const auto added = guarded([&]() -> Status {
      adapter(request).polls_.add(*journal, handle, poll);
      return {};
    });
    if (!added) return reply_error(request, added.error());
  } else if (poll != nullptr) {
    fuse_pollhandle_destroy(poll);
  }
  fuse_reply_poll(request, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
}

void Callbacks::fsyncdir(fuse_req_t request, fuse_ino_t, int, fuse_file_info*) {
  Operations& ops = operations(request);
  defer_status(request, [&ops] { return ops.sync_all(); });
}

void Callbacks::opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info* file) {
  Operations& ops = operations(request);
  const auto handle = guarded([&] { return ops.open_directory(node_of(inode)); });
  if (!handle) return reply_error(request, handle.error());
  file->fh = static_cast<uint64_t>(*handle);
  if (fuse_reply_open(request, file) != 0) ops.close(*handle);
}

void Callbacks::readdir(fuse_req_t request, fuse_ino_t, size_t size, off_t offset,
                        fuse_file_info* file) {
  constexpr size_t kEntryBytesMin = 32;
  size_t used = 0;
  std::vector<char> buffer;
  const auto add = [&](const ListedEntry& entry) {
    struct stat st {};
    st.st_ino = entry.inode;
    st.st_mode = entry.is_directory ? S_IFDIR : S_IFREG;
    const size_t more = fuse_add_direntry(request, buffer.data() + used, size - used, entry.name,
                                          &st, static_cast<off_t>(entry.next));
    if (more > size - used) return false;
    used += more;
    return true;
  };
  const auto filled = guarded([&] {
    buffer.resize(size);
    return operations(request).list(handle_of(file), static_cast<uint64_t>(offset),
                                    std::max<size_t>(size / kEntryBytesMin, 1), add);
  });
  if (!filled) return reply_error(request, filled.error());
  fuse_reply_buf(request, buffer.data(), used);
}

}  // namespace rangefs
