#include "fs/errno_map.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace rangefs {
namespace {

TEST(ErrnoMap, APathThatIsTooLongIsNoErrorOfTheStore) {
  EXPECT_EQ(to_errno(range::system_error(ENAMETOOLONG, "lstat")), ENAMETOOLONG);
  EXPECT_EQ(to_errno(range::system_error(EACCES, "lstat")), EIO);
}

}  // namespace
}  // namespace rangefs
