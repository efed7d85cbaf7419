#include "journal/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

#include "journal/base/result_macros.h"
#include "journal/types.h"

namespace range {
namespace {

Status fail_if(bool fail) {
  if (fail) return Error{Errc::kCorrupt, 0, "read x"};
  return {};
}

Result<std::unique_ptr<int>> make(bool fail) {
  RETURN_IF_ERROR(fail_if(fail));
  return std::make_unique<int>(7);
}

Result<int> twice(bool fail) {
  ASSIGN_OR_RETURN(const auto first, make(false));
  ASSIGN_OR_RETURN(auto second, make(fail));
  return *first + *second;
}

TEST(Status, ErrorsPassThroughTheMacrosAndValuesToo) {
  EXPECT_EQ(twice(false).value(), 14);
  const auto failed = twice(true);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::kCorrupt);
  EXPECT_EQ(failed.error().context, "read x");
}

TEST(Status, MessagesNameTheContextAndTheReason) {
  EXPECT_EQ(to_string(Error{Errc::kCorrupt, 0, "read x"}), "read x: corrupt");
  EXPECT_EQ(to_string(Error{Errc::kLocked, 0, ""}), "locked");
  EXPECT_EQ(to_string(Error{Errc::kLocked, 0, "x: locked by pid 7"}), "x: locked by pid 7");
  EXPECT_EQ(to_string(Error{Errc::kUnknownFormat, 0, "x: no store"}), "x: no store");
  EXPECT_EQ(to_string(refusal(Errc::kInvalid, "x is no y\n")), "x is no y\\n");
  EXPECT_EQ(to_string(system_error(ENOENT, "open x")), "open x: No such file or directory");
}

TEST(Status, SystemErrorsThatCallersActOnHaveCodes) {
  EXPECT_EQ(system_error(ENOSPC, "").code, Errc::kNoSpace);
  EXPECT_EQ(system_error(EDQUOT, "").code, Errc::kNoSpace);
  EXPECT_EQ(system_error(EFBIG, "").code, Errc::kNoSpace);
  EXPECT_EQ(system_error(ENOENT, "").code, Errc::kNotFound);
  EXPECT_EQ(system_error(EEXIST, "").code, Errc::kExists);
  EXPECT_EQ(system_error(ENOTEMPTY, "").code, Errc::kNotEmpty);
  EXPECT_EQ(system_error(EBADF, "").code, Errc::kIo);
  EXPECT_EQ(system_error(EBADF, "").sys_errno, EBADF);
}

TEST(StatusDeathTest, ABrokenInvariantEndsTheProcess) {
  RANGE_CHECK(1 + 1 == 2);
  EXPECT_DEATH(RANGE_CHECK(1 + 1 == 3), "invariant does not hold: 1 \\+ 1 == 3");
}

TEST(Types, FramingsHaveNames) {
  EXPECT_EQ(to_string(Framing::kLine), "line");
  EXPECT_EQ(to_string(Framing::kWrite), "write");
}

}  // namespace
}  // namespace range
