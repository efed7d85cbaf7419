// The least that a FUSE file system in user space can do: one file, named `file`, whose bytes are
// those of an ordinary file.
//   bare_fuse BACKING MOUNTPOINT       (until unmounted; returns once it is mounted)
// What rangefs asks the kernel for, so that only the work behind a request differs: direct_io, no
// FLUSH, long timeouts, writes of 1 MiB, two serving threads.
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

constexpr fuse_ino_t kFile = 2;
constexpr double kSeconds = 3600;
int backing = -1;

struct stat attributes(fuse_ino_t inode) {
  struct stat st {};
  if (inode == kFile) {
    fstat(backing, &st);
    st.st_mode = S_IFREG | 0644;
  } else {
    st.st_mode = S_IFDIR | 0755;
    st.st_nlink = 2;
  }
  st.st_ino = inode;
  return st;
}

void init(void*, fuse_conn_info* connection) {
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_ASYNC_DIO |
                                             FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE);
  connection->max_write = 1 << 20;
}

void lookup(fuse_req_t request, fuse_ino_t, const char* name) {
  if (std::strcmp(name, "file") != 0) {
    fuse_reply_err(request, ENOENT);
    return;
  }
  fuse_entry_param entry{};
  entry.ino = kFile;
  entry.attr = attributes(kFile);
  entry.entry_timeout = kSeconds;
  fuse_reply_entry(request, &entry);
}

void getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  const struct stat st = attributes(inode);
  fuse_reply_attr(request, &st, kSeconds);
}

void open(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  file->direct_io = 1;
  file->noflush = 1;
  fuse_reply_open(request, file);
}

void release(fuse_req_t request, fuse_ino_t, fuse_file_info*) { fuse_reply_err(request, 0); }

void read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info*) {
  thread_local std::vector<char> buffer;
  if (buffer.size() < size) buffer.resize(size);
  const ssize_t got = pread(backing, buffer.data(), size, offset);
  if (got < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_buf(request, buffer.data(), static_cast<size_t>(got));
  }
}

// The backing file is open for appending, so that it is the end whatever `offset` says.
void write(fuse_req_t request, fuse_ino_t, const char* data, size_t size, off_t offset,
           fuse_file_info*) {
  const ssize_t written = pwrite(backing, data, size, offset);
  if (written < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_write(request, static_cast<size_t>(written));
  }
}

void serve(fuse_session* session) {
  fuse_buf buffer{};
  while (fuse_session_exited(session) == 0) {
    const int size = fuse_session_receive_buf(session, &buffer);
    if (size == -EINTR) continue;
    if (size <= 0) break;
    fuse_session_process_buf(session, &buffer);
  }
  std::free(buffer.mem);
}

fuse_session* mount_session(char* program, const char* mountpoint) {
  static const fuse_lowlevel_ops kOperations = [] {
    fuse_lowlevel_ops ops{};
    ops.init = init;
    ops.lookup = lookup;
    ops.getattr = getattr;
    ops.open = open;
    ops.release = release;
    ops.read = read;
    ops.write = write;
    return ops;
  }();
  char* arguments[] = {program, nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, arguments);
  fuse_session* session = fuse_session_new(&args, &kOperations, sizeof kOperations, nullptr);
  fuse_opt_free_args(&args);
  if (session == nullptr || fuse_session_mount(session, mountpoint) != 0) return nullptr;
  return session;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bare_fuse BACKING MOUNTPOINT\n");
    return 2;
  }
  backing = ::open(argv[1], O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (backing < 0) {
    std::perror(argv[1]);
    return 1;
  }
  fuse_session* session = mount_session(argv[0], argv[2]);
  if (session == nullptr || fuse_daemonize(0) != 0) return 1;
  std::thread other(serve, session);
  serve(session);
  other.join();
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  return 0;
}
