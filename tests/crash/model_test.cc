// Random operations, kills and power losses on a store beside the model of it.

#include <gtest/gtest.h>

#include <random>

#include "tests/crash/walk.h"
#include "tests/support/scale.h"

namespace range {
namespace {

class RandomWork {
 public:
  explicit RandomWork(uint64_t seed) : random_(seed) {}

  void run(int steps) {
    EXPECT_TRUE(store_.open());
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      step();
    }
    if (!testing::Test::HasFailure()) check_that_work_goes_on(store_);
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }

  void step() {
    store_.env().advance(std::chrono::milliseconds(below(2000)));
    const uint64_t dice = below(100);
    if (dice < 57) {
      append();
    } else if (dice < 60) {
      trim();
    } else if (dice < 68) {
      sync();
    } else if (dice < 84) {
      change_names();
    } else if (dice < 92) {
      store_.check();
    } else if (dice < 94) {
      EXPECT_TRUE(store_.close());
      store_ = store_.after_kill();
      EXPECT_TRUE(store_.open());
    } else {
      crash();
    }
  }

  std::string some_path() {
    const std::string name(1, static_cast<char>('a' + below(4)));
    return below(3) == 0 ? "d" + std::to_string(below(2)) + "/" + name : name;
  }
  std::optional<std::string> some_journal() {
    const auto paths = store_.model().paths(StoreModel::Name::Kind::kJournal);
    if (paths.empty()) return std::nullopt;
    return paths[below(paths.size())];
  }

  std::string text() {
    std::string text(below(4) == 0 ? below(3000) : 1 + below(60), 'x');
    for (char& c : text) c = static_cast<char>('a' + below(26));
    for (uint64_t newlines = below(4); newlines > 0; --newlines) {
      if (!text.empty()) text[below(text.size())] = '\n';
    }
    if (below(2) == 0) text += '\n';
    return text;
  }

  void append() {
    const auto path = some_journal();
    if (!path) return;
    if (below(4) > 0) {
      if (const std::string bytes = text(); !bytes.empty()) store_.append(*path, bytes);
      return;
    }
    std::vector<std::string> records;
    for (uint64_t n = 1 + below(5); n > 0; --n) records.push_back(text());
    store_.append_records(*path, records);
  }

  void trim() {
    const auto path = some_journal();
    if (!path) return;
    // Half of the time what takes appends goes as well.
    const size_t chunks = store_.journal(*path)->chunks().size();
    store_.trim(*path, below(2) == 0 ? chunks : below(chunks + 1));
  }

  void sync() {
    const auto path = some_journal();
    switch (path ? below(3) : 2) {
      case 0:
      case 1:
        store_.sync(*path);
        return;
      default:
        store_.sync_and_reclaim();
    }
  }

  void change_names() {
    const auto journal = some_journal();
    const std::string path = some_path();
    const bool parent_exists =
        path.size() == 1 || is(path.substr(0, 2), StoreModel::Name::Kind::kDirectory);
    const bool is_free = parent_exists && is(path, StoreModel::Name::Kind::kAbsent);
    const std::string directory = "d" + std::to_string(below(2));
    switch (below(6)) {
      case 0:
      case 1:
        if (is_free) store_.create(path);
        return;
      case 2:
        if (journal && is_free) store_.rename(*journal, path);
        return;
      case 3:
        if (journal && below(3) == 0) store_.remove(*journal);
        return;
      case 4:
        change_directory(directory);
        return;
      default:
        if (journal) change_framing(*journal);
    }
  }

  bool is(const std::string& path, StoreModel::Name::Kind kind) {
    return store_.model().at(path).kind == kind;
  }

  void change_directory(const std::string& path) {
    const std::string other = path == "d0" ? "d1" : "d0";
    if (is(path, StoreModel::Name::Kind::kAbsent)) {
      store_.make_directory(path);
      return;
    }
    for (const std::string& journal : store_.model().paths(StoreModel::Name::Kind::kJournal)) {
      if (!journal.starts_with(path + "/")) continue;
      if (is(other, StoreModel::Name::Kind::kAbsent)) store_.rename(path, other);
      return;
    }
    store_.remove_directory(path);
  }

  void change_framing(const std::string& path) {
    Attributes attributes = store_.attributes(path);
    attributes.framing = below(2) == 0 ? Framing::kLine : Framing::kWrite;
    attributes.mode = static_cast<uint32_t>(0600 + below(64));
    store_.set_attributes(path, attributes);
  }

  // Some more work, cut off somewhere in it.
  void crash() {
    const size_t prefix = below(2) == 0 ? 0 : below(3000);
    store_.env().power_off_at_change(store_.env().changes() + below(12), prefix);
    for (int i = 0; i < 6; ++i) {
      if (below(5) > 0) {
        append();
      } else if (below(2) > 0) {
        sync();
      } else if (below(3) == 0) {
        trim();
      } else {
        change_names();
      }
      if (!store_.env().first_failed().empty()) break;
    }
    const Survival survival = Survival::of(random_());
    store_ = below(3) == 0 ? store_.after_kill() : store_.after_power_loss(survival);
    EXPECT_TRUE(store_.open()) << to_string(survival);
  }

  std::mt19937_64 random_;
  CheckedStore store_;
};

class Model : public testing::TestWithParam<uint64_t> {};

TEST_P(Model, RandomWorkWithCrashesLosesNothingThatWasPromised) {
  for (uint64_t seed = GetParam() * 1000; seed < GetParam() * 1000 + 100 && !HasFailure(); ++seed) {
    if (!is_tried(seed)) continue;
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomWork(seed).run(150);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace range
