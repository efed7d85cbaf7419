#include "tests/support/sim_env.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace range {
namespace {

constexpr uint64_t kSeeds = 200;
const std::string kOld(512, 'o');
const std::string kNew(512, 'n');

std::unique_ptr<File> create(SimEnv& env, const Path& path) {
  return env.open(path, Env::OpenMode::kCreateNew).value();
}

// A file whose name and contents are durable.
std::unique_ptr<File> create_durable(SimEnv& env, const Path& path, std::string_view text) {
  auto file = create(env, path);
  EXPECT_TRUE(file->write_at(0, as_bytes(text)));
  EXPECT_TRUE(file->sync_data());
  EXPECT_TRUE(env.sync_directory(path.parent_path()));
  return file;
}

// What is at `path`, "(none)" without it.
std::string contents(const SimEnv& env, const Path& path) {
  return env.exists(path) ? env.read_all(path) : "(none)";
}

// All that power losses with many seeds make of `look`.
std::set<std::string> outcomes(const SimEnv& env,
                               const std::function<std::string(const SimEnv&)>& look) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    seen.insert(look(*env.after_power_loss(Survival::of(seed))));
  }
  return seen;
}

std::set<std::string> outcomes(const SimEnv& env, const Path& path) {
  return outcomes(env, [&](const SimEnv& later) { return contents(later, path); });
}

// Which of the paths are there, as "10" for the first only.
std::set<std::string> presence(const SimEnv& env, const std::vector<Path>& paths) {
  return outcomes(env, [&](const SimEnv& later) {
    std::string bits;
    for (const Path& path : paths) bits += later.exists(path) ? '1' : '0';
    return bits;
  });
}

using Set = std::set<std::string>;

// --- The file system as it is without faults ---------------------------------------------------

TEST(SimEnv, ReadsBackWhatWasWritten) {
  SimEnv env;
  auto file = create(env, "/a");
  const std::vector<ConstBytes> parts = {as_bytes("one "), as_bytes("two")};
  ASSERT_TRUE(file->write_at(600, parts));
  std::string text(100, '\0');
  EXPECT_EQ(file->read_at(600, std::as_writable_bytes(std::span(text))).value(), 7U);
  EXPECT_EQ(text.substr(0, 7), "one two");
  EXPECT_EQ(env.stat("/a")->size, 607U);
  EXPECT_EQ(env.stat("/a")->disk_bytes, 512U);
  ASSERT_TRUE(file->truncate(602));
  ASSERT_TRUE(file->truncate(604));
  EXPECT_EQ(env.read_all("/a").substr(600), std::string("on\0\0", 4));
}

TEST(SimEnv, RefusesWhatLinuxRefuses) {
  SimEnv env;
  create(env, "/a");
  create(env, "/b");
  ASSERT_TRUE(env.make_directory("/d"));
  create(env, "/d/x");
  ASSERT_TRUE(env.make_symlink("to", "/link"));
  const auto code = [](const auto& result) { return result.error().code; };
  const auto sys_errno = [](const auto& result) { return result.error().sys_errno; };
  EXPECT_EQ(code(env.open("/none", Env::OpenMode::kRead)), Errc::kNotFound);
  EXPECT_EQ(code(env.open("/a", Env::OpenMode::kCreateNew)), Errc::kExists);
  EXPECT_EQ(sys_errno(env.open("/link", Env::OpenMode::kRead)), ELOOP);
  EXPECT_EQ(sys_errno(env.open("/a/x", Env::OpenMode::kRead)), ENOTDIR);
  EXPECT_EQ(code(env.make_directory("/d")), Errc::kExists);
  EXPECT_EQ(code(env.make_directory("/none/d")), Errc::kNotFound);
  EXPECT_EQ(code(env.remove_directory("/d")), Errc::kNotEmpty);
  EXPECT_EQ(sys_errno(env.remove_directory("/a")), ENOTDIR);
  EXPECT_EQ(sys_errno(env.remove_file("/d")), EISDIR);
  EXPECT_EQ(code(env.rename("/a", "/b", false)), Errc::kExists);
  EXPECT_EQ(sys_errno(env.rename("/d", "/d/y", false)), EINVAL);
  EXPECT_EQ(sys_errno(env.rename("/d", "/a", true)), ENOTDIR);
  EXPECT_EQ(sys_errno(env.rename("/a", "/d", true)), EISDIR);
  EXPECT_EQ(sys_errno(env.read_symlink("/a")), EINVAL);
  EXPECT_EQ(sys_errno(env.make_directory("/" + std::string(256, 'x'))), ENAMETOOLONG);
  auto reader = env.open("/a", Env::OpenMode::kRead).value();
  EXPECT_EQ(sys_errno(reader->write_at(0, as_bytes("x"))), EBADF);
}

