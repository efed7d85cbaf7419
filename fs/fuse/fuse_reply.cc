// Pieces of answers.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <vector>

#include "fs/fuse/fuse_callbacks.h"

namespace rangefs {

namespace {

// We are the only one who changes anything, so names stay until we say otherwise.
constexpr double kNameSeconds = 3600;

// The supplementary groups of the caller; none if they cannot be found out.
std::vector<gid_t> groups_of(fuse_req_t request) {
  std::vector<gid_t> groups(64);
  while (true) {
    const int count = fuse_req_getgroups(request, static_cast<int>(groups.size()), groups.data());
    const size_t known = groups.size();
    groups.resize(count < 0 ? 0 : static_cast<size_t>(count));
    if (groups.size() <= known) return groups;
  }
}

bool contains(const std::vector<gid_t>& groups, gid_t gid) {
  return std::ranges::find(groups, gid) != groups.end();
}

// A journal that failed fails every call: once a second is enough to see it in the log.
bool log_again() {
  static std::atomic<int64_t> last_second{0};
  const int64_t second =
      std::chrono::steady_clock::now().time_since_epoch() / std::chrono::seconds(1);
  return last_second.exchange(second) != second;
}

}  // namespace

void reply_error(fuse_req_t request, const Error& error) {
  const int code = to_errno(error);
  const bool is_for_log = (error.code == Errc::kIo && code == EIO) ||  // not a path too long
                          error.code == Errc::kUnknownFormat;
  if (is_for_log && log_again()) spdlog::error("{}", to_string(error));
  fuse_reply_err(request, code);
}

void reply_status(fuse_req_t request, const Status& status) {
  if (!status) return reply_error(request, status.error());
  fuse_reply_err(request, 0);
}

fuse_entry_param entry_of(const Found& found) {
  fuse_entry_param entry{};
  entry.ino = static_cast<fuse_ino_t>(found.node);
  entry.attr = found.attributes;
  // An invalidation that is sent while the kernel makes the inode is lost, so none of these
  // attributes may be kept: the kernel asks for them when it needs them.
  entry.attr_timeout = 0;
  entry.entry_timeout = found.lasting ? kNameSeconds : 0;
  return entry;
}

void reply_buffer(fuse_req_t request, ConstBytes bytes) {
  fuse_reply_buf(request, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void reply_value(fuse_req_t request, const Result<std::string>& value, size_t size) {
  if (!value) return reply_error(request, value.error());
  if (size == 0) {
    fuse_reply_xattr(request, value->size());
  } else if (size < value->size()) {
    fuse_reply_err(request, ERANGE);
  } else {
    reply_buffer(request, range::as_bytes(*value));
  }
}

void fill(fuse_file_info& file, HandleId handle) {
  file.fh = static_cast<uint64_t>(handle);
  file.direct_io = 1;  // one write(2) is one request, and reads see every append
  file.noflush = 1;    // close(2) promises nothing
}

Caller caller_of(fuse_req_t request) {
  const fuse_ctx* context = fuse_req_ctx(request);
  return Caller{context->uid, context->gid,
                [request](uint32_t gid) { return contains(groups_of(request), gid); }};
}

Caller lasting_caller_of(fuse_req_t request) {
  const fuse_ctx* context = fuse_req_ctx(request);
  return Caller{context->uid, context->gid,
                [groups = groups_of(request)](uint32_t gid) { return contains(groups, gid); }};
}

void reply_interrupted(fuse_req_t request) { fuse_reply_err(request, EINTR); }

}  // namespace rangefs
