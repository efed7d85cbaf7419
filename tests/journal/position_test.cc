#include "journal/position.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace range {
namespace {

using std::chrono::milliseconds;

constexpr Time kNow{milliseconds(1'763'802'000'250)};  // 2025-11-22T09:00:00.250Z

// The spec in a form that can be compared and printed.
std::string describe(const PositionSpec& spec) {
  struct Describe {
    std::string operator()(AtStart) const { return "start"; }
    std::string operator()(AtEnd) const { return "end"; }
    std::string operator()(RecordNumber number) const {
      return "record " + std::to_string(number.value());
    }
    std::string operator()(BeforeEnd back) const {
      return "before end " + std::to_string(back.records);
    }
    std::string operator()(AfterHere here) const {
      return "after here " + std::to_string(here.records);
    }
    std::string operator()(Time time) const {
      return "ms " + std::to_string(time.time_since_epoch().count());
    }
    std::string operator()(ByteOffset byte) const { return "byte " + std::to_string(byte.value()); }
    std::string operator()(const Position& position) const {
      return "chunk " + std::to_string(position.chunk.value()) + " record " +
             std::to_string(position.record);
    }
  };
  return std::visit(Describe{}, spec);
}

std::string parsed(std::string_view text) {
  const auto spec = parse_position(text, kNow);
  if (spec) return describe(*spec);
  EXPECT_EQ(spec.error().code, Errc::kInvalid) << text;
  return "invalid";
}

struct WrittenPosition {
  std::string text;
  std::string expected;
};

void expect_all(const std::vector<WrittenPosition>& cases) {
  for (const WrittenPosition& each : cases)
    EXPECT_EQ(parsed(each.text), each.expected) << each.text;
}

// Sets the local time zone for the life of the object.
class LocalZone {
 public:
  explicit LocalZone(const char* zone) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    set(zone);
  }
  ~LocalZone() { set(before_.empty() ? nullptr : before_.c_str()); }
  LocalZone(const LocalZone&) = delete;
  LocalZone& operator=(const LocalZone&) = delete;

 private:
  static void set(const char* zone) {
    if (zone == nullptr) {
      ::unsetenv("TZ");
    } else {
      ::setenv("TZ", zone, 1);
    }
    ::tzset();
  }
  std::string before_;
};

TEST(Position, EndsAndRecordNumbers) {
  expect_all({
      {"start", "start"},
      {"end", "end"},
      {"0", "record 0"},
      {"42", "record 42"},
      {"007", "record 7"},
      {"18446744073709551615", "record 18446744073709551615"},
      {"18446744073709551616", "invalid"},
      {"-10", "before end 10"},
      {"-0", "before end 0"},
      {"+10", "after here 10"},
      {"+0", "after here 0"},
      {"-18446744073709551615", "before end 18446744073709551615"},
      {"-18446744073709551616", "invalid"},
      {"+18446744073709551616", "invalid"},
  });
}

TEST(Position, DurationsCountBackFromNow) {
  expect_all({
      {"-0s", "ms 1763802000250"},
      {"-1s", "ms 1763801999250"},
      {"-15m", "ms 1763801100250"},
      {"-2h", "ms 1763794800250"},
      {"-1d", "ms 1763715600250"},
      {"-1w", "ms 1763197200250"},
      {"-4000w", "ms -655397999750"},  // before 1970, and so before every record
      {"-9223372036854775s", "ms -9223370273052774750"},
      {"-9223372036854775807s", "invalid"},
      {"-9223372036854775808s", "invalid"},
      {"-99999999999999999w", "invalid"},
      {"-1y", "invalid"},
      {"-1M", "invalid"},
      {"-1ms", "invalid"},
      {"-1.5h", "invalid"},
      {"-m", "invalid"},
      {"+15m", "invalid"},
      {"15m", "invalid"},
  });
}