TEST(SimEnv, ListsAndRenames) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/d"));
  ASSERT_TRUE(create(env, "/a")->write_at(0, as_bytes("x")));
  ASSERT_TRUE(env.make_symlink("target", "/link"));
  ASSERT_TRUE(env.rename("/a", "/d/b", false));
  EXPECT_EQ(env.list("/")->size(), 2U);
  EXPECT_EQ(env.list("/d")->at(0).name, "b");
  EXPECT_EQ(env.read_symlink("link").value(), "target");
  EXPECT_EQ(env.stat("/link")->kind, FileKind::kSymlink);
}

TEST(SimEnv, AnUnlinkedFileLivesWhileItIsOpen) {
  SimEnv env;
  env.set_capacity(512);
  auto file = create(env, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes("x")));
  ASSERT_TRUE(env.remove_file("/a"));
  EXPECT_EQ(file->stat()->size, 1U);
  EXPECT_EQ(env.space("/")->bytes_free, 0U);
  file.reset();
  EXPECT_EQ(env.space("/")->bytes_free, 512U);
}

// --- Faults --------------------------------------------------------------------------------------

TEST(SimEnv, CountsChangingCallsAndAllCalls) {
  SimEnv env;
  auto file = create(env, "/a");                  // change 0
  ASSERT_TRUE(file->write_at(0, as_bytes("x")));  // change 1
  file->start_writeback();
  ASSERT_TRUE(file->stat());
  ASSERT_TRUE(file->sync_data());        // change 2
  ASSERT_TRUE(env.sync_directory("/"));  // change 3
  EXPECT_EQ(env.changes(), 4U);
  EXPECT_EQ(env.calls(), 6U);
}

TEST(SimEnv, TheChosenCallFailsWithTheChosenError) {
  SimEnv env;
  env.fail_change(1, EDQUOT);
  auto file = create(env, "/a");
  const Status failed = file->write_at(0, as_bytes("abc"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().sys_errno, EDQUOT);
  EXPECT_EQ(env.read_all("/a"), "");
  EXPECT_TRUE(file->write_at(0, as_bytes("abc")));
  EXPECT_EQ(env.first_failed(), "write /a (change 1)");
}

TEST(SimEnv, AFailedWriteMayHaveWrittenAPrefix) {
  SimEnv env;
  env.fail_change(1, EIO, 2);
  EXPECT_FALSE(create(env, "/a")->write_at(0, as_bytes("abc")));
  EXPECT_EQ(env.read_all("/a"), "ab");
}

TEST(SimEnv, AHookCanFailAnyCall) {
  SimEnv env;
  auto file = create_durable(env, "/a", "x");
  env.set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kRead && call.path == "/a") return Fault{ENOMEM, 0};
    return std::nullopt;
  });
  EXPECT_EQ(file->read_at(0, {}).error().sys_errno, ENOMEM);
  EXPECT_TRUE(file->sync_data());
}

