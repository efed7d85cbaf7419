// What the simulated machine loses with its power: contents, names, and by which policies.

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/support/sim_outcomes.h"

namespace range {
namespace {

using Set = std::set<std::string>;

// --- Power loss: contents ---

TEST(SimEnv, SyncedDataSurvivesPowerLoss) {
  SimEnv env;
  create_durable(env, "/a", kNew + kOld);
  EXPECT_EQ(outcomes(env, "/a"), (Set{kNew + kOld}));
}

TEST(SimEnv, EachSectorIsAtAnyVersionSinceTheLastSync) {
  SimEnv env;
  auto file = create_durable(env, "/a", kOld + kOld);
  const std::string mid(512, 'm');
  ASSERT_TRUE(file->write_at(0, as_bytes(mid + mid)));
  ASSERT_TRUE(file->write_at(0, as_bytes(kNew + kNew)));
  Set all;
  for (const auto& first : {kOld, mid, kNew}) {
    for (const auto& second : {kOld, mid, kNew}) all.insert(first + second);
  }
  EXPECT_EQ(outcomes(env, "/a"), all);
}

TEST(SimEnv, TheSizeIsAtAnyVersionAndUnwrittenSectorsAreZeros) {
  SimEnv env;
  auto file = create_durable(env, "/a", "");
  ASSERT_TRUE(file->write_at(0, as_bytes("abc")));
  ASSERT_TRUE(file->write_at(3, as_bytes("de")));
  const std::string zeros(5, '\0');
  EXPECT_EQ(outcomes(env, "/a"),
            (Set{"", "abc", zeros.substr(0, 3), "abcde", zeros, "abc" + zeros.substr(0, 2)}));
}

TEST(SimEnv, ATruncationMayBeUndoneAndCutBytesMayBeZeros) {
  SimEnv env;
  auto file = create_durable(env, "/a", "abcd");
  ASSERT_TRUE(file->truncate(1));
  EXPECT_EQ(outcomes(env, "/a"), (Set{"a", "abcd", std::string("a\0\0\0", 4)}));
}

TEST(SimEnv, AFailedSyncLosesTheDataToLaterSyncs) {
  SimEnv env;
  auto file = create_durable(env, "/a", kOld);
  ASSERT_TRUE(file->write_at(0, as_bytes(kNew)));
  env.fail_change(env.changes(), EIO);
  EXPECT_FALSE(file->sync_data());
  EXPECT_TRUE(env.open("/a", Env::OpenMode::kReadWrite).value()->sync_data());
  EXPECT_TRUE(file->sync_data());
  EXPECT_TRUE(env.sync_filesystem("/"));
  EXPECT_EQ(env.read_all("/a"), kNew);
  EXPECT_EQ(outcomes(env, "/a"), (Set{kOld, kNew}));
  env.evict_lost(Survival::drop_all());
  EXPECT_EQ(env.read_all("/a"), kOld);
}

TEST(SimEnv, WritingAgainAfterAFailedSyncHelps) {
  SimEnv env;
  auto file = create_durable(env, "/a", kOld);
  ASSERT_TRUE(file->write_at(0, as_bytes(kNew)));
  env.fail_change(env.changes(), EIO);
  EXPECT_FALSE(file->sync_data());
  ASSERT_TRUE(file->write_at(0, as_bytes(kNew)));
  ASSERT_TRUE(file->sync_data());
  EXPECT_EQ(outcomes(env, "/a"), (Set{kNew}));
}

TEST(SimEnv, AFailedWritebackIsToldOnceToWhoeverHasTheFileOpen) {
  SimEnv env;
  auto file = create_durable(env, "/a", kOld);
  auto other = env.open("/a", Env::OpenMode::kReadWrite).value();
  ASSERT_TRUE(file->write_at(0, as_bytes(kNew)));
  env.fail_writeback("/a");
  EXPECT_TRUE(env.sync_filesystem("/"));
  EXPECT_TRUE(env.open("/a", Env::OpenMode::kReadWrite).value()->check_writeback());
  EXPECT_FALSE(file->check_writeback());
  EXPECT_TRUE(file->check_writeback());
  EXPECT_FALSE(other->sync_data());
  EXPECT_TRUE(other->sync_data());
  EXPECT_EQ(outcomes(env, "/a"), (Set{kOld, kNew}));
}

// --- Power loss: names ---

TEST(SimEnv, ANameSurvivesOnlyASyncOfItsDirectory) {
  SimEnv env;
  auto file = create(env, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes("x")));
  ASSERT_TRUE(file->sync_data());
  EXPECT_EQ(outcomes(env, "/a"), (Set{"(none)", "x"}));
  ASSERT_TRUE(env.sync_directory("/"));
  EXPECT_EQ(outcomes(env, "/a"), (Set{"x"}));
}

TEST(SimEnv, ADurableNameDoesNotMakeContentsDurable) {
  SimEnv env;
  ASSERT_TRUE(create(env, "/a")->write_at(0, as_bytes("x")));
  ASSERT_TRUE(env.sync_directory("/"));
  EXPECT_EQ(outcomes(env, "/a"), (Set{"", std::string(1, '\0'), "x"}));
}

TEST(SimEnv, DifferentNamesSurviveInAnyCombination) {
  SimEnv env;
  create(env, "/a");
  create(env, "/b");
  EXPECT_EQ(presence(env, {"/a", "/b"}), (Set{"00", "01", "10", "11"}));
}

TEST(SimEnv, UnlinksAndSymlinksAndDirectoriesAreUndoneOrKept) {
  SimEnv env;
  create_durable(env, "/a", "x");
  ASSERT_TRUE(env.make_directory("/old"));
  ASSERT_TRUE(env.sync_directory("/"));
  ASSERT_TRUE(env.remove_file("/a"));
  ASSERT_TRUE(env.remove_directory("/old"));
  ASSERT_TRUE(env.make_symlink("to", "/link"));
  ASSERT_TRUE(env.make_directory("/new"));
  EXPECT_EQ(presence(env, {"/a", "/old", "/link", "/new"}).size(), 16U);
  ASSERT_TRUE(env.sync_directory("/"));
  EXPECT_EQ(presence(env, {"/a", "/old", "/link", "/new"}), (Set{"0011"}));
}

TEST(SimEnv, ADirectoryThatWasNotSyncedTakesItsContentsAlong) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/d"));
  create_durable(env, "/d/a", "x");
  EXPECT_EQ(presence(env, {"/d", "/d/a"}), (Set{"00", "11"}));
  ASSERT_TRUE(env.sync_directory("/"));
  EXPECT_EQ(presence(env, {"/d", "/d/a"}), (Set{"11"}));
}

