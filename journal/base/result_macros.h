// Passing errors on. Not part of the public API: macros know no namespace.
#pragma once

#include <utility>

#include "journal/status.h"

// RETURN_IF_ERROR(f()): if f() fails, its error is returned.
#define RETURN_IF_ERROR(expression)                          \
  do {                                                       \
    if (auto status_ = (expression); !status_.has_value()) { \
      return std::move(status_).error();                     \
    }                                                        \
  } while (false)

#define RANGE_CONCAT_INNER(a, b) a##b
#define RANGE_CONCAT(a, b) RANGE_CONCAT_INNER(a, b)

// ASSIGN_OR_RETURN(auto x, f()): x is the value of f(), or its error is returned.
#define ASSIGN_OR_RETURN(declaration, expression) \
  ASSIGN_OR_RETURN_INNER(RANGE_CONCAT(result_, __LINE__), declaration, expression)
#define ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                   \
  if (!result.has_value()) return std::move(result).error();    \
  declaration = *std::move(result)