TEST(Position, UnixTimes) {
  expect_all({
      {"@0", "ms 0"},
      {"@1763802000", "ms 1763802000000"},
      {"@1763802000.5", "ms 1763802000500"},
      {"@1763802000.123", "ms 1763802000123"},
      {"@1763802000.1230000000", "ms 1763802000123"},
      {"@9223372036854775.807", "ms 9223372036854775807"},
      {"@9223372036854775.808", "invalid"},
      {"@9223372036854776", "invalid"},
      {"@99999999999999999999", "invalid"},
      {"@", "invalid"},
      {"@.5", "invalid"},
      {"@1.", "invalid"},
      {"@-1", "invalid"},
      {"@1.2.3", "invalid"},
      {"@1e3", "invalid"},
  });
}

TEST(Position, FractionsAreRoundedUpToMilliseconds) {
  expect_all({
      {"@1.0001", "ms 1001"},
      {"@1.123000001", "ms 1124"},
      {"@1.9990000000000000000000000000001", "ms 2000"},
      {"@1.9999", "ms 2000"},
      {"1970-01-01T00:00:01.0000001Z", "ms 1001"},
      {"1969-12-31T23:59:59.9991Z", "ms 0"},
  });
}

TEST(Position, Rfc3339TimesWithAZone) {
  expect_all({
      {"2025-11-22T09:00:00Z", "ms 1763802000000"},
      {"2025-11-22t09:00:00z", "ms 1763802000000"},
      {"2025-11-22 09:00:00Z", "ms 1763802000000"},
      {"2025-11-22T09:00:00.123Z", "ms 1763802000123"},
      {"2025-11-22T10:00:00+01:00", "ms 1763802000000"},
      {"2025-11-22T10:00:00+0100", "ms 1763802000000"},
      {"2025-11-22T03:30:00-0530", "ms 1763802000000"},
      {"2025-11-22T09:00:00-00:00", "ms 1763802000000"},
      {"2025-11-23T08:59:00+23:59", "ms 1763802000000"},
      {"1970-01-01T00:00:00Z", "ms 0"},
      {"1969-12-31T23:59:59Z", "ms -1000"},
      {"0000-01-01T00:00:00Z", "ms -62167219200000"},
      {"9999-12-31T23:59:59.999Z", "ms 253402300799999"},
      {"2024-02-29T00:00:00Z", "ms 1709164800000"},
      {"2000-02-29T00:00:00Z", "ms 951782400000"},
  });
}

TEST(Position, DatesThatDoNotExistAreRefused) {
  for (const char* text :
       {"2026-02-30T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60", "2026-02-30"}) {
    EXPECT_EQ(parsed(text), "invalid") << text;
  }
}

TEST(Position, ALeapSecondIsTheNextSecondAndOnlyAtTheEndOfAUtcDay) {
  expect_all({
      {"2016-12-31T23:59:60Z", "ms 1483228800000"},
      {"2016-12-31T23:59:60.5Z", "ms 1483228800500"},
      {"2017-01-01T00:59:60+01:00", "ms 1483228800000"},
      {"2016-12-31T15:59:60-08:00", "ms 1483228800000"},
      {"2016-12-31T23:58:60Z", "invalid"},
      {"2016-12-31T23:59:60+01:00", "invalid"},
  });
}

TEST(Position, MalformedTimesAreRefused) {
  for (const char* text : {"2026-11-22T",
                           "2026-11-22T09",
                           "2026-11-22T09:00",
                           "2026-11-22T09:00Z",
                           "2026-11-22T9:00:00Z",
                           "2026-1-22T09:00:00Z",
                           "2026-11-22T09:00:00.Z",
                           "2026-11-22T09:00:00,5Z",
                           "2026-11-22T09:00:00ZZ",
                           "2026-11-22T09:00:00 Z",
                           "2026-11-22T09:00:00+1:00",
                           "2026-11-22T09:00:00+01",
                           "2026-11-22T09:00:00+01:0",
                           "2026-11-22T09:00:00 UTC",
                           "20261122T090000Z",
                           "12026-11-22T09:00:00Z",
                           "26-11-22",
                           "2026/11/22",
                           "2026-11",
                           "2026-11-22Z",
                           "2026-11-22 ",
                           "09:00:00"}) {
    EXPECT_EQ(parsed(text), "invalid") << text;
  }
}

