#include "mount/background.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <ctime>

namespace rangefs {
namespace {

// Who is told that it failed mounts again, or thinks that nothing is mounted.
TEST(Background, ADaemonThatServesButDoesNotAnswerHasEnded) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_NONBLOCK), 0);
  const auto daemon = [&](const Report& report) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    report("");
    const timespec longest{10, 0};  // if nobody stops it
    const bool stopped = sigtimedwait(&signals, nullptr, &longest) == SIGTERM;
    return stopped && ::write(pipe[1], "stopped", 7) == 7 ? 0 : 1;
  };
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_in_background(daemon, [] { return "it does not answer"; }), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "rangefs: it does not answer\n");
  std::string said(100, '\0');
  const ssize_t size = ::read(pipe[0], said.data(), said.size());
  said.resize(size > 0 ? static_cast<size_t>(size) : 0);
  EXPECT_EQ(said, "stopped");
  for (const int fd : pipe) ::close(fd);
}

// Whoever mounts would wait for as long as a disk holds the daemon up.
TEST(Background, ADaemonThatDoesNotEndIsNotWaitedForForEver) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const auto daemon = [&](const Report& report) {
    ::signal(SIGTERM, SIG_IGN);
    ::close(pipe[1]);
    report("");
    char byte{};
    return ::read(pipe[0], &byte, 1) == 0 ? 0 : 1;  // until the test lets it go
  };
  testing::internal::CaptureStderr();
  const auto ready = [] { return "it does not answer"; };
  EXPECT_EQ(run_in_background(daemon, ready, std::chrono::milliseconds(1)), 1);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(said.starts_with("rangefs: it does not answer\nrangefs: the daemon, process "))
      << said;
  EXPECT_TRUE(said.ends_with(" has not ended yet\n")) << said;
  for (const int fd : pipe) ::close(fd);
  EXPECT_GT(::waitpid(-1, nullptr, 0), 0);
}

TEST(Background, WhatADaemonSaysIsTheProblem) {
  testing::internal::CaptureStderr();
  const auto daemon = [](const Report& report) {
    report("no store");
    return 1;
  };
  EXPECT_EQ(run_in_background(daemon, [] { return "not asked"; }), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "rangefs: no store\n");
}

}  // namespace
}  // namespace rangefs
