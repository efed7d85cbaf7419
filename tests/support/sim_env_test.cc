#include "tests/support/sim_env.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "tests/support/sim_outcomes.h"

namespace range {
namespace {

using Set = std::set<std::string>;

// --- The file system as it is without faults ---

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

TEST(SimEnv, APageThatCannotBeReadIsAnErrorToReadsAndInMappings) {
  SimEnv env;
  auto file = create(env, "/a");
  ASSERT_TRUE(file->write_at(0, as_bytes(std::string(3 * kCachePageBytes, 'x'))));
  const auto before = file->map(0, 3 * kCachePageBytes, File::Access::kRead).value();
  env.set_readable("/a", kCachePageBytes + 7, false);
  std::vector<std::byte> byte(1);
  const auto readable = [&](uint64_t at) { return file->read_at(at, byte).has_value(); };
  EXPECT_TRUE(readable(kCachePageBytes - 1));
  EXPECT_FALSE(readable(kCachePageBytes));
  EXPECT_EQ(file->read_at(2 * kCachePageBytes - 1, byte).error().sys_errno, EIO);
  EXPECT_TRUE(readable(2 * kCachePageBytes));
  const auto later = env.after_power_loss(Survival::keep_all());
  EXPECT_FALSE(later->open("/a", Env::OpenMode::kRead).value()->read_at(5000, byte));
  const auto after = file->map(0, 3 * kCachePageBytes, File::Access::kRead).value();
  for (Region* region : {before.get(), after.get()}) {
    const RegionGuard guard(region);
    const auto* bytes = static_cast<const volatile std::byte*>(region->bytes().data());
    EXPECT_TRUE(bytes[kCachePageBytes - 1] == std::byte{'x'});
    EXPECT_FALSE(region->failed());
    EXPECT_TRUE(bytes[kCachePageBytes] == std::byte{0});
    EXPECT_TRUE(region->failed());
  }
  EXPECT_FALSE(file->write_at(kCachePageBytes, as_bytes("y"))) << "what is around must be read";
  EXPECT_EQ(env.read_all("/a")[kCachePageBytes], 'x');
  EXPECT_TRUE(file->write_at(kCachePageBytes, as_bytes(std::string(kCachePageBytes, 'y'))));
  EXPECT_TRUE(readable(kCachePageBytes)) << "the disk has put another sector in its place";
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

// --- Faults ---

TEST(SimEnv, CountsChangingCallsAndAllCalls) {
  SimEnv env;
  auto file = create(env, "/a");                  // change 0
  ASSERT_TRUE(file->write_at(0, as_bytes("x")));  // change 1
  file->start_writeback();
  ASSERT_TRUE(file->stat());
  ASSERT_TRUE(file->sync_data());        // change 2
  ASSERT_TRUE(env.sync_directory("/"));  // opens it; change 3
  EXPECT_EQ(env.changes(), 4U);
  EXPECT_EQ(env.calls(), 7U);
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

// --- Kill ---

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

TEST(SimEnv, SharedLocksExcludeOnlyTheOtherKind) {
  SimEnv env;
  EXPECT_EQ(env.lock_shared("/lock").error().code, Errc::kNotFound);
  {
    const auto held = env.lock("/lock");
    EXPECT_EQ(env.lock_shared("/lock").error().code, Errc::kLocked);
  }
  auto first = env.lock_shared("/lock");
  auto second = env.lock_shared("/lock");
  ASSERT_TRUE(first && second);
  first->reset();
  EXPECT_EQ(env.lock("/lock").error().code, Errc::kLocked);
  second->reset();
  EXPECT_TRUE(env.lock("/lock"));
}

// --- Clocks, randomness, damage ---

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
  b.script_random({7, 8});
  EXPECT_EQ(b.random(), 7U);
  EXPECT_EQ(b.random(), 8U);
  EXPECT_EQ(b.random(), a.random());
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
