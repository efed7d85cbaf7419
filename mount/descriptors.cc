#include "mount/descriptors.h"

#include <algorithm>

namespace rangefs {

namespace {

// More than the engine and some thousand files that are open through the mount ever take.
constexpr rlim_t kOfUse = 65'536;

}  // namespace

DescriptorLimit::DescriptorLimit() {
  if (::getrlimit(RLIMIT_NOFILE, &given_) != 0) return;
  raised_ = given_;
  raised_.rlim_cur = std::max(given_.rlim_cur, std::min(given_.rlim_max, kOfUse));
  raise();
}

void DescriptorLimit::raise() const {
  if (raised_.rlim_max != 0) ::setrlimit(RLIMIT_NOFILE, &raised_);
}

void DescriptorLimit::lower() const {
  if (raised_.rlim_max != 0) ::setrlimit(RLIMIT_NOFILE, &given_);
}

}  // namespace rangefs
