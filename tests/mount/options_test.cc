#include "mount/options.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rangefs {
namespace {

using std::chrono::milliseconds;

const Invoker kAsRoot{true, "", "/root"};
const Invoker kAsUser{false, "", "/home/me"};

Options parse(const std::vector<std::string>& arguments, const Invoker& invoker = kAsRoot) {
  const auto parsed = parse_options(arguments, invoker);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) {
    ADD_FAILURE() << refusal->message;
    return {};
  }
  return std::get<Options>(parsed);
}

Refusal refused(const std::vector<std::string>& arguments, const Invoker& invoker = kAsRoot) {
  const auto parsed = parse_options(arguments, invoker);
  if (const auto* refusal = std::get_if<Refusal>(&parsed)) return *refusal;
  ADD_FAILURE() << "accepted";
  return {0, ""};
}

bool has(const Options& options, std::string_view name) {
  return std::ranges::find(options.fuse, name) != options.fuse.end();
}

TEST(Options, StoreAndMountpointAreGivenInThisOrder) {
  const Options options = parse({"/data", "/mnt"});
  EXPECT_EQ(options.store, "/data");
  EXPECT_EQ(options.mountpoint, "/mnt");
  EXPECT_FALSE(options.default_store);
  EXPECT_FALSE(options.foreground);
  EXPECT_TRUE(has(options, "fsname=/data"));
  EXPECT_TRUE(has(options, "subtype=rangefs"));
  EXPECT_TRUE(has(options, "default_permissions"));
}

TEST(Options, DefaultStoreDependsOnTheUser) {
  EXPECT_EQ(parse({"/mnt"}, kAsRoot).store, "/var/lib/rangefs");
  EXPECT_TRUE(parse({"/mnt"}, kAsRoot).default_store);
  EXPECT_EQ(parse({"/mnt"}, kAsUser).store, "/home/me/.local/share/rangefs");
  EXPECT_EQ(parse({"/mnt"}, {false, "/data", "/home/me"}).store, "/data/rangefs");
  EXPECT_EQ(parse({"/mnt"}, {false, "data", "/home/me"}).store, "/home/me/.local/share/rangefs");
  EXPECT_EQ(refused({"/mnt"}, {false, "", ""}).exit_status, 1);
}

TEST(Options, RootLetsOthersInUnlessToldOtherwise) {
  EXPECT_TRUE(has(parse({"/mnt"}, kAsRoot), "allow_other"));
  EXPECT_FALSE(has(parse({"/mnt", "-o", "no_allow_other"}, kAsRoot), "allow_other"));
  EXPECT_FALSE(has(parse({"/mnt"}, kAsUser), "allow_other"));
  EXPECT_TRUE(has(parse({"/mnt", "-o", "allow_other"}, kAsUser), "allow_other"));
}

TEST(Options, AsMountCallsItsHelpers) {
  const Options options =
      parse({"/data", "/mnt", "-o",
             "rw,dev,suid,noatime,defaults,noauto,nofail,user,_netdev,x-systemd.automount,"
             "x-foo=bar,relatime,comment=mine,sync"});
  EXPECT_TRUE(has(options, "rw"));
  EXPECT_TRUE(has(options, "suid"));
  EXPECT_TRUE(has(options, "noatime"));
  EXPECT_TRUE(has(options, "sync"));
  for (const char* ignored : {"defaults", "noauto", "nofail", "user", "_netdev", "relatime"}) {
    EXPECT_FALSE(has(options, ignored)) << ignored;
  }
}

// mount(8) repeats what the kernel says of the mount, or what stands in fstab.
TEST(Options, AsMountRemounts) {
  const Options options =
      parse({"/data", "/mnt", "-o",
             "ro,noatime,remount,user_id=0,group_id=0,default_permissions,allow_other,dev,suid"});
  EXPECT_TRUE(options.remount);
  EXPECT_EQ(options.given.size(), 9U);
  EXPECT_FALSE(has(options, "user_id=0"));
  EXPECT_FALSE(parse({"/data", "/mnt"}).remount);
}

TEST(Options, EverythingThatFstabAndSystemdMeanForThemselvesIsIgnored) {
  for (const char* option : {"defaults",
                             "auto",
                             "noauto",
                             "user",
                             "users",
                             "nouser",
                             "owner",
                             "group",
                             "nofail",
                             "_netdev",
                             "relatime",
                             "strictatime",
                             "lazytime",
                             "nodiratime",
                             "comment=systemd.automount",
                             "x-systemd.requires=/srv",
                             "x-systemd.device-timeout=5",
                             "x-gvfs-show",
                             "x-initrd.mount",
                             "X-mount.mkdir",
                             "X-mount.owner=me",
                             "user=me",
                             "uhelper=udisks2",
                             "nosymfollow"}) {
    const Options options = parse({"/data", "/mnt", "-o", option});
    EXPECT_FALSE(has(options, option)) << option;
  }
}

