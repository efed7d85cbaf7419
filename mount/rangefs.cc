// rangefs [STORE] MOUNTPOINT [-o OPTIONS]: mounts a store. As mount(8) calls its helpers, so that
// fstab lines of type fuse.rangefs work.
#include <sys/statvfs.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "mount/checks.h"
#include "mount/daemon.h"
#include "mount/remount.h"

namespace rangefs {

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no threads yet
  return value != nullptr ? value : "";
}

// Paths must survive chdir("/"), and show in /proc/mounts.
void make_absolute(Options& options) {
  boost::system::error_code failed;
  for (std::string* path : {&options.store, &options.mountpoint}) {
    const auto absolute = boost::filesystem::absolute(*path);
    const auto real = boost::filesystem::weakly_canonical(absolute, failed);
    const std::string given = *path;
    *path = failed ? absolute.string() : real.string();
    for (std::string& option : options.fuse) {
      if (path == &options.store && option == "fsname=" + given) option = "fsname=" + *path;
    }
  }
}

// The first request that the daemon answers to somebody.
std::string try_mount(const std::string& mountpoint) {
  struct statvfs st {};
  if (::statvfs(mountpoint.c_str(), &st) == 0) return "";
  return to_string(
      range::system_error(errno, "unmounted again: " + mountpoint + " does not answer"));
}

int fail(const std::string& problem, int exit_status = 1) {
  print_problem(problem);
  return exit_status;
}

int start(Options options) {
  make_absolute(options);
  if (options.remount) {
    const auto remounted = remount(options);
    return remounted ? 0 : fail(message_of(remounted.error()));
  }
  const auto mountpoint = check_mountpoint(options.mountpoint, options.store);
  if (!mountpoint) return fail(message_of(mountpoint.error()));
  const auto fuse = check_fuse(::geteuid() == 0);
  if (!fuse) return fail(message_of(fuse.error()));
  const auto daemon = [&](const Report& report) { return run_daemon(options, report); };
  if (!options.foreground) {
    return run_in_background(daemon, [&] { return try_mount(options.mountpoint); });
  }
  return daemon([](const std::string& problem) {
    if (!problem.empty()) print_problem(problem);
  });
}

int run(const std::vector<std::string>& arguments) {
  const Invoker invoker{::geteuid() == 0, environment("XDG_DATA_HOME"), environment("HOME")};
  const auto parsed = parse_options(arguments, invoker);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    return fail(refusal->message, refusal->exit_status);
  }
  const auto& options = std::get<Options>(parsed);
  if (options.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (options.version) {
    std::printf("rangefs %s\n", RANGEFS_VERSION);
    return 0;
  }
  return start(options);
}

}  // namespace

}  // namespace rangefs

int main(int argc, char** argv) {
  return rangefs::run(std::vector<std::string>(argv + 1, argv + argc));
}