TEST(SimEnv, ARenameIsKeptOrDroppedWhole) {
  SimEnv env;
  create_durable(env, "/a", "new");
  create_durable(env, "/b", "old");
  ASSERT_TRUE(env.rename("/a", "/b", true));
  const auto both = [](const SimEnv& later) {
    return contents(later, "/a") + ' ' + contents(later, "/b");
  };
  EXPECT_EQ(outcomes(env, both), (Set{"new old", "(none) new"}));
  ASSERT_TRUE(env.sync_directory("/"));
  EXPECT_EQ(outcomes(env, both), (Set{"(none) new"}));
}

TEST(SimEnv, ARenameAcrossDirectoriesNeedsBothSynced) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/c"));
  ASSERT_TRUE(env.make_directory("/d"));
  ASSERT_TRUE(env.sync_directory("/"));
  create_durable(env, "/c/a", "x");
  ASSERT_TRUE(env.rename("/c/a", "/d/b", false));
  EXPECT_EQ(presence(env, {"/c/a", "/d/b"}), (Set{"10", "01"}));
  ASSERT_TRUE(env.sync_directory("/d"));
  EXPECT_EQ(presence(env, {"/c/a", "/d/b"}), (Set{"10", "01"}));
  ASSERT_TRUE(env.sync_directory("/c"));
  EXPECT_EQ(presence(env, {"/c/a", "/d/b"}), (Set{"01"}));
}

TEST(SimEnv, AnOperationNeedsTheEarlierOnesOnItsName) {
  SimEnv env;
  create(env, "/tmp");
  ASSERT_TRUE(env.rename("/tmp", "/a", false));
  ASSERT_TRUE(env.rename("/a", "/b", false));
  EXPECT_EQ(presence(env, {"/tmp", "/a", "/b"}), (Set{"000", "100", "010", "001"}));
}

TEST(SimEnv, ADurableOperationMakesTheEarlierOnesOnItsNameDurable) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/c"));
  ASSERT_TRUE(env.make_directory("/d"));
  ASSERT_TRUE(env.sync_directory("/"));
  create_durable(env, "/c/a", "x");
  ASSERT_TRUE(env.rename("/c/a", "/d/a", false));
  ASSERT_TRUE(env.sync_directory("/d"));
  ASSERT_TRUE(env.remove_file("/d/a"));
  ASSERT_TRUE(env.sync_directory("/d"));
  EXPECT_EQ(presence(env, {"/c/a", "/d/a"}), (Set{"00"}));
}

TEST(SimEnv, ARemovedDirectoryTakesNothingAlongThatWasMovedOut) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/d"));
  ASSERT_TRUE(env.sync_directory("/"));
  create_durable(env, "/d/a", "x");
  ASSERT_TRUE(env.rename("/d/a", "/a", false));
  ASSERT_TRUE(env.remove_directory("/d"));
  EXPECT_EQ(presence(env, {"/d", "/d/a", "/a"}), (Set{"110", "101", "001"}));
}

