#include "journal/exchange/range_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <fstream>

#include "tests/support/sim_env.h"
#include "tests/support/temporary_directory.h"

namespace range::exchange {
namespace {

void write_file(const Path& path, std::string_view content) {
  boost::filesystem::create_directories(path.parent_path());
  std::ofstream(path.native(), std::ios::binary) << content;
}

TEST(RangeNames, EveryEscapeIsTwoDigits) {
  EXPECT_EQ(escape_name("_/\\`*|;\"':"), "_00_01_02_03_04_05_06_07_08_09");
  EXPECT_EQ(*unescape_name("_00_01_02_03_04_05_06_07_08_09"), "_/\\`*|;\"':");
  EXPECT_EQ(escape_name("web/a_00"), "web_01a_0000");
  EXPECT_EQ(*unescape_name("web_01a_0000"), "web/a_00");
  EXPECT_EQ(*unescape_name("d\xC3\xBC"), "d\xC3\xBC");
}

TEST(RangeNames, MalformedEscapesAreRefused) {
  for (const char* name :
       {"_", "a_", "a_0", "a_10", "a_0x", "a__00", "a*b", "a:b", "a'", "_0a_01"}) {
    const auto unescaped = unescape_name(name);
    ASSERT_FALSE(unescaped) << name;
    EXPECT_EQ(unescaped.error().code, Errc::kInvalid) << name;
  }
}

TEST(RangeNames, PlaceIsBelowTheLastTwoBytes) {
  EXPECT_EQ(*place_of("app"), "pp/app");
  EXPECT_EQ(*place_of("ab"), "ab/ab");
  EXPECT_EQ(*place_of("a/b"), "1b/a_01b");
  EXPECT_EQ(*place_of("a_"), "00/a_00");
  EXPECT_EQ(*place_of("a."), "a./a.");
}

TEST(RangeNames, NoPlaceLeadsOutOfTheRoot) {
  for (const std::string name : {"", ".", "a", "..", "app..", "a/.."}) EXPECT_FALSE(place_of(name));
  EXPECT_EQ(*place_of("*"), "04/_04");
  EXPECT_FALSE(place_of(std::string(256, 'x')));
  EXPECT_FALSE(place_of(std::string(90, '/')));
  EXPECT_TRUE(place_of(std::string(85, '/')));
}

TEST(RangeDirectory, JournalsAreListedByNameAndOthersReported) {
  const TemporaryDirectory root;
  for (const char* path : {"pp/app", "1b/a_01b", "x/x", "qq/app\n", "_9/a_9"}) {
    boost::filesystem::create_directories(root.path() / path);
  }
  write_file(root.path() / "lock", "1");
  write_file(root.path() / "pp/file", "1");
  const auto found = list_journals(root.path());
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->journals, (std::vector<RangeJournal>{{"a/b", root.path() / "1b/a_01b"},
                                                        {"app", root.path() / "pp/app"},
                                                        {"x", root.path() / "x/x"}}));
  ASSERT_EQ(found->problems.size(), 2U);
  EXPECT_NE(found->problems[0].context.find("_9/a_9"), std::string::npos);
  EXPECT_NE(found->problems[1].context.find("qq/app\n has not the name"), std::string::npos);
}

TEST(RangeDirectory, MissingDirectoryIsAnError) {
  EXPECT_FALSE(list_journals("/nonexistent/range"));
  EXPECT_FALSE(list_chunks("/nonexistent/range"));
}

class RangeDirectoryLevels : public testing::Test {
 protected:
  RangeDirectoryLevels() {
    for (const char* journal : {"data/pp/app", "data/pp/pp", "data/1b/a_01b"}) {
      write_file(root_.path() / journal / "18EA5F509AFF0000.dat", "x");
    }
  }

  std::string refusal_of(const char* path) const {
    const auto found = list_journals(root_.path() / path);
    EXPECT_FALSE(found) << path;
    if (found) return {};
    EXPECT_EQ(found.error().code, Errc::kInvalid) << path;
    return to_string(found.error());
  }

