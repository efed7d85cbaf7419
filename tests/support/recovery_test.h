// A fixture for tests of what a journal is after damage, a kill or a power loss.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/engine_test.h"

namespace range {

class RecoveryTest : public EngineTest {
 protected:
  // Damages one bit of every byte of a sector.
  void damage_sector(const Path& file, uint64_t at) {
    for (uint64_t i = 0; i < kSectorBytes; ++i) env_->corrupt(file, at + i, 0x10);
  }

  // Damages the payload of a line of append_lines(), within its chunk.
  void damage_line(const Path& dat, uint64_t line_of_chunk) {
    env_->corrupt(dat, line_of_chunk * 100 + 50, 0x01);
  }

  // Lines from 0 on in journal "app": so many synced, so many not. A chunk holds 41 of them.
  JournalId fill(int synced, int unsynced) {
    const auto app = journal();
    append_lines(*app, 0, synced);
    if (synced > 0) {
      EXPECT_TRUE(app->sync());
    }
    append_lines(*app, synced, unsynced);
    return app->id();
  }

  // The next sync of journal "app" meets a disk that fails to write this file, or those below this
  // directory.
  void fail_sync_of(const Path& place) {
    env_->set_fault_hook([place](const Call& call) -> std::optional<Fault> {
      const bool fails = call.kind == CallKind::kSyncData && call.path.starts_with(place.string());
      return fails ? std::optional(Fault{EIO}) : std::nullopt;
    });
    EXPECT_FALSE(journal()->sync());
  }

  std::vector<std::string> found() { return records(journal()); }

  // The records of journal "app" in the store as it is on another machine.
  void served_on(SimEnv& machine, std::vector<std::string>& served) {
    const auto store = LocalStore::open(machine, "/store", options_, false);
    ASSERT_TRUE(store) << to_string(store.error());
    const auto app = (*store)->Store::open("app");
    ASSERT_TRUE(app) << to_string(app.error());
    served = records(*app);
  }

  // Every record that is served on another machine must be what was appended in its place.
  void expect_intact_records(SimEnv& machine, const std::vector<std::string>& appended) {
    std::vector<std::string> served;
    ASSERT_NO_FATAL_FAILURE(served_on(machine, served));
    ASSERT_LE(served.size(), appended.size());
    for (size_t i = 0; i < served.size(); ++i) {
      if (served[i] != "(corrupt)") {
        ASSERT_EQ(served[i], appended[i]);
      }
    }
  }

  // What a power loss at this moment leaves is the beginning of what was appended, and intact.
  void expect_prefix_after_power_loss(const Survival& survival,
                                      const std::vector<std::string>& appended) {
    const auto machine = env_->after_power_loss(survival);
    std::vector<std::string> served;
    ASSERT_NO_FATAL_FAILURE(served_on(*machine, served));
    ASSERT_LE(served.size(), appended.size());
    const std::vector<std::string> prefix(
        appended.begin(), appended.begin() + static_cast<std::ptrdiff_t>(served.size()));
    ASSERT_EQ(served, prefix) << to_string(survival);
  }

  // The journal goes on behind what was found.
  void expect_appends_go_on() {
    std::vector<std::string> expected = found();
    append(*journal(), "more\n");
    expected.emplace_back("more\n");
    EXPECT_EQ(found(), expected);
    reopen();
    EXPECT_EQ(found(), expected);
  }
};

}  // namespace range