TEST(SimEnv, MovingIntoANewDirectoryLosesNothingUnlessSynced) {
  SimEnv env;
  create_durable(env, "/a", "x");
  ASSERT_TRUE(env.make_directory("/new"));
  ASSERT_TRUE(env.rename("/a", "/new/a", false));
  EXPECT_EQ(presence(env, {"/a", "/new", "/new/a"}), (Set{"100", "110", "011"}));
}

TEST(SimEnv, MovedDirectoriesNeverFormACircle) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/c"));
  ASSERT_TRUE(env.make_directory("/d"));
  ASSERT_TRUE(env.sync_directory("/"));
  ASSERT_TRUE(env.rename("/c", "/d/c", false));
  ASSERT_TRUE(env.rename("/d/c", "/c", false));
  ASSERT_TRUE(env.rename("/d", "/c/d", false));
  EXPECT_EQ(presence(env, {"/c", "/d", "/c/d", "/d/c"}), (Set{"1100", "0101", "1010"}));
}

TEST(SimEnv, AFailedSyncOfADirectoryIsNotMadeUpForByALaterOne) {
  SimEnv env;
  create(env, "/a");
  env.fail_change(env.changes(), EIO);
  EXPECT_FALSE(env.sync_directory("/"));
  EXPECT_TRUE(env.sync_directory("/"));
  EXPECT_EQ(presence(env, {"/a"}), (Set{"0", "1"}));
}

TEST(SimEnv, SyncFilesystemMakesEverythingDurable) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/d"));
  ASSERT_TRUE(create(env, "/d/a")->write_at(0, as_bytes("x")));
  ASSERT_TRUE(env.rename("/d/a", "/b", false));
  ASSERT_TRUE(env.sync_filesystem("/d"));
  EXPECT_EQ(outcomes(env, "/b"), (Set{"x"}));
  EXPECT_EQ(presence(env, {"/d", "/d/a", "/b"}), (Set{"101"}));
}

// --- Policies ---

TEST(SimEnv, KeepAllAndDropAllAreTheExtremes) {
  SimEnv env;
  create_durable(env, "/a", kOld);
  ASSERT_TRUE(
      env.open("/a", Env::OpenMode::kReadWrite).value()->write_at(0, as_bytes(kNew + kNew)));
  create(env, "/b");
  const auto kept = env.after_power_loss(Survival::keep_all());
  EXPECT_EQ(contents(*kept, "/a"), kNew + kNew);
  EXPECT_TRUE(kept->exists("/b"));
  const auto dropped = env.after_power_loss(Survival::drop_all());
  EXPECT_EQ(contents(*dropped, "/a"), kOld);
  EXPECT_FALSE(dropped->exists("/b"));
}

TEST(SimEnv, AllButOneTouchesOneItem) {
  SimEnv env;
  std::vector<Path> paths;
  for (int i = 0; i < 8; ++i) create(env, paths.emplace_back("/f" + std::to_string(i)));
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto kept = env.after_power_loss({Survival::Kind::kKeepAllButOne, seed});
    EXPECT_EQ(kept->list("/")->size(), 7U);
    const auto dropped = env.after_power_loss({Survival::Kind::kDropAllButOne, seed});
    EXPECT_EQ(dropped->list("/")->size(), 1U);
  }
}

TEST(SimEnv, DropAllButOneBringsAlongWhatTheOneNeeds) {
  SimEnv env;
  create(env, "/tmp");
  ASSERT_TRUE(env.rename("/tmp", "/a", false));
  create(env, "/b");
  Set seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto later = env.after_power_loss({Survival::Kind::kDropAllButOne, seed});
    const auto entries = later->list("/").value();
    ASSERT_EQ(entries.size(), 1U);
    seen.insert(entries[0].name);
  }
  EXPECT_EQ(seen, (Set{"tmp", "a", "b"}));
}

TEST(SimEnv, TheSameSeedLeavesTheSame) {
  SimEnv env;
  create_durable(env, "/a", kOld + kOld + kOld);
  auto file = env.open("/a", Env::OpenMode::kReadWrite).value();
  ASSERT_TRUE(file->write_at(0, as_bytes(kNew + kNew + kNew)));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(env.after_power_loss(Survival::of(seed))->dump(),
              env.after_power_loss(Survival::of(seed))->dump());
    EXPECT_EQ(env.after_power_loss(Survival::of(seed))->read_all("/a"),
              env.after_power_loss(Survival::of(seed))->read_all("/a"));
  }
}

TEST(SimEnv, EverythingIsDurableAfterPowerCameBack) {
  SimEnv env;
  ASSERT_TRUE(create(env, "/a")->write_at(0, as_bytes(kNew)));
  const auto later = env.after_power_loss(Survival::keep_all());
  EXPECT_EQ(outcomes(*later, "/a"), (Set{kNew}));
  EXPECT_NE(later->boot_id(), env.boot_id());
}

}  // namespace
}  // namespace range