  TemporaryDirectory root_;
};

TEST_F(RangeDirectoryLevels, AnotherOneThanTheTopIsRefused) {
  for (const auto& [path, found] : {std::pair("", "/data/1b has not the name of a journal"),
                                    {"data/pp", "/data/pp/app/18EA5F509AFF0000.dat is a chunk"},
                                    {"data/1b", "/data/1b/a_01b/18EA5F509AFF0000.dat is a chunk"},
                                    {"data/pp/app", "/app/18EA5F509AFF0000.dat is a chunk"},
                                    {"data/pp/pp", "/pp/18EA5F509AFF0000.dat is a chunk"}}) {
    const std::string refused = refusal_of(path);
    EXPECT_TRUE(refused.starts_with((root_.path() / path).native() + ": no directory of Range"))
        << refused;
    EXPECT_NE(refused.find(found), std::string::npos) << refused;
  }
  EXPECT_EQ(list_journals(root_.path() / "data")->journals.size(), 3U);
}

TEST_F(RangeDirectoryLevels, WhatHasNothingOfRangeIsRefused) {
  write_file(root_.path() / "files/file", "x");
  write_file(root_.path() / "directories/d/file", "x");
  write_file(root_.path() / "directories/other/file", "x");
  EXPECT_NE(refusal_of("files").find("/files/file is none of Range"), std::string::npos);
  EXPECT_NE(refusal_of("directories").find("/directories/other is none"), std::string::npos);
}

// As Range and an export leave it, before there is a journal, and after all were removed.
TEST_F(RangeDirectoryLevels, OneWithoutJournalsIsNone) {
  for (const char* path : {"empty", "groups/pp", "groups/1b", "disk/lost+found"}) {
    boost::filesystem::create_directories(root_.path() / path);
  }
  write_file(root_.path() / "disk/lost+found/#1234/file", "x");
  for (const char* path : {"empty", "groups", "disk"}) {
    const auto found = list_journals(root_.path() / path);
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_TRUE(found->journals.empty() && found->problems.empty());
  }
}

TEST_F(RangeDirectoryLevels, ChunksInTheWrongPlaceAreReportedBesideJournals) {
  write_file(root_.path() / "data/18EA5F509AFF0001.idx", "x");
  write_file(root_.path() / "data/pp/18EA5F509AFF0001.dat", "x");
  write_file(root_.path() / "data/backup/18EA5F509AFF0001.dat", "x");
  write_file(root_.path() / "data/notes/text", "x");
  const auto found = list_journals(root_.path() / "data");
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->journals.size(), 3U);
  ASSERT_EQ(found->problems.size(), 3U);
  for (size_t i = 0; const char* path : {"/data/18EA5F509AFF0001.idx is a chunk that is in no",
                                         "/data/backup/18EA5F509AFF0001.dat is a chunk",
                                         "/data/pp/18EA5F509AFF0001.dat is a chunk"}) {
    EXPECT_NE(found->problems[i++].context.find(path), std::string::npos);
  }
}

TEST(RangeDirectory, GroupThatCannotBeListedCostsNoOther) {
  SimEnv env;
  for (const char* path : {"/range", "/range/pp", "/range/pp/app", "/range/ab", "/range/ab/ab"}) {
    ASSERT_TRUE(env.make_directory(path));
  }
  env.set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.path != "/range/pp") return std::nullopt;
    return Fault{EACCES, 0};
  });
  const auto found = list_journals("/range", env);
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->journals, (std::vector<RangeJournal>{{"ab", "/range/ab/ab"}}));
  ASSERT_EQ(found->problems.size(), 1U);
  EXPECT_NE(to_string(found->problems[0]).find("/range/pp"), std::string::npos);
  EXPECT_EQ(found->problems[0].sys_errno, EACCES);
}

TEST(RangeDirectory, ChunksAreListedByIdWhateverThereIsOfThem) {
  const TemporaryDirectory root;
  write_file(root.path() / "18EA5F509AFF0000.dat", "x");
  write_file(root.path() / "18EA5F509AFF0000.idx", "");
  write_file(root.path() / "00EA5F509AFF0001.dat", "x");
  write_file(root.path() / "20EA5F509AFF0001.dat", "");
  write_file(root.path() / "30EA5F509AFF0001.idx", "12345678");
  write_file(root.path() / "18ea5f509aff0002.dat", "x");
  write_file(root.path() / "a\nb", "x");
  const auto found = list_chunks(root.path());
  ASSERT_TRUE(found) << to_string(found.error());
  ASSERT_EQ(found->chunks.size(), 4U);
  EXPECT_EQ(found->chunks[0].id, ChunkId(0x00EA5F509AFF0001));
  EXPECT_EQ(found->chunks[1].id, ChunkId(0x18EA5F509AFF0000));
  EXPECT_EQ(found->chunks[1].data, root.path() / "18EA5F509AFF0000.dat");
  EXPECT_EQ(found->chunks[1].index, root.path() / "18EA5F509AFF0000.idx");
  EXPECT_EQ(found->chunks[1].data_bytes, 1U);
  EXPECT_FALSE(found->chunks[2].has_something());
  EXPECT_EQ(found->chunks[3].index_bytes, 8U);
  EXPECT_EQ(found->notes,
            (std::vector<std::string>{"18ea5f509aff0002.dat: not a file of Range, ignored",
                                      "a\\nb: not a file of Range, ignored"}));
}