TEST(SimEnv, AfterPowerOffEveryCallFailsAndChangesNothing) {
  SimEnv env;
  auto file = create_durable(env, "/a", kOld);
  env.power_off_at_change(env.changes() + 1);
  ASSERT_TRUE(file->write_at(0, as_bytes("1")));
  EXPECT_TRUE(file->stat());
  EXPECT_FALSE(file->write_at(0, as_bytes("2")));
  EXPECT_FALSE(file->sync_data());
  EXPECT_FALSE(file->stat());
  EXPECT_FALSE(env.open("/a", Env::OpenMode::kRead));
  EXPECT_FALSE(env.remove_file("/a"));
  EXPECT_EQ(env.read_all("/a"), "1" + kOld.substr(1));
}

TEST(SimEnv, PowerOffMayTearTheWriteItHits) {
  SimEnv env;
  auto file = create_durable(env, "/a", kOld);
  env.power_off_at_change(env.changes(), 3);
  EXPECT_FALSE(file->write_at(0, as_bytes("12345")));
  EXPECT_EQ(env.read_all("/a"), "123" + kOld.substr(3));
}

TEST(SimEnv, AFullDiskRefusesWritesWhole) {
  SimEnv env;
  env.set_capacity(1024);
  auto file = create(env, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes(kOld)));
  const Status failed = file->write_at(512, as_bytes(kNew + kNew));
  EXPECT_EQ(failed.error().code, Errc::kNoSpace);
  EXPECT_EQ(env.read_all("/a"), kOld);
  EXPECT_TRUE(file->write_at(512, as_bytes(kNew)));
  EXPECT_EQ(env.space("/")->bytes_available, 0U);
}

TEST(SimEnv, AFullDiskMayTakeAPrefix) {
  SimEnv env;
  env.set_capacity(1024, true);
  auto file = create(env, "/a");
  EXPECT_EQ(file->write_at(100, as_bytes(kNew + kNew)).error().code, Errc::kNoSpace);
  EXPECT_EQ(env.stat("/a")->size, 1024U);
}

TEST(SimEnv, AFullDiskTakesOverwritesAndGivesSpaceBack) {
  SimEnv env;
  env.set_capacity(512);
  auto file = create(env, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes(kOld)));
  EXPECT_TRUE(file->write_at(0, as_bytes(kNew)));
  auto other = create(env, "/b");
  EXPECT_FALSE(other->write_at(0, as_bytes("x")));
  ASSERT_TRUE(file->truncate(0));
  EXPECT_TRUE(other->write_at(0, as_bytes("x")));
}

// --- Kill
// ------------------------------------------------------------------------------------------

TEST(SimEnv, AKillKeepsEverythingWritten) {
  SimEnv env;
  ASSERT_TRUE(create(env, "/a")->write_at(0, as_bytes("text")));
  const auto later = env.after_kill();
  EXPECT_EQ(later->read_all("/a"), "text");
  EXPECT_EQ(later->boot_id(), env.boot_id());
}

TEST(SimEnv, AfterAKillUnsyncedDataIsStillUnsynced) {
  SimEnv env;
  create_durable(env, "/a", kOld);
  ASSERT_TRUE(env.open("/a", Env::OpenMode::kReadWrite).value()->write_at(0, as_bytes(kNew)));
  create(env, "/b");
  const auto later = env.after_kill();
  EXPECT_EQ(outcomes(*later, "/a"), (Set{kOld, kNew}));
  EXPECT_EQ(presence(*later, {"/b"}), (Set{"0", "1"}));
  ASSERT_TRUE(later->open("/a", Env::OpenMode::kReadWrite).value()->sync_data());
  EXPECT_EQ(outcomes(*later, "/a"), (Set{kNew}));
}

TEST(SimEnv, AKillInsideASyncLeavesTheDataToTheNextSync) {
  SimEnv env;
  auto file = create_durable(env, "/a", kOld);
  ASSERT_TRUE(file->write_at(0, as_bytes(kNew)));
  env.power_off_at_change(env.changes());
  EXPECT_FALSE(file->sync_data());
  const auto later = env.after_kill();
  EXPECT_EQ(outcomes(*later, "/a"), (Set{kOld, kNew}));
  ASSERT_TRUE(later->open("/a", Env::OpenMode::kRead).value()->sync_data());
  EXPECT_EQ(outcomes(*later, "/a"), (Set{kNew}));
}

