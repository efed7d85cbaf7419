// The lock of a store: who has it, who is told so, and when it ends.

#include "journal/env/posix_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <csignal>
#include <fstream>

#include "tests/support/child.h"
#include "tests/support/temporary_directory.h"

namespace range {
namespace {

class PosixLockTest : public testing::Test {
 protected:
  std::string try_lock() {
    const auto lock = posix_env().lock(path_);
    return lock ? "locked" : to_string(lock.error());
  }
  std::string contents() {
    std::ifstream file(path_.native());
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string refused(const std::string& whom) { return path_.native() + ": locked by " + whom; }

  TemporaryDirectory directory_;
  const Path path_ = directory_.path() / "lock";
};

const std::string kSkipped = "skipped";

TEST_F(PosixLockTest, ASecondLockInTheSameProcessIsToldSo) {
  auto held = posix_env().lock(path_);
  ASSERT_TRUE(held);
  const std::string pid = std::to_string(::getpid());
  EXPECT_EQ(try_lock(), refused("this process, pid " + pid));
  EXPECT_EQ(in_child([&] { return try_lock(); }), refused("pid " + pid))
      << "the attempt took nothing away";
  held->reset();
  EXPECT_EQ(try_lock(), "locked");
}

TEST_F(PosixLockTest, WhoHoldsItIsNotReadFromTheFile) {
  const auto held = posix_env().lock(path_);
  ASSERT_TRUE(held);
  EXPECT_EQ(contents(), std::to_string(::getpid()) + "\n");
  EXPECT_EQ(in_child([&] {
              std::ofstream(path_.native()) << "1\n";
              return try_lock();
            }),
            refused("pid " + std::to_string(::getpid())));
}

TEST_F(PosixLockTest, ClosingAnotherDescriptorOfTheFileTakesNothingAway) {
  const auto held = posix_env().lock(path_);
  ASSERT_TRUE(held);
  EXPECT_EQ(contents(), std::to_string(::getpid()) + "\n");  // opens and closes it
  EXPECT_EQ(in_child([&] { return try_lock(); }), refused("pid " + std::to_string(::getpid())));
}

TEST_F(PosixLockTest, AProcessOfAnotherPidNamespaceIsNotCalledByAWrongPid) {
  const auto held = posix_env().lock(path_);
  ASSERT_TRUE(held);
  const std::string said = in_child([&]() -> std::string {
    if (::unshare(CLONE_NEWPID) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
      return kSkipped;
    }
    return in_child([&] { return try_lock(); });
  });
  if (said == kSkipped) GTEST_SKIP() << "no pid namespaces here";
  EXPECT_EQ(said, refused("a process that cannot be seen from here (of another pid namespace or "
                          "host; the file names pid " +
                          std::to_string(::getpid()) + ", which may be out of date)"));
}

TEST_F(PosixLockTest, AProcessInsideAPidNamespaceIsCalledByItsPidOutside) {
  std::array<int, 2> end{};
  std::array<int, 2> begun{};
  ASSERT_EQ(::pipe(end.data()), 0);
  ASSERT_EQ(::pipe(begun.data()), 0);
  const pid_t outer = ::fork();
  if (outer == 0) {
    char byte = '\0';
    if (::unshare(CLONE_NEWPID) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) ::_exit(77);
    const pid_t inner = ::fork();
    if (inner == 0) {
      ::close(end[1]);
      const auto held = posix_env().lock(path_);
      if (!held || ::write(begun[1], "x", 1) != 1) ::_exit(1);
      ::_exit(static_cast<int>(::read(end[0], &byte, 1)));
    }
    ::close(end[1]);
    ::close(begun[1]);
    // What it is called out here.
    if (::write(begun[1], &inner, 0) < 0) ::waitpid(inner, nullptr, 0);
    ::_exit(0);
  }
  ::close(begun[1]);
  ::close(end[0]);
  char byte = '\0';
  const bool locked = ::read(begun[0], &byte, 1) == 1;
  if (locked) {
    const std::string said = try_lock();
    EXPECT_TRUE(said.starts_with(refused("pid "))) << said;
    EXPECT_NE(said, refused("pid 1")) << "which it is to itself";
    EXPECT_EQ(contents(), "1\n");
  }
  ::close(end[1]);
  ::close(begun[0]);
  ::waitpid(outer, nullptr, 0);
  if (!locked) GTEST_SKIP() << "no pid namespaces here";
}

// A process with a lock and a child, both of which wait until they are killed.
struct Family {
  pid_t parent = 0;
  pid_t child = 0;
};

template <typename Fork>
Family lock_and_fork(const Path& path, const Fork& fork) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe(pipe.data()), 0);
  Family family{.parent = ::fork()};
  if (family.parent == 0) {
    auto held = posix_env().lock(path);
    const pid_t child = held ? static_cast<pid_t>(fork()) : -1;
    // The child says itself that there is one: then it has left fork(2), which lets go of the lock.
    const pid_t self = child == 0 ? ::getpid() : child;
    if (child <= 0 && ::write(pipe[1], &self, sizeof(self)) != sizeof(self)) ::_exit(1);
    if (child == 0) {
      for (;;) ::pause();
    }
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    int signal = 0;
    ::sigwait(&usr1, &signal);
    held->reset();
    ::_exit(0);
  }
  EXPECT_EQ(::read(pipe[0], &family.child, sizeof(family.child)), ssize_t(sizeof(family.child)));
  ::close(pipe[0]);
  ::close(pipe[1]);
  return family;
}

TEST_F(PosixLockTest, AForkedChildDoesNotKeepTheLockOfAKilledParent) {
  const Family family = lock_and_fork(path_, [] { return ::fork(); });
  ASSERT_GT(family.child, 0);
  EXPECT_EQ(try_lock(), refused("pid " + std::to_string(family.parent)));
  ::kill(family.parent, SIGKILL);
  ::waitpid(family.parent, nullptr, 0);
  EXPECT_EQ(try_lock(), "locked");
  ::kill(family.child, SIGKILL);
}

TEST_F(PosixLockTest, NoChildKeepsALockThatWasLetGoOf) {
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  const Family family =
      lock_and_fork(path_, [] { return ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, 0, 0); });
  ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  ASSERT_GT(family.child, 0);
  EXPECT_EQ(try_lock(), refused("pid " + std::to_string(family.parent)));
  ::kill(family.parent, SIGUSR1);
  ::waitpid(family.parent, nullptr, 0);
  EXPECT_EQ(try_lock(), "locked");
  ::kill(family.child, SIGKILL);
}

