#include "tests/support/survival.h"

namespace range {

std::string to_string(const Survival& survival) {
  static constexpr const char* kNames[] = {"keep all", "drop all", "random", "keep all but one",
                                           "drop all but one"};
  return std::string(kNames[static_cast<size_t>(survival.kind)]) + ", seed " +
         std::to_string(survival.seed);
}

size_t Choices::pick(size_t versions) {
  const bool exceptional = items_++ == exception_;
  const size_t newest = versions - 1;
  if (newest == 0) return 0;
  switch (survival_.kind) {
    case Survival::Kind::kKeepAll:
      return newest;
    case Survival::Kind::kDropAll:
      return 0;
    case Survival::Kind::kRandom:
      return random_() % versions;
    case Survival::Kind::kKeepAllButOne:
      return exceptional ? random_() % newest : newest;
    case Survival::Kind::kDropAllButOne:
      return exceptional ? 1 + random_() % newest : 0;
  }
  return 0;
}

}  // namespace range
