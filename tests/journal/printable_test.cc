#include "journal/printable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace range {
namespace {

std::string text_of(unsigned byte) { return std::string(1, static_cast<char>(byte)); }

bool stays_on_its_line(const std::string& text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; });
}

TEST(Printable, EscapesAreWhatTheHeaderSays) {
  EXPECT_EQ(printable("a\nb\tc\rd\\e"), "a\\nb\\tc\\rd\\\\e");
  EXPECT_EQ(printable(std::string("\x00\x1b\x1f\x7f", 4)), "\\x00\\x1b\\x1f\\x7f");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, CountsAreOfOneOrOfMore) {
  EXPECT_EQ(counted(0, "record"), "0 records");
  EXPECT_EQ(counted(1, "record"), "1 record");
  EXPECT_EQ(counted(2, "record"), "2 records");
}

TEST(Printable, OtherBytesStayAsTheyAre) {
  EXPECT_EQ(printable("a b/d\xC3\xBC\xFF~"), "a b/d\xC3\xBC\xFF~");
}

TEST(Printable, EveryByteIsReadBack) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string text = printable(text_of(byte));
    EXPECT_TRUE(stays_on_its_line(text)) << byte;
    EXPECT_EQ(*parse_printable(text), text_of(byte)) << byte;
    EXPECT_EQ(text.size() == 1, byte >= ' ' && byte != 0x7f && byte != '\\') << byte;
  }
}

TEST(Printable, RandomBytesAreReadBack) {
  const unsigned seed = std::random_device()();
  std::mt19937 random(seed);
  // Half of them from what escapes are made of.
  const std::string pieces = "\\nxtr0f\n\x1b\x7f";
  for (int round = 0; round < 10'000; ++round) {
    std::string bytes;
    for (auto left = random() % 40; left > 0; --left) {
      bytes +=
          random() % 2 == 0 ? pieces[random() % pieces.size()] : static_cast<char>(random() % 256);
    }
    const std::string text = printable(bytes);
    ASSERT_TRUE(stays_on_its_line(text)) << "seed " << seed << ": " << text;
    const auto back = parse_printable(text);
    ASSERT_TRUE(back) << "seed " << seed << ": " << text;
    ASSERT_EQ(*back, bytes) << "seed " << seed << ": " << text;
  }
}

TEST(Printable, EveryByteMayBeReadInHex) {
  EXPECT_EQ(*parse_printable("\\x41\\x2F\\x2f\\xff\\x0a"), "A//\xFF\n");
  EXPECT_EQ(*parse_printable("\\x00"), text_of(0));
}

TEST(Printable, MalformedEscapesAreRefused) {
  for (const char* text : {"\\", "a\\", "\\a", "\\x", "\\x1", "\\x1g", "\\xg1", "\\x+1", "\\x 1",
                           "\\x-1", "\\X41", "\\N", "\\\\\\", "\\0", "\\ n"}) {
    const auto parsed = parse_printable(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::kInvalid) << text;
  }
}

TEST(Printable, ErrorsAsTextStayOnTheirLine) {
  const Error error{Errc::kInvalid, 0, "a\nb\\"};
  EXPECT_EQ(to_string(error), "a\\nb\\\\: invalid argument");
  EXPECT_EQ(to_string(Error{Errc::kLocked, 0, "a\nb: locked"}), "a\\nb: locked");
}

}  // namespace
}  // namespace range
