#include "tests/crash/walk.h"

#include <gtest/gtest.h>

#include "tests/support/scale.h"

namespace range {

namespace {

// How much of a write is done when the power goes: nothing, an odd number, more than a sector.
constexpr size_t kPrefixes[] = {0, 9, 1003};

struct CutRun {
  CheckedStore store;
  bool complete = false;  // the workload made fewer calls: nothing was cut off
  bool in_write = false;
};

CutRun run_to(const CheckedStore& start, const Workload& run, uint64_t change, size_t prefix) {
  CutRun cut{.store = start.again()};
  cut.store.env().power_off_at_change(change, prefix);
  if (cut.store.open()) run(cut.store);
  const std::string failed = cut.store.env().first_failed();
  cut.complete = failed.empty();
  cut.in_write = failed.starts_with("write ");
  return cut;
}

// Calls `check` for every way to cut the workload off, and for the complete one.
void walk(const CheckedStore& start, const Workload& run,
          const std::function<void(const CheckedStore&)>& check) {
  for (uint64_t change = 0;; ++change) {
    if (!is_tried(change)) continue;
    for (const size_t prefix : kPrefixes) {
      const CutRun cut = run_to(start, run, change, prefix);
      SCOPED_TRACE("cut off at: " + cut.store.env().first_failed() + ", prefix " +
                   std::to_string(prefix));
      check(cut.store);
      if (testing::Test::HasFailure() || cut.complete) return;
      if (!cut.in_write) break;
    }
  }
}

}  // namespace

CheckedStore prepared(const Workload& prepare) {
  CheckedStore store;
  if (store.open()) {
    store.prune(48);
    prepare(store);
  }
  EXPECT_TRUE(store.close());
  return store.after_kill();
}

void check_that_work_goes_on(CheckedStore& store) {
  for (const std::string& path : store.model().paths(StoreModel::Name::Kind::kJournal)) {
    EXPECT_TRUE(store.append(path, "one more line\nand an open"));
    EXPECT_TRUE(store.append(path, " one\n"));
  }
  EXPECT_TRUE(store.sync_all());
  store.check();
  CheckedStore later = store.after_power_loss(Survival::drop_all());
  EXPECT_TRUE(later.open());
}

void walk_power_losses(const CheckedStore& start, const Workload& run, uint64_t seeds) {
  walk(start, run, [&](const CheckedStore& cut) {
    for (uint64_t seed = 0; seed < seeds && !testing::Test::HasFailure(); ++seed) {
      const Survival survival = Survival::of(seed);
      SCOPED_TRACE(to_string(survival));
      CheckedStore later = cut.after_power_loss(survival);
      if (later.open()) check_that_work_goes_on(later);
    }
  });
}

void walk_kills(const CheckedStore& start, const Workload& run) {
  walk(start, run, [](const CheckedStore& cut) {
    CheckedStore later = cut.after_kill();
    if (later.open()) check_that_work_goes_on(later);
  });
}

}  // namespace range
