#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <climits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "journal/env/env.h"

namespace range {
namespace {

class EnvPosix : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = boost::filesystem::temp_directory_path() / "range-%%%%-%%%%-%%%%";
    dir_ = boost::filesystem::unique_path(dir_);
    ASSERT_TRUE(env_.make_directory(dir_));
  }
  void TearDown() override {
    boost::system::error_code ignored;
    boost::filesystem::remove_all(dir_, ignored);
  }

  std::unique_ptr<File> create(const std::string& name) {
    return env_.open(dir_ / name, Env::OpenMode::kCreateNew).value();
  }
  std::string read(File& file, uint64_t offset, size_t size) {
    std::string text(size, '\0');
    text.resize(file.read_at(offset, std::as_writable_bytes(std::span(text))).value());
    return text;
  }
  mode_t mode(const Path& path) {
    struct ::stat found {};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0);
    return found.st_mode & 07777;
  }

  Env& env_ = posix_env();
  Path dir_;
};

TEST_F(EnvPosix, WrittenPartsAreReadBackConcatenated) {
  auto file = create("a");
  const std::vector<ConstBytes> parts = {as_bytes("one "), as_bytes(""), as_bytes("two")};
  ASSERT_TRUE(file->write_at(3, parts));
  EXPECT_EQ(read(*file, 3, 100), "one two");
  EXPECT_EQ(read(*file, 0, 3), std::string(3, '\0'));
  EXPECT_EQ(read(*file, 10, 1), "");
}

// What the kernel has dropped from memory; what it has not is there at once.
TEST_F(EnvPosix, TellsWhatIsInMemory) {
  struct ::statfs found {};
  ASSERT_EQ(::statfs(dir_.c_str(), &found), 0);
  if (found.f_type == TMPFS_MAGIC) GTEST_SKIP() << "what is in memory stays there";
  const size_t size = 3 << 20;
  auto file = create("a");
  ASSERT_TRUE(file->write_at(0, as_bytes(std::string(size, 'x'))));
  ASSERT_TRUE(file->sync_data());
  auto region = file->map(0, size + page_bytes(), File::Access::kRead).value();
  std::vector<std::byte> into(size + 1);
  EXPECT_EQ(region->in_memory(0, size), size);
  EXPECT_EQ(region->in_memory(page_bytes() - 1, 2), 2U);
  EXPECT_EQ(file->read_at_once(0, into).value(), size);
  EXPECT_EQ(file->read_at_once(size, into).value(), 0U);

  const size_t dropped = 2 << 20;  // whole pages, however large those of the cache are
  const int fd = ::open((dir_ / "a").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::posix_fadvise(fd, off_t(dropped), 0, POSIX_FADV_DONTNEED), 0);
  ::close(fd);
  EXPECT_EQ(region->in_memory(100, size - 100), dropped - 100);
  EXPECT_EQ(region->in_memory(dropped + 10, 1), 0U);
  EXPECT_EQ(file->read_at_once(0, MutableBytes(into).first(dropped)).value(), dropped);
  EXPECT_EQ(file->read_at_once(0, MutableBytes(into).first(dropped + 1)).value(), std::nullopt);
  EXPECT_EQ(file->read_at(0, into).value(), size);
  EXPECT_EQ(region->in_memory(0, size), size);
}

TEST_F(EnvPosix, MorePartsThanOneSystemCallTakesAreAllWritten) {
  auto file = create("a");
  const std::string part(2000, 'x');  // too large to be copied together
  std::vector<ConstBytes> parts(3 * IOV_MAX, as_bytes(part));
  parts.push_back(as_bytes("end"));
  ASSERT_TRUE(file->write_at(0, parts));
  EXPECT_EQ(file->stat()->size, 6000U * IOV_MAX + 3);
  EXPECT_EQ(read(*file, 6000U * IOV_MAX - 1, 4), "xend");
}

