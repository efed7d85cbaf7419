// Telling a process that was forked from the one in which something was opened.
#pragma once

#include <cstdint>
#include <string>

#include "journal/status.h"

namespace range {

// Differs between a process and those that it is forked from, whichever way: fork(2), _Fork(3) or
// clone(2). What was made when the number was another one belongs to a parent: its threads are not
// here, its mutexes may be held by them for ever, its locks and files are the parent's. Locks
// nothing; costs a load.
uint32_t process_number();

// Remembers the process in which it was made.
class OfThisProcess {
 public:
  explicit operator bool() const { return number_ == process_number(); }

 private:
  uint32_t number_ = process_number();
};

// What is answered about something that belongs to a parent.
inline Error forked_error(const std::string& what) {
  return {Errc::kLocked, 0, what + ": opened by the process that this one was forked from"};
}

}  // namespace range
