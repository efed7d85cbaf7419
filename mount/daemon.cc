#include "mount/daemon.h"

#include <fuse_log.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "fs/fuse/session.h"
#include "journal/base/result_macros.h"
#include "journal/printable.h"
#include "mount/descriptors.h"
#include "mount/holder.h"
#include "mount/memory_return.h"

namespace rangefs {

namespace {

// How long to wait for a store that is not mounted any more, but whose daemon is still closing it.
constexpr std::chrono::seconds kClosingMax{10};
// How long a session may take to end after its mount went.
constexpr std::chrono::duration<int, std::milli> kEndingMax{500};

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

void log_of_store(range::LogLevel level, const std::string& line) {
  switch (level) {
    case range::LogLevel::kInfo:
      return spdlog::info("{}", line);
    case range::LogLevel::kWarning:
      return spdlog::warn("{}", line);
    case range::LogLevel::kError:
      return spdlog::error("{}", line);
  }
}

Result<std::unique_ptr<range::Store>> open_store(const Options& options) {
  if (options.default_store) {
    boost::system::error_code failed;
    const auto parent = boost::filesystem::path(options.store).parent_path();
    boost::filesystem::create_directories(parent, failed);  // opening says what is wrong
  }
  range::StoreOptions engine = options.engine;
  engine.log = log_of_store;
  const auto deadline = std::chrono::steady_clock::now() + kClosingMax;
  while (true) {
    auto store = range::open_store(options.store, engine);
    if (store || store.error().code != Errc::kLocked) return store;
    const Holder holder = holder_of(store.error(), options.store);
    if (!holder.leaves || std::chrono::steady_clock::now() > deadline) return holder.error;
    const sigset_t signals = stop_signals();  // blocked: only this notices them
    const timespec pause{0, 50'000'000};
    if (sigtimedwait(&signals, nullptr, &pause) > 0) return store;
  }
}

// Returns when a stop signal came or the session ended. Meanwhile tells if nobody can see the mount
// any more: it ends when the last file is closed that was open then.
void wait_for_end(const Session& session, MountWatch& mount) {
  const sigset_t signals = stop_signals();
  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  std::array<pollfd, 3> fds{
      {{signal_fd, POLLIN, 0}, {session.ended_fd(), POLLIN, 0}, {mount.fd(), POLLPRI, 0}}};
  bool attached = mount.attached();
  MemoryReturn memory;
  while ((fds[0].revents | fds[1].revents) == 0) {
    // After an unmount the session ends by itself, a moment later.
    const auto patience = attached ? MemoryReturn::kInterval : kEndingMax;
    const int came = ::poll(fds.data(), fds.size(), patience.count());
    memory.look();
    if (came == 0 && !attached) {
      spdlog::warn("the mount was detached; serving on until all its files are closed");
      show(Holding::kDetached);
      fds[2].fd = -1;
      attached = true;
    } else if (fds[2].revents != 0) {
      attached = mount.attached();
    }
  }
  spdlog::info("{}", fds[1].revents != 0 ? "unmounted" : "stopping");
  show(Holding::kMounted);
  ::close(signal_fd);
}

// The programs that libfuse starts to mount get the limit that we were given.
Status mount(Session& session, const Options& options, const DescriptorLimit& limit) {
  limit.lower();
  Status mounted = session.mount(options.mountpoint, options.fuse, options.debug);
  limit.raise();
  return mounted;
}

Status serve(range::Store& store, const Options& options, const DescriptorLimit& limit,
             const Report& report) {
  ASSIGN_OR_RETURN(const auto adapter,
                   FuseAdapter::create(store, FsOptions{options.store, RANGEFS_VERSION}));
  Session session(*adapter);
  RETURN_IF_ERROR(mount(session, options, limit));
  session.serve();
  spdlog::info("serving {} on {}", range::printable(options.store),
               range::printable(options.mountpoint));
  report("");
  MountWatch watch(options.mountpoint);
  wait_for_end(session, watch);
  session.stop();
  adapter->release_all();
  return {};
}

void log_of_fuse(fuse_log_level level, const char* format, va_list arguments) {
  std::array<char, 1024> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string_view raw(text.data());
  if (raw.ends_with('\n')) raw.remove_suffix(1);
  const std::string line = range::printable(raw);  // names are in it
  if (level <= FUSE_LOG_ERR) {
    spdlog::error("{}", line);
  } else if (level <= FUSE_LOG_WARNING) {
    spdlog::warn("{}", line);
  } else {
    spdlog::debug("{}", line);
  }
}

}  // namespace

void start_log(bool foreground, bool debug) {
  auto logger = foreground ? spdlog::stderr_color_mt("rangefs")
                           : spdlog::syslog_logger_mt("rangefs", "rangefs", LOG_PID, LOG_DAEMON);
  logger->set_pattern(foreground ? "rangefs: %^%l%$: %v" : "%v");
  logger->set_level(debug ? spdlog::level::debug : spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

int run_daemon(const Options& options, const Report& report) {
  start_log(options.foreground, options.debug);
  show(Holding::kMounted);
  // Before any thread is started, so that all inherit it and the signals come to wait_for_end().
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // The calls that would raise these answer EPIPE and EFBIG instead.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  ::umask(077);  // modes of journals are kept in the store, not on its files
  MemoryReturn::keep_to_one_arena();
  const DescriptorLimit limit;
  auto store = open_store(options);
  if (!store) {
    report(message_of(store.error()));
    return 1;
  }
  fuse_set_log_func(log_of_fuse);
  bool reported = false;
  const Status served = serve(**store, options, limit, [&](const std::string& problem) {
    reported = true;
    report(problem);
  });
  const Status closed = (*store)->close();
  if (!closed)
    spdlog::error("closing {}: {}", range::printable(options.store), to_string(closed.error()));
  if (!served && !reported) report(message_of(served.error()));
  return served && closed ? 0 : 1;
}

}  // namespace rangefs