TEST_F(EnvPosix, SmallPartsOfAnySizesAreAllWrittenInOrder) {
  auto file = create("a");
  std::vector<std::string> texts;
  for (size_t i = 0; i < 20'000; ++i) texts.emplace_back(i % 40, char('a' + i % 26));
  texts[100] = std::string(128 << 10, 'L');
  texts[101] = std::string(300'000, 'M');
  std::string expected;
  std::vector<ConstBytes> parts;
  for (const std::string& text : texts) {
    parts.emplace_back(as_bytes(text));
    expected += text;
  }
  ASSERT_TRUE(file->write_at(7, parts));
  EXPECT_EQ(read(*file, 7, expected.size() + 1), expected);
}

TEST_F(EnvPosix, FilesAndDirectoriesAreForTheOwnerOnly) {
  create("a");
  ASSERT_TRUE(env_.make_directory(dir_ / "d"));
  ASSERT_TRUE(env_.lock(dir_ / "lock"));
  EXPECT_EQ(mode(dir_ / "a"), 0600U);
  EXPECT_EQ(mode(dir_ / "d"), 0700U);
  EXPECT_EQ(mode(dir_ / "lock"), 0600U);
}

TEST_F(EnvPosix, CreatingWhatExistsIsRefused) {
  create("a");
  const auto again = env_.open(dir_ / "a", Env::OpenMode::kCreateNew);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kExists);
  EXPECT_EQ(again.error().context, "open " + (dir_ / "a").native());
}

TEST_F(EnvPosix, MissingNamesAreNotFound) {
  const Path path = dir_ / "none";
  EXPECT_EQ(env_.open(path, Env::OpenMode::kRead).error().code, Errc::kNotFound);
  EXPECT_EQ(env_.stat(path).error().code, Errc::kNotFound);
  EXPECT_EQ(env_.remove_file(path).error().code, Errc::kNotFound);
  EXPECT_EQ(env_.list(path).error().code, Errc::kNotFound);
  EXPECT_EQ(env_.read_symlink(path).error().code, Errc::kNotFound);
  EXPECT_EQ(env_.sync_directory(path).error().code, Errc::kNotFound);
}

TEST_F(EnvPosix, WritingToAFileOpenForReadingFails) {
  create("a");
  auto file = env_.open(dir_ / "a", Env::OpenMode::kRead).value();
  const Status written = file->write_at(0, as_bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().sys_errno, EBADF);
  EXPECT_EQ(written.error().context, "pwritev " + (dir_ / "a").native());
}

TEST_F(EnvPosix, TruncateChangesTheSize) {
  auto file = create("a");
  ASSERT_TRUE(file->write_at(0, as_bytes("abcdef")));
  ASSERT_TRUE(file->truncate(2));
  EXPECT_EQ(read(*file, 0, 10), "ab");
  ASSERT_TRUE(file->truncate(4));
  EXPECT_EQ(read(*file, 0, 10), std::string("ab\0\0", 4));
}

TEST_F(EnvPosix, ADirectoryIsModifiedByWhatHappensInIt) {
  const struct timespec long_ago[2] = {{1000, 5'000'000}, {1000, 5'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, dir_.c_str(), long_ago, 0), 0);
  EXPECT_EQ(env_.stat(dir_)->modified, Time(std::chrono::milliseconds(1'000'005)));
  create("a");
  EXPECT_GT(env_.stat(dir_)->modified, Time(std::chrono::milliseconds(1'000'005)));
}

TEST_F(EnvPosix, ATimeOfModificationIsSetToTheNanosecond) {
  for (const int64_t ns : {int64_t{1'234'567'890'123'456'789}, int64_t{-1}, int64_t{0}}) {
    const auto before = env_.stat(dir_);
    ASSERT_TRUE(env_.set_modified(dir_, Timestamp(std::chrono::nanoseconds(ns))));
    EXPECT_EQ(env_.stat(dir_)->modified, Timestamp(std::chrono::nanoseconds(ns)));
    EXPECT_GE(env_.stat(dir_)->changed, before->changed);
  }
  EXPECT_EQ(env_.set_modified(dir_ / "none", Timestamp()).error().code, Errc::kNotFound);
}

TEST_F(EnvPosix, PrefetchChangesNothing) {
  auto file = create("a");
  ASSERT_TRUE(file->write_at(0, as_bytes("abcdef")));
  file->prefetch(0, 4096);
  file->prefetch(1 << 20, 4096);  // far behind the end
  EXPECT_EQ(read(*file, 0, 10), "abcdef");
  EXPECT_EQ(file->stat()->size, 6U);
}

TEST_F(EnvPosix, SyncsSucceed) {
  auto file = create("a");
  ASSERT_TRUE(file->write_at(0, as_bytes("abcdef")));
  file->start_writeback();
  EXPECT_TRUE(file->sync_data());
  EXPECT_TRUE(env_.sync_directory(dir_));
  EXPECT_TRUE(env_.sync_filesystem(dir_));
  EXPECT_TRUE(env_.sync_filesystem(dir_ / "a"));
}

TEST_F(EnvPosix, SymbolicLinksAreReadButNeverFollowed) {
  create("a");
  const std::string target(1000, 't');
  ASSERT_TRUE(env_.make_symlink(target, dir_ / "long"));
  EXPECT_EQ(env_.read_symlink(dir_ / "long").value(), target);
  ASSERT_TRUE(env_.make_symlink("a", dir_ / "link"));
  EXPECT_EQ(env_.stat(dir_ / "link")->kind, FileKind::kSymlink);
  const auto opened = env_.open(dir_ / "link", Env::OpenMode::kRead);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().sys_errno, ELOOP);
  ASSERT_TRUE(env_.make_symlink(".", dir_ / "dot"));
  EXPECT_FALSE(env_.list(dir_ / "dot"));
}

// Also when entries come and go between the pages, those that stay are listed once.
TEST_F(EnvPosix, PagesOfADirectoryHaveEveryEntryOnce) {
  for (int i = 0; i < 3000; ++i) create("stays" + std::to_string(i));
  for (int i = 0; i < 1000; ++i) create("goes" + std::to_string(i));
  std::set<std::string> found;
  int pages = 0;
  for (std::optional<uint64_t> next = 0; next; ++pages) {
    const auto page = env_.list(dir_, *next, 100);
    ASSERT_TRUE(page) << to_string(page.error());
    ASSERT_LE(page->entries.size(), 100U);
    for (const DirectoryEntry& entry : page->entries) {
      EXPECT_TRUE(found.insert(entry.name).second) << entry.name;
    }
    next = page->next;
    if (pages < 20) {
      for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(env_.remove_file(dir_ / ("goes" + std::to_string(pages * 50 + i))));
        create("new" + std::to_string(pages * 50 + i));
      }
    }
  }
  for (int i = 0; i < 3000; ++i) EXPECT_TRUE(found.contains("stays" + std::to_string(i)));
  EXPECT_GT(pages, 30);
}

TEST_F(EnvPosix, EveryEntryOfADirectorySaysWhereToGoOnBehindIt) {
  for (int i = 0; i < 500; ++i) create("file" + std::to_string(i));
  const auto all = env_.list(dir_).value();
  for (size_t i = 0; i < all.size(); ++i) {
    const auto rest = env_.list(dir_, all[i].next, 1).value();
    if (i + 1 == all.size()) {
      EXPECT_TRUE(rest.entries.empty());
    } else {
      ASSERT_EQ(rest.entries.size(), 1U);
      EXPECT_EQ(rest.entries[0].name, all[i + 1].name);
    }
  }
}

TEST_F(EnvPosix, ListNamesEveryEntryWithItsKind) {
  create("file");
  ASSERT_TRUE(env_.make_directory(dir_ / "dir"));
  ASSERT_TRUE(env_.make_symlink("x", dir_ / "link"));
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  auto entries = env_.list(dir_).value();
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].name, "dir");
  EXPECT_EQ(entries[0].kind, FileKind::kDirectory);
  EXPECT_EQ(entries[1].name, "file");
  EXPECT_EQ(entries[1].kind, FileKind::kRegular);
  EXPECT_EQ(entries[2].kind, FileKind::kSymlink);
  EXPECT_EQ(entries[3].kind, FileKind::kOther);
}

