#include "tests/support/played_kernel.h"

#include <fuse_lowlevel.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <atomic>
#include <utility>

namespace rangefs {

namespace {

// libfuse gives its functions nothing of ours.
std::atomic<PlayedKernel*> the_kernel = nullptr;

ssize_t read_nothing(int, void*, size_t, void*) { return 0; }

}  // namespace

PlayedKernel::PlayedKernel(FuseAdapter& adapter) {
  EXPECT_EQ(the_kernel.exchange(this), nullptr);
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&args, "played");
  session_ =
      fuse_session_new(&args, &FuseAdapter::callbacks(), sizeof(fuse_lowlevel_ops), &adapter);
  fuse_opt_free_args(&args);
  const fuse_custom_io io{&PlayedKernel::take_answer, read_nothing, nullptr, nullptr};
  EXPECT_EQ(fuse_session_custom_io(session_, &io, ::eventfd(0, EFD_CLOEXEC)), 0);
  adapter.attach(session_);
  fuse_init_in init{};
  init.major = FUSE_KERNEL_VERSION;
  init.minor = FUSE_KERNEL_MINOR_VERSION;
  init.max_readahead = 1 << 17;
  init.flags = ~uint32_t{0};
  init.flags2 = ~uint32_t{0};
  connection_ = struct_of<fuse_init_out>(call(FUSE_INIT, 0, bytes_of(init)).body);
}

PlayedKernel::~PlayedKernel() {
  fuse_session_destroy(session_);
  the_kernel = nullptr;
}

ssize_t PlayedKernel::take_answer(int, iovec* parts, int count, void*) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  const auto header = struct_of<fuse_out_header>(bytes);
  PlayedKernel& self = *the_kernel;
  const std::lock_guard lock(self.mutex_);
  if (header.unique == 0) {
    self.notices_.push_back(
        {static_cast<fuse_notify_code>(header.error), bytes.substr(sizeof header)});
  } else {
    const bool first =
        self.answers_.emplace(header.unique, Answer{-header.error, bytes.substr(sizeof header)})
            .second;
    EXPECT_TRUE(first) << "a second answer to request " << header.unique;
    self.answered_.notify_all();
  }
  return static_cast<ssize_t>(bytes.size());
}

uint64_t PlayedKernel::send(fuse_opcode operation, uint64_t node, std::string_view body,
                            pid_t caller) {
  fuse_in_header header{};
  header.len = static_cast<uint32_t>(sizeof header + body.size());
  header.opcode = operation;
  header.unique = last_request_ += 2;
  header.nodeid = node;
  header.pid = static_cast<uint32_t>(caller);
  std::string bytes = bytes_of(header).append(body);
  fuse_buf buffer{};
  buffer.size = bytes.size();
  buffer.mem = bytes.data();
  fuse_session_process_buf(session_, &buffer);
  return header.unique;
}

void PlayedKernel::interrupt(uint64_t request) {
  send(FUSE_INTERRUPT, 0, bytes_of(fuse_interrupt_in{request}));
}

bool PlayedKernel::answered(uint64_t request) {
  const std::lock_guard lock(mutex_);
  return answers_.contains(request);
}

PlayedKernel::Answer PlayedKernel::answer(uint64_t request) {
  std::unique_lock lock(mutex_);
  answered_.wait(lock, [&] { return answers_.contains(request); });
  return answers_.at(request);
}

std::vector<PlayedKernel::Notice> PlayedKernel::take_notices() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notices_, {});
}

uint64_t PlayedKernel::look_up(uint64_t parent, std::string_view name) {
  const Answer found = answer(send(FUSE_LOOKUP, parent, name_sent(name)));
  EXPECT_EQ(found.error, 0) << name;
  return struct_of<fuse_entry_out>(found.body).nodeid;
}

uint64_t PlayedKernel::open(uint64_t node, uint32_t flags) {
  const Answer opened = answer(send_open(node, flags, 0));
  EXPECT_EQ(opened.error, 0);
  return struct_of<fuse_open_out>(opened.body).fh;
}

uint64_t PlayedKernel::send_open(uint64_t node, uint32_t flags, pid_t caller) {
  fuse_open_in in{};
  in.flags = flags;
  return send(FUSE_OPEN, node, bytes_of(in), caller);
}

uint64_t PlayedKernel::send_write(uint64_t node, uint64_t handle, std::string_view text,
                                  uint32_t flags, pid_t caller) {
  fuse_write_in in{};
  in.fh = handle;
  in.size = static_cast<uint32_t>(text.size());
  in.flags = flags;
  return send(FUSE_WRITE, node, bytes_of(in).append(text), caller);
}

uint32_t PlayedKernel::poll(uint64_t node, uint64_t handle, uint64_t key) {
  fuse_poll_in in{};
  in.fh = handle;
  in.kh = key;
  in.flags = FUSE_POLL_SCHEDULE_NOTIFY;
  in.events = POLLIN;
  return struct_of<fuse_poll_out>(call(FUSE_POLL, node, bytes_of(in)).body).revents;
}

uint64_t PlayedKernel::send_fsync(uint64_t node, uint64_t handle, pid_t caller) {
  fuse_fsync_in in{};
  in.fh = handle;
  return send(FUSE_FSYNC, node, bytes_of(in), caller);
}

uint64_t PlayedKernel::send_read(uint64_t node, uint64_t handle, uint64_t offset, uint32_t size,
                                 pid_t caller) {
  fuse_read_in in{};
  in.fh = handle;
  in.offset = offset;
  in.size = size;
  return send(FUSE_READ, node, bytes_of(in), caller);
}

}  // namespace rangefs