TEST_F(PosixLockTest, AChildThatDropsItsCopyTakesNothingAway) {
  for (const bool cloned : {false, true}) {
    auto held = posix_env().lock(path_);
    ASSERT_TRUE(held);
    const auto fork = [&] {
      return cloned ? ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, 0, 0) : ::fork();
    };
    const auto child = static_cast<pid_t>(fork());
    if (child == 0) {
      held->reset();
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(in_child([&] { return try_lock(); }), refused("pid " + std::to_string(::getpid())));
  }
}

TEST_F(PosixLockTest, SharedLocksKeepAwayOnlyWhoWantsItAlone) {
  EXPECT_EQ(posix_env().lock_shared(path_).error().code, Errc::kNotFound);
  const std::string self = std::to_string(::getpid());
  const auto try_shared = [&] {
    const auto lock = posix_env().lock_shared(path_);
    return lock ? "locked" : to_string(lock.error());
  };
  {
    const auto alone = posix_env().lock(path_);
    ASSERT_TRUE(alone);
    EXPECT_EQ(try_shared(), refused("this process, pid " + self));
    EXPECT_EQ(in_child(try_shared), refused("pid " + self));
  }
  std::ofstream(path_.native()) << "4711\n";
  auto first = posix_env().lock_shared(path_);
  auto second = posix_env().lock_shared(path_);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(contents(), "4711\n");
  EXPECT_EQ(in_child(try_shared), "locked");
  EXPECT_EQ(try_lock(), refused("this process, pid " + self));
  first->reset();
  EXPECT_EQ(in_child([&] { return try_lock(); }), refused("pid " + self));
  second->reset();
  EXPECT_EQ(in_child([&] { return try_lock(); }), "locked");
}

TEST_F(PosixLockTest, ItIsTakenWhereNothingCanBeWritten) {
  std::ofstream(path_.native()) << "4711\n";
  EXPECT_EQ(in_child([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit none{0, 0};
              ::setrlimit(RLIMIT_FSIZE, &none);  // as a full disk, or a quota
              return try_lock();
            }),
            "locked");
  EXPECT_EQ(contents(), "") << "rather than a pid of long ago";
  EXPECT_EQ(try_lock(), "locked");
}

TEST_F(PosixLockTest, ItIsTakenOnAFileSystemThatHasBecomeReadOnly) {
  const std::string said = in_child([&]() -> std::string {
    const char* const at = directory_.path().c_str();
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0 ||
        ::mount("none", at, "tmpfs", 0, "") != 0) {
      return kSkipped;
    }
    std::string both = try_lock();
    ::mount("none", at, nullptr, MS_REMOUNT | MS_RDONLY, "");
    auto held = posix_env().lock(path_);
    both += held ? ", locked again, " : to_string(held.error());
    const pid_t self = ::getpid();
    both += in_child(
        [&] { return try_lock() == refused("pid " + std::to_string(self)) ? "held" : "?"; });
    return both;
  });
  if (said == kSkipped) GTEST_SKIP() << "mounting is not permitted";
  EXPECT_EQ(said, "locked, locked again, held");
}

}  // namespace
}  // namespace range
