// What a simulated power loss leaves, decided item by item.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

namespace range {

// How a power loss treats what was not synced. An item is a 512-byte sector of a file, the size of
// a file, or an operation on a name.
struct Survival {
  enum class Kind {
    kKeepAll,        // as after a kill
    kDropAll,        // only what was synced
    kRandom,         // each name operation by a coin; each sector and size at any of its versions
    kKeepAllButOne,  // one item is dropped or older, drawn by the seed
    kDropAllButOne,  // one item is kept or newer, drawn by the seed, and what it depends on
  };
  Kind kind = Kind::kRandom;
  uint64_t seed = 0;

  static Survival keep_all() { return {Kind::kKeepAll, 0}; }
  static Survival drop_all() { return {Kind::kDropAll, 0}; }
  static Survival random(uint64_t seed) { return {Kind::kRandom, seed}; }
  // Goes through all kinds as the seed counts up: the one to use for walks over many seeds.
  static Survival of(uint64_t seed) { return {static_cast<Kind>(seed % 5), seed}; }
};

std::string to_string(const Survival& survival);  // for messages of failing tests

// The decisions of one power loss. Which item is the exception of kKeepAllButOne can only be drawn
// once the number of items is known, so the same questions are asked twice: first of a Choices that
// only counts, then of one that got that count.
class Choices {
 public:
  explicit Choices(const Survival& survival) : survival_(survival), random_(survival.seed) {}
  Choices(const Survival& survival, size_t items) : Choices(survival) {
    if (items > 0) exception_ = random_() % items;
  }

  // Which of the versions of an item is left: 0 is the synced one, `versions - 1` the newest.
  size_t pick(size_t versions);

  // Whether an operation chosen to survive brings along those it depends on (otherwise it goes
  // when one of them goes).
  bool keeps_dependencies() const { return keeps_dependencies_; }

  size_t items() const { return items_; }

 private:
  const Survival survival_;
  std::mt19937_64 random_;
  size_t exception_ = std::numeric_limits<size_t>::max();
  bool keeps_dependencies_ = survival_.kind == Survival::Kind::kDropAllButOne ||
                             (survival_.kind == Survival::Kind::kRandom && (random_() & 1) != 0);
  size_t items_ = 0;
};

}  // namespace range
