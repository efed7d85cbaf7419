#include "fs/fuse/callers.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace rangefs {
namespace {

constexpr const char* kNone = "0000000000000000";

struct Signals {
  std::string own = kNone;
  std::string shared = kNone;
  std::string blocked = kNone;
  std::string ignored = kNone;
  std::string caught = kNone;
};

CallerState state(const Signals& signals, const std::string& tracer = "0") {
  return caller_state("Name:\tapp\nState:\tD (disk sleep)\nTracerPid:\t" + tracer + "\nSigPnd:\t" +
                      signals.own + "\nShdPnd:\t" + signals.shared + "\nSigBlk:\t" +
                      signals.blocked + "\nSigIgn:\t" + signals.ignored + "\nSigCgt:\t" +
                      signals.caught + "\nCapInh:\t0\n");
}

constexpr const char* kKill = "0000000000000100";
constexpr const char* kQuit = "0000000000000004";
constexpr const char* kTerm = "0000000000004000";
constexpr const char* kUrg = "0000000000400000";

TEST(Callers, SigkillIsDeathWhereverItIsPending) {
  EXPECT_EQ(state({.own = kKill}), CallerState::kDying);
  EXPECT_EQ(state({.shared = kKill}), CallerState::kDying);
  EXPECT_EQ(state({.own = "0000000000404104"}), CallerState::kDying);
}

TEST(Callers, SignalsThatEndNobodyAreSurvived) {
  EXPECT_EQ(state({}), CallerState::kLives);
  EXPECT_EQ(state({.own = kUrg}), CallerState::kLives);
  // One that were fatal would have become SIGKILL.
  EXPECT_EQ(state({.shared = kTerm, .caught = kTerm}), CallerState::kLives);
  EXPECT_EQ(state({.own = kTerm}), CallerState::kLives);
}

TEST(Callers, CoreDumpsAreDeathUnlessSomethingKeepsThemOff) {
  EXPECT_EQ(state({.own = kQuit}), CallerState::kDying);
  EXPECT_EQ(state({.shared = kQuit}), CallerState::kDying);
  EXPECT_EQ(state({.shared = kQuit, .blocked = kQuit}), CallerState::kLives);
  EXPECT_EQ(state({.shared = kQuit, .ignored = kQuit}), CallerState::kLives);
  EXPECT_EQ(state({.shared = kQuit, .caught = kQuit}), CallerState::kLives);
  EXPECT_EQ(state({.shared = kQuit}, "17"), CallerState::kLives) << "a debugger decides";
}

TEST(Callers, WhatSaysNothingIsUnseen) {
  EXPECT_EQ(caller_state(""), CallerState::kUnseen);
  EXPECT_EQ(caller_state("Name:\tState: Z\n"), CallerState::kUnseen);
}

TEST(Callers, RealOnes) {
  EXPECT_EQ(caller_state(::getpid()), CallerState::kLives);
  EXPECT_EQ(caller_state(pid_t{0}), CallerState::kUnseen);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(caller_state(child), CallerState::kDying) << "a zombie";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(caller_state(child), CallerState::kUnseen);
}

}  // namespace
}  // namespace rangefs
