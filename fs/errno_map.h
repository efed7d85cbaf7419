// From errors of ours to errno, in one place.
#pragma once

#include <string>

#include "fs/types.h"

namespace rangefs {

// A request that is refused with exactly this errno, where the engine's codes are too few.
Error refused(int errno_value, std::string context = {});

// What a system call that ends in `error` returns. EIO for everything that says something about the
// store and not about the request.
int to_errno(const Error& error);

}  // namespace rangefs
