#include "fs/errno_map.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace rangefs {
namespace {

TEST(ErrnoMap, APathThatIsTooLongIsNoErrorOfTheStore) {
  EXPECT_EQ(to_errno(range::system_error(ENAMETOOLONG, "lstat")), ENAMETOOLONG);
  EXPECT_EQ(to_errno(range::system_error(EACCES, "lstat")), EIO);
}

TEST(ErrnoMap, WhatCannotBeWrittenBecauseNothingCanIsReadOnly) {
  EXPECT_EQ(to_errno(Error{Errc::kNotPermitted, EROFS, "app"}), EROFS);
  EXPECT_EQ(to_errno(range::system_error(EROFS, "pwrite")), EROFS);
  EXPECT_EQ(to_errno(Error{Errc::kNotPermitted, 0, "app"}), EPERM);
}

}  // namespace
}  // namespace rangefs