TEST(SimEnv, LocksExcludeOthersUntilReleasedOrKilled) {
  SimEnv env;
  auto held = env.lock("/lock");
  ASSERT_TRUE(held);
  EXPECT_EQ(env.lock("/lock").error().code, Errc::kLocked);
  EXPECT_TRUE(env.after_kill()->lock("/lock"));
  held->reset();
  EXPECT_TRUE(env.lock("/lock"));
}

// --- Power loss: contents
// --------------------------------------------------------------------------

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

// --- Power loss: names
// -----------------------------------------------------------------------------

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

// --- Policies
// --------------------------------------------------------------------------------------

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

// --- Clocks, randomness, damage
// ----------------------------------------------------------------------

TEST(SimEnv, ClocksMoveOnlyOnDemand) {
  SimEnv env;
  const Time start = env.now();
  EXPECT_EQ(env.now(), start);
  env.advance(std::chrono::microseconds(600));
  env.advance(std::chrono::microseconds(600));
  EXPECT_EQ(env.now() - start, std::chrono::milliseconds(1));
  EXPECT_EQ(env.since_boot(), std::chrono::microseconds(1200));
  env.set_now(start);
  env.set_since_boot(std::chrono::hours(1));
  EXPECT_EQ(env.after_kill()->since_boot(), std::chrono::hours(1));
  const auto later = env.after_power_loss(Survival::keep_all());
  EXPECT_EQ(later->since_boot(), std::chrono::nanoseconds(0));
  EXPECT_EQ(later->now(), start);
}

TEST(SimEnv, RandomNumbersComeFromTheSeedAndGoOnAfterARestart) {
  SimEnv a(7);
  SimEnv b(7);
  const uint64_t first = a.random();
  EXPECT_EQ(first, b.random());
  EXPECT_NE(a.after_kill()->random(), first);
  EXPECT_NE(SimEnv(8).random(), first);
}

TEST(SimEnv, DamageIsDurable) {
  SimEnv env;
  auto file = create_durable(env, "/a", "abc");
  env.corrupt("/a", 1, 0x20);
  EXPECT_EQ(outcomes(env, "/a"), (Set{"aBc"}));
  env.truncate_raw("/a", 1);
  EXPECT_EQ(outcomes(env, "/a"), (Set{"a"}));
  env.write_raw("/b", "raw");
  EXPECT_EQ(outcomes(env, "/b"), (Set{"raw"}));
}

TEST(SimEnv, DumpShowsBothTrees) {
  SimEnv env;
  ASSERT_TRUE(env.make_directory("/d"));
  ASSERT_TRUE(env.sync_directory("/"));
  ASSERT_TRUE(create(env, "/d/a")->write_at(0, as_bytes("x")));
  EXPECT_EQ(env.dump(),
            "now:\n"
            "  d/\n"
            "    a 1 bytes, not synced\n"
            "on the disk:\n"
            "  d/\n"
            "pending:\n"
            "  make /d/a\n");
}

TEST(SimEnv, ThreadsMayShareIt) {
  SimEnv env;
  auto file = create(env, "/a");
  const auto work = [&](char letter) {
    for (uint64_t i = 0; i < 100; ++i) {
      const uint64_t offset = 2 * i + (letter == 'a' ? 0 : 1);
      EXPECT_TRUE(file->write_at(offset, as_bytes(std::string(1, letter))));
      EXPECT_TRUE(file->sync_data());
    }
  };
  std::thread other(work, 'b');
  work('a');
  other.join();
  EXPECT_EQ(env.read_all("/a").substr(0, 4), "abab");
}

}  // namespace
}  // namespace range