TEST(Position, NoZoneMeansLocalTime) {
  const LocalZone zone("XST-01:00");  // one hour ahead of UTC, all year
  expect_all({
      {"2025-11-22T10:00:00", "ms 1763802000000"},
      {"2025-11-22 10:00:00.5", "ms 1763802000500"},
      {"2025-11-22T09:00:00Z", "ms 1763802000000"},
      {"2025-11-22", "ms 1763766000000"},
      {"1970-01-01T00:59:59", "ms -1000"},  // what mktime(3) also returns for errors
      {"1970-01-01", "ms -3600000"},
      {"2017-01-01T00:59:60", "ms 1483228800000"},
  });
}

TEST(Position, LocalTimeFollowsSummerTime) {
  const LocalZone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  expect_all({
      {"2025-01-15T12:00:00", "ms 1736938800000"},  // 11:00 UTC
      {"2025-07-15T12:00:00", "ms 1752573600000"},  // 10:00 UTC
  });
}

TEST(Position, TwentyFourHexDigitsAreAPosition) {
  expect_all({
      {"000000000000000000000000", "chunk 0 record 0"},
      {"0000000000000001000000FF", "chunk 1 record 255"},
      {"0000000000000001000000ff", "chunk 1 record 255"},
      {"FFFFFFFFFFFFFFFFFFFFFFFF", "chunk 18446744073709551615 record 4294967295"},
      {"123456789012345678901234", "chunk 1311768467284833366 record 2022707764"},
      {"00000000000000010000000", "record 10000000"},  // 23 decimal digits are a number
      {"0000000000000000000000000", "record 0"},       // and so are 25
      {"0000000000000001000000F", "invalid"},
      {"0000000000000001000000FFF", "invalid"},
      {"0x00000000000001000000FF", "invalid"},
      {"0000000000000001 00000FF", "invalid"},
      {"000000000000000G000000FF", "invalid"},
      {"-00000000000000100000000", "before end 100000000"},
      {"0000000000000001-0000001", "invalid"},
  });
}

TEST(Position, AnythingElseIsRefused) {
  for (const char* text : {"", " ", "start ", " start", "START", "End", "beginning", "4 2", "42\n",
                           "+", "-", "--1", "+-1", "-+1", "1.5", "0x10", "1e3", "@@1", "ten"}) {
    EXPECT_EQ(parsed(text), "invalid") << text;
  }
  EXPECT_EQ(parsed(std::string_view("42\0", 3)), "invalid");
  EXPECT_EQ(parse_position("ten", kNow).error().context, "position 'ten'");
}

TEST(Position, PositionsAreWrittenAsTwentyFourDigits) {
  EXPECT_EQ(to_string(Position{ChunkId(1), 255}), "0000000000000001000000FF");
  for (const Position& position : {Position{}, Position{ChunkId(0x18A2B3C4D5E6F708), 12345},
                                   Position{ChunkId(~uint64_t{0}), ~uint32_t{0}}}) {
    const auto spec = parse_position(to_string(position), kNow);
    ASSERT_TRUE(spec);
    EXPECT_EQ(std::get<Position>(*spec), position);
  }
}

TEST(Position, TimesAreWrittenInUtcAndReadBackExactly) {
  EXPECT_EQ(to_string(kNow), "2025-11-22T09:00:00.250Z");
  EXPECT_EQ(to_string(Time{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_string(Time(milliseconds(-1))), "1969-12-31T23:59:59.999Z");
  for (const int64_t ms :
       {0LL, -1LL, 1'763'802'000'250LL, 253'402'300'799'999LL, 951'782'399'999LL}) {
    const auto spec = parse_position(to_string(Time(milliseconds(ms))), kNow);
    ASSERT_TRUE(spec);
    EXPECT_EQ(std::get<Time>(*spec), Time(milliseconds(ms)));
  }
}

}  // namespace
}  // namespace range
