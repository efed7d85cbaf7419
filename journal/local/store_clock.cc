#include "journal/local/store_clock.h"

namespace range {

namespace {

using std::chrono::milliseconds;

milliseconds boot_ms(Env& env) { return std::chrono::floor<milliseconds>(env.since_boot()); }

}  // namespace

StoreClock::StoreClock(Env& env, std::optional<Time> last_stored)
    : env_(env),
      begun_(env.since_boot()),
      offset_ms_((last_stored.value_or(env.now()).time_since_epoch() - boot_ms(env)).count()) {
  read();  // a step that is there already counts from now on
}

Time StoreClock::now() {
  const Time real = env_.now();
  const int64_t ms = real.time_since_epoch().count();
  const int64_t compared = compared_ms_.load(std::memory_order_relaxed);
  if (ms >= compared && ms - compared < kTrust.count()) return real;
  const Reading reading = read();
  const bool step = stepped_.load(std::memory_order_relaxed);
  compared_ms_.store(step ? kNever : reading.now.time_since_epoch().count(),
                     std::memory_order_relaxed);
  return reading.now;
}

bool StoreClock::disagrees() { return std::chrono::abs(read().ahead_by) > kStep; }

bool StoreClock::tells_ages() { return !disagrees() && env_.since_boot() - begun_ >= kPatience; }

bool StoreClock::ahead() { return read().ahead_by > kStep; }

StoreClock::Reading StoreClock::read() {
  const milliseconds boot = boot_ms(env_);
  const Time real = env_.now();
  const milliseconds difference = real.time_since_epoch() - boot - offset();
  if (std::chrono::abs(difference) > kStep) return read_after_step(boot, real.time_since_epoch());
  if (stepped_.load(std::memory_order_relaxed)) forget_step();
  if (std::chrono::abs(difference) >= kRefresh) adopt(real.time_since_epoch() - boot);
  return {.now = real};
}

void StoreClock::forget_step() {
  MutexLock lock(mutex_);
  since_.reset();
  stepped_.store(false, std::memory_order_relaxed);
}

StoreClock::Reading StoreClock::read_after_step(milliseconds boot, milliseconds real) {
  MutexLock lock(mutex_);
  const milliseconds target = real - boot;
  // Another thread may have adopted it meanwhile.
  if (std::chrono::abs(target - offset()) <= kStep) return {.now = Time(real)};
  // Slow drift belongs to the same step, a jump of the real time begins another.
  if (!since_ || std::chrono::abs(target - to_) > kStep) since_ = boot;
  to_ = target;
  stepped_.store(true, std::memory_order_relaxed);
  if (boot - *since_ < kPatience) {
    return {.now = Time(boot + offset()), .ahead_by = target - offset()};
  }
  adopt(target);
  return {.now = Time(real)};  // the next reading, in agreement, forgets the step
}

}  // namespace range