TEST(RangeDirectory, ChunkThatIsNoFileIsRefused) {
  namespace fs = boost::filesystem;
  const TemporaryDirectory root;
  write_file(root.path() / "link/18EA5F509AFF0000.dat", "x");
  fs::create_symlink("18EA5F509AFF0000.dat", root.path() / "link/18EA5F509AFF0001.dat");
  fs::create_directories(root.path() / "directory/18EA5F509AFF0000.idx");
  fs::create_directories(root.path() / "fifo");
  ASSERT_EQ(::mkfifo((root.path() / "fifo/18EA5F509AFF0000.idx").c_str(), 0600), 0);
  for (const char* file : {"link/18EA5F509AFF0001.dat", "directory/18EA5F509AFF0000.idx",
                           "fifo/18EA5F509AFF0000.idx"}) {
    const auto found = list_chunks((root.path() / file).parent_path());
    ASSERT_FALSE(found) << file;
    EXPECT_EQ(to_string(found.error()), (root.path() / file).native() + " is not a regular file");
  }
}

TEST(RangeDirectory, LinksToDirectoriesAreFollowed) {
  namespace fs = boost::filesystem;
  const TemporaryDirectory work;
  fs::create_directories(work.path() / "elsewhere/pp");
  fs::create_directories(work.path() / "far/app");
  fs::create_directories(work.path() / "real");
  fs::create_directory_symlink(work.path() / "elsewhere/pp", work.path() / "real/pp");
  fs::create_directory_symlink(work.path() / "far/app", work.path() / "elsewhere/pp/app");
  fs::create_directory_symlink(work.path() / "nowhere", work.path() / "real/zz");
  fs::create_directory_symlink(work.path() / "real", work.path() / "root");
  write_file(work.path() / "far/app/18EA5F509AFF0000.dat", "x");
  write_file(work.path() / "file", "x");
  fs::create_symlink(work.path() / "file", work.path() / "real/ff");
  const auto found = list_journals(work.path() / "root");
  ASSERT_TRUE(found) << to_string(found.error());
  ASSERT_EQ(found->journals.size(), 1U);
  EXPECT_EQ(found->journals[0].name, "app");
  EXPECT_EQ(list_chunks(found->journals[0].directory)->chunks.size(), 1U);
  ASSERT_EQ(found->problems.size(), 2U);
  EXPECT_NE(found->problems[0].context.find("/ff is not a directory"), std::string::npos);
  EXPECT_NE(found->problems[1].context.find("/zz is a link that"), std::string::npos);
}

TEST(RangeDirectory, WhatIsNoDirectoryWhereAJournalIsExpectedIsReported) {
  namespace fs = boost::filesystem;
  const TemporaryDirectory root;
  fs::create_directories(root.path() / "pp/app");
  write_file(root.path() / "pp/topp", "x");
  write_file(root.path() / "qq", "x");
  fs::create_directory_symlink("loopp", root.path() / "pp/loopp");
  fs::create_directory_symlink("nowhere", root.path() / "pp/gopp");
  fs::create_directory_symlink("zz", root.path() / "zz");
  const auto found = list_journals(root.path());
  ASSERT_TRUE(found) << to_string(found.error());
  EXPECT_EQ(found->journals.size(), 1U);
  ASSERT_EQ(found->problems.size(), 5U);
  for (size_t i = 0; const char* path :
                     {"/pp/gopp is a link", "/pp/loopp is a link", "/pp/topp is not a directory",
                      "/qq is not a directory", "/zz is a link"}) {
    EXPECT_NE(found->problems[i].context.find(path), std::string::npos)
        << found->problems[i].context;
    ++i;
  }
}

}  // namespace
}  // namespace range::exchange
