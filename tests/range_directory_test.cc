#include "journal/exchange/range_directory.h"

#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <fstream>

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
  EXPECT_NE(found->problems[0].find("_9/a_9"), std::string::npos);
  EXPECT_NE(found->problems[1].find("qq/app\\n: "), std::string::npos);
}

TEST(RangeDirectory, MissingDirectoryIsAnError) {
  EXPECT_FALSE(list_journals("/nonexistent/range"));
  EXPECT_FALSE(list_chunks("/nonexistent/range"));
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
  EXPECT_NE(found->problems[0].find("/ff: not a directory"), std::string::npos);
  EXPECT_NE(found->problems[1].find("/zz: "), std::string::npos);
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
  for (size_t i = 0; const char* path : {"/pp/gopp: ", "/pp/loopp: ", "/pp/topp: not a directory",
                                         "/qq: not a directory", "/zz: "}) {
    EXPECT_NE(found->problems[i].find(path), std::string::npos) << found->problems[i];
    ++i;
  }
}

}  // namespace
}  // namespace range::exchange