TEST(Options, OwnOptionsAreParsed) {
  const Options options = parse(
      {"/data", "-o", "chunk_size=1M,sync_interval=250ms", "/mnt", "-o", "framing=write,ro", "-f"});
  EXPECT_EQ(options.engine.chunk_size, uint64_t{1} << 20);
  EXPECT_EQ(options.engine.sync_interval, milliseconds(250));
  EXPECT_EQ(options.engine.framing, range::Framing::kWrite);
  EXPECT_TRUE(options.engine.read_only);
  EXPECT_TRUE(options.foreground);
  EXPECT_TRUE(has(options, "ro"));
  EXPECT_TRUE(parse({"/mnt", "-d"}).foreground);
  EXPECT_TRUE(parse({"/mnt", "-d"}).debug);
}

TEST(Options, FsnameAndSubtypeCanBeChosen) {
  const Options options = parse({"/data", "/mnt", "-o", "fsname=a,subtype=b"});
  EXPECT_TRUE(has(options, "fsname=a"));
  EXPECT_TRUE(has(options, "subtype=b"));
  EXPECT_FALSE(has(options, "fsname=/data"));
  EXPECT_FALSE(has(options, "subtype=rangefs"));
}

TEST(Options, UnknownKeysAndValuesAreRefusedByName) {
  for (const char* bad :
       {"nonsense", "nonsense=1", "chunk_size", "chunk_size=", "chunk_size=1", "chunk_size=3G",
        "chunk_size=1Q", "chunk_size=-1M", "sync_interval=0s", "sync_interval=5",
        "sync_interval=1y", "sync_interval=53w", "sync_interval=9223372036854775807ms",
        "framing=record", "framing", "max_bytes=1G", "user_id=0", "list_control"}) {
    const Refusal refusal = refused({"/data", "/mnt", "-o", bad});
    EXPECT_EQ(refusal.exit_status, 2) << bad;
    EXPECT_NE(refusal.message.find(bad), std::string::npos) << refusal.message;
    EXPECT_EQ(refusal.message.find('\n'), std::string::npos);
  }
}

TEST(Options, AMissingValueIsToldFromAnUnknownOption) {
  EXPECT_EQ(refused({"/data", "/mnt", "-o", "chunk_size"}).message,
            "option 'chunk_size': a value is expected");
  EXPECT_EQ(refused({"/data", "/mnt", "-o", "nonsense=1"}).message, "unknown option 'nonsense=1'");
}

TEST(Options, EmptyOptionsMeanNothing) {
  EXPECT_TRUE(parse({"/data", "/mnt", "-o", ",ro,,"}).engine.read_only);
  EXPECT_EQ(parse({"/data", "/mnt", "-o", ""}).store, "/data");
}

TEST(Options, WrongUsageIsToldApart) {
  EXPECT_EQ(refused({}).exit_status, 2);
  EXPECT_EQ(refused({"a", "b", "c"}).exit_status, 2);
  EXPECT_EQ(refused({"-x", "/mnt"}).exit_status, 2);
  EXPECT_EQ(refused({"/data", ""}).exit_status, 2);
}

TEST(Options, HelpAndVersionNeedNothingElse) {
  EXPECT_TRUE(parse({"-h"}).help);
  EXPECT_TRUE(parse({"--help"}).help);
  EXPECT_TRUE(parse({"-V"}).version);
}

TEST(Options, Sizes) {
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("64k"), 65536U);
  EXPECT_EQ(parse_size("64K"), 65536U);
  EXPECT_EQ(parse_size("3T"), uint64_t{3} << 40);
  for (const char* bad : {"", "k", "1kk", "1 k", "-1", "+1", "0x10", "1.5M", "99999999999999999999",
                          "9223372036854775808", "9000000000G"}) {
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
  }
}

TEST(Options, Durations) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("1s"), milliseconds(1000));
  EXPECT_EQ(parse_duration("2m"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(parse_duration("1d"), milliseconds(86'400'000));
  EXPECT_EQ(parse_duration("1w"), milliseconds(604'800'000));
  for (const char* bad : {"", "s", "1", "1S", "-1s", "1.5s", "9223372036854775807w"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace rangefs
