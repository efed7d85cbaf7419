// How many files the daemon may have open.
#pragma once

#include <sys/resource.h>

namespace rangefs {

// Raises the soft limit to the hard one, but not beyond what is of use here; the soft limit is for
// programs that use select(2), like some that the daemon may start.
class DescriptorLimit {
 public:
  DescriptorLimit();

  void raise() const;
  void lower() const;  // to what it was; files that are open stay so

 private:
  rlimit given_{};
  rlimit raised_{};
};

}  // namespace rangefs