TEST_F(EnvPosix, RenameReplacesOnlyWhenAsked) {
  ASSERT_TRUE(create("a")->write_at(0, as_bytes("new")));
  create("b");
  EXPECT_EQ(env_.rename(dir_ / "a", dir_ / "b", false).error().code, Errc::kExists);
  EXPECT_EQ(env_.stat(dir_ / "b")->size, 0U);
  ASSERT_TRUE(env_.rename(dir_ / "a", dir_ / "b", true));
  EXPECT_EQ(env_.stat(dir_ / "b")->size, 3U);
  ASSERT_TRUE(env_.rename(dir_ / "b", dir_ / "c", false));
  EXPECT_EQ(env_.rename(dir_ / "b", dir_ / "d", false).error().code, Errc::kNotFound);
}

TEST_F(EnvPosix, DirectoriesWithEntriesAreNotRemoved) {
  ASSERT_TRUE(env_.make_directory(dir_ / "d"));
  create("d/a");
  EXPECT_EQ(env_.remove_directory(dir_ / "d").error().code, Errc::kNotEmpty);
  ASSERT_TRUE(env_.remove_file(dir_ / "d/a"));
  EXPECT_TRUE(env_.remove_directory(dir_ / "d"));
}

TEST_F(EnvPosix, SpaceAddsUp) {
  const Space space = env_.space(dir_).value();
  EXPECT_GT(space.bytes_total, 0U);
  EXPECT_LE(space.bytes_free, space.bytes_total);
  EXPECT_LE(space.bytes_available, space.bytes_free);
}

