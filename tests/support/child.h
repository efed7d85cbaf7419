// Child processes of a test.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <string>

namespace range {

// What `work` returns in a child that was forked for it, which then ends without cleaning up.
// Failed expectations in it are lost: it has to return what is to be looked at.
inline std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = work();
    ::_exit(::write(pipe[1], said.data(), said.size()) == ssize_t(said.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 4096> part{};
  for (ssize_t n = 1; n > 0;) {
    n = ::read(pipe[0], part.data(), part.size());
    said.append(part.data(), n > 0 ? static_cast<size_t>(n) : 0);
  }
  ::close(pipe[0]);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return said;
}

}  // namespace range
