// Text for people. Names, paths and messages stay on their line and do nothing to a terminal:
//
//   \n \t \r \\   newline, tab, carriage return, backslash
//   \xHH          the byte with these two hexadecimal digits
//
// Escaped are the bytes below space, DEL and the backslash, each in the first of these forms that
// it has, with lower-case digits; all other bytes stay as they are. Reading takes either case, and
// \xHH for every byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "journal/status.h"

namespace range {

// `bytes` with the escapes above; what has been escaped once must not be once more.
std::string printable(std::string_view bytes);

// The bytes that `text` stands for: parse_printable(printable(x)) is x. Errors: kInvalid for a
// backslash that begins none of the escapes above.
Result<std::string> parse_printable(std::string_view text);

// "1 record", "2 records": so many of what is called `noun`.
std::string counted(uint64_t number, std::string_view noun);

}  // namespace range
