// Walking a workload: it is cut off at every call that changes something (of those that
// RANGE_TEST_SCALE leaves), one run for each.
#pragma once

#include <functional>
#include <vector>

#include "tests/support/checked_store.h"

namespace range {

using Workload = std::function<void(CheckedStore&)>;

// `start` is where every run begins: it is copied, as after a kill or a power loss, and then
// opened. After the run, power is lost or the process killed; what is found is checked, used
// further, and checked again. Ends with the first failure of the running test.
void walk_power_losses(const CheckedStore& start, const Workload& run, uint64_t seeds);
void walk_kills(const CheckedStore& start, const Workload& run);

// A closed store in which `prepare` was done.
CheckedStore prepared(const Workload& prepare);

// Appends to all journals, syncs, and loses what is not synced: everything must be there.
void check_that_work_goes_on(CheckedStore& store);

}  // namespace range