TEST_F(EnvPosix, StatCountsBlocksInUse) {
  auto file = create("a");
  ASSERT_TRUE(file->truncate(1 << 20));
  EXPECT_LT(file->stat()->disk_bytes, uint64_t{1} << 20);
  EXPECT_EQ(file->stat()->inode, env_.stat(dir_ / "a")->inode);
}

TEST_F(EnvPosix, ClocksAdvanceAndTheBootIdStays) {
  const auto before = env_.since_boot();
  EXPECT_LE(before, env_.since_boot());
  EXPECT_GT(env_.now(), Time(std::chrono::sys_days(std::chrono::year(2020) / 1 / 1)));
  EXPECT_EQ(env_.boot_id(), env_.boot_id());
  EXPECT_NE(env_.boot_id(), BootId{});
  EXPECT_NE(env_.random(), env_.random());
}

// 30 names of 200 bytes: more than a system call takes as one path.
TEST_F(EnvPosix, PathsMayBeLongerThanOneSystemCallTakes) {
  Path deep = dir_;
  for (int i = 0; i < 30; ++i) {
    deep /= std::string(200, 'd');
    ASSERT_TRUE(env_.make_directory(deep));
  }
  ASSERT_GT(deep.size(), size_t{PATH_MAX});
  ASSERT_TRUE(env_.open(deep / "a", Env::OpenMode::kCreateNew));
  ASSERT_TRUE(env_.open(deep / "a", Env::OpenMode::kReadWrite));
  ASSERT_TRUE(env_.make_symlink("target", deep / "link"));
  EXPECT_EQ(env_.read_symlink(deep / "link").value(), "target");
  EXPECT_EQ(env_.open(deep / "link", Env::OpenMode::kRead).error().sys_errno, ELOOP);
  EXPECT_EQ(env_.stat(deep / "a")->kind, FileKind::kRegular);
  EXPECT_TRUE(env_.set_modified(deep / "a", Timestamp()));
  EXPECT_EQ(env_.stat(deep / "a")->modified, Timestamp());
  EXPECT_EQ(env_.rename(deep / "a", deep / "link", false).error().code, Errc::kExists);
  EXPECT_TRUE(env_.exchange(deep / "a", deep / "link"));
  EXPECT_EQ(env_.stat(deep / "a")->kind, FileKind::kSymlink);
  EXPECT_TRUE(env_.rename(deep / "link", dir_ / "near", false));
  EXPECT_TRUE(env_.rename(dir_ / "near", deep / "far", true));
  EXPECT_EQ(env_.list(deep)->size(), 2U);
  EXPECT_TRUE(env_.sync_directory(deep));
  EXPECT_TRUE(env_.remove_file(deep / "a"));
  EXPECT_TRUE(env_.remove_file(deep / "far"));
  EXPECT_TRUE(env_.remove_directory(deep));
  EXPECT_EQ(env_.stat(deep).error().code, Errc::kNotFound);
}

TEST_F(EnvPosix, LongPathsLeadThroughNoLink) {
  const Path middle = dir_ / std::string(200, 'd');
  ASSERT_TRUE(env_.make_directory(middle));
  Path way = middle;
  for (int i = 0; i < 2000 && way.size() < PATH_MAX - 100; ++i) way /= ".";
  ASSERT_TRUE(env_.make_symlink(".", middle / "link"));
  // The link ends the first part that is looked up at once.
  way /= "link";
  EXPECT_EQ(env_.stat(way / std::string(200, 'x')).error().sys_errno, ENOTDIR);
}

TEST_F(EnvPosix, NamesThatAreTooLongAreRefused) {
  EXPECT_EQ(env_.stat(dir_ / std::string(5000, 'x')).error().sys_errno, ENAMETOOLONG);
  EXPECT_EQ(env_.make_directory(dir_ / std::string(5000, 'x')).error().sys_errno, ENAMETOOLONG);
}

}  // namespace
}  // namespace range
