// What power losses of a simulated machine leave: for its own tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/sim_env.h"

namespace range {

inline const std::string kOld(512, 'o');
inline const std::string kNew(512, 'n');

inline std::unique_ptr<File> create(SimEnv& env, const Path& path) {
  return env.open(path, Env::OpenMode::kCreateNew).value();
}

// A file whose name and contents are durable.
inline std::unique_ptr<File> create_durable(SimEnv& env, const Path& path, std::string_view text) {
  auto file = create(env, path);
  EXPECT_TRUE(file->write_at(0, as_bytes(text)));
  EXPECT_TRUE(file->sync_data());
  EXPECT_TRUE(env.sync_directory(path.parent_path()));
  return file;
}

// What is at `path`, "(none)" without it.
inline std::string contents(const SimEnv& env, const Path& path) {
  return env.exists(path) ? env.read_all(path) : "(none)";
}

// All that power losses with many seeds make of `look`.
inline std::set<std::string> outcomes(const SimEnv& env,
                                      const std::function<std::string(const SimEnv&)>& look) {
  constexpr uint64_t kSeeds = 200;
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    seen.insert(look(*env.after_power_loss(Survival::of(seed))));
  }
  return seen;
}

inline std::set<std::string> outcomes(const SimEnv& env, const Path& path) {
  return outcomes(env, [&](const SimEnv& later) { return contents(later, path); });
}

// Which of the paths are there, as "10" for the first only.
inline std::set<std::string> presence(const SimEnv& env, const std::vector<Path>& paths) {
  return outcomes(env, [&](const SimEnv& later) {
    std::string bits;
    for (const Path& path : paths) bits += later.exists(path) ? '1' : '0';
    return bits;
  });
}

}  // namespace range
