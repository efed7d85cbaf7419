#include "journal/position.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <limits>

namespace range {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads a text from the left. Every take_...() consumes nothing when it does not succeed.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  size_t digits() const {
    return static_cast<size_t>(std::find_if_not(rest_.begin(), rest_.end(), is_digit) -
                               rest_.begin());
  }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // One of `choices`.
  std::optional<char> take_any(std::string_view choices) {
    if (rest_.empty() || choices.find(rest_.front()) == std::string_view::npos) return std::nullopt;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  // All digits there are, at least one; nothing if they do not fit.
  template <typename Number>
  std::optional<Number> take_number() {
    return take_digits<Number>(digits());
  }

  // Exactly `width` digits, whatever follows them.
  std::optional<int> take_fixed(size_t width) {
    if (digits() < width) return std::nullopt;
    return take_digits<int>(width);
  }

 private:
  template <typename Number>
  std::optional<Number> take_digits(size_t count) {
    if (count == 0) return std::nullopt;
    Number value{};
    const auto parsed = std::from_chars(rest_.data(), rest_.data() + count, value);
    if (parsed.ec != std::errc()) return std::nullopt;
    rest_.remove_prefix(count);
    return value;
  }

  std::string_view rest_;
};

std::optional<Position> parse_hex(std::string_view text) {
  if (text.size() != 24) return std::nullopt;
  const auto parse = [](std::string_view digits, auto& value) {
    const char* const end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, value, 16);
    return parsed.ec == std::errc() && parsed.ptr == end;
  };
  // from_chars takes a minus sign for signed numbers only, so these are digits and nothing else.
  uint64_t chunk = 0;
  Position position;
  if (!parse(text.substr(0, 16), chunk) || !parse(text.substr(16), position.record)) {
    return std::nullopt;
  }
  position.chunk = ChunkId(chunk);
  return position;
}

std::optional<PositionSpec> parse_forward(std::string_view text) {  // "+10"
  Scanner scanner(text);
  if (!scanner.take('+')) return std::nullopt;
  const auto records = scanner.take_number<uint64_t>();
  if (!records || !scanner.at_end()) return std::nullopt;
  return AfterHere{*records};
}

// What a unit of a duration is, in ms.
constexpr int64_t unit_ms(char unit) {
  switch (unit) {
    case 's':
      return 1000;
    case 'm':
      return 60 * 1000;
    case 'h':
      return 3600 * 1000;
    case 'd':
      return 24 * 3600 * 1000;
    default:  // 'w'
      return 7 * 24 * 3600 * 1000;
  }
}

std::optional<PositionSpec> parse_back(std::string_view text, Time now) {  // "-10" and "-15m"
  Scanner scanner(text);
  if (!scanner.take('-')) return std::nullopt;
  const auto count = scanner.take_number<uint64_t>();
  if (!count) return std::nullopt;
  if (scanner.at_end()) return BeforeEnd{*count};
  const auto unit = scanner.take_any("smhdw");
  if (!unit || !scanner.at_end()) return std::nullopt;
  int64_t ms = 0;
  if (*count > std::numeric_limits<int64_t>::max() ||
      __builtin_mul_overflow(static_cast<int64_t>(*count), unit_ms(*unit), &ms) ||
      __builtin_sub_overflow(now.time_since_epoch().count(), ms, &ms)) {
    return std::nullopt;
  }
  return Time(milliseconds(ms));
}

// ".5": a fraction of a second in ms, rounded up; 0 if there is none. Nothing for a '.' alone.
std::optional<int64_t> take_fraction_ms(Scanner& scanner) {
  if (!scanner.take('.')) return 0;
  if (scanner.digits() == 0) return std::nullopt;
  int64_t ms = 0;
  bool rest = false;
  for (int64_t weight = 100; scanner.digits() > 0; weight /= 10) {
    const int digit = *scanner.take_fixed(1);
    ms += digit * weight;
    rest = rest || (weight == 0 && digit != 0);
  }
  return ms + (rest ? 1 : 0);
}

std::optional<Time> add_ms(seconds since_epoch, int64_t ms) {
  int64_t sum = 0;
  if (__builtin_mul_overflow(int64_t{since_epoch.count()}, int64_t{1000}, &sum) ||
      __builtin_add_overflow(sum, ms, &sum)) {
    return std::nullopt;
  }
  return Time(milliseconds(sum));
}

std::optional<Time> parse_unix_time(std::string_view text) {  // "@1763802000.5"
  Scanner scanner(text);
  if (!scanner.take('@')) return std::nullopt;
  const auto whole = scanner.take_number<int64_t>();
  if (!whole) return std::nullopt;
  const auto ms = take_fraction_ms(scanner);
  if (!ms || !scanner.at_end()) return std::nullopt;
  return add_ms(seconds(*whole), *ms);
}

// A date and a time of day as they are written, checked but for what depends on the zone.
struct WallTime {
  std::chrono::year_month_day date{};
  int hour = 0;
  int minute = 0;
  int second = 0;  // 60 in a leap second
};

std::optional<std::chrono::year_month_day> take_date(Scanner& scanner) {
  const auto year = scanner.take_fixed(4);
  if (!year || !scanner.take('-')) return std::nullopt;
  const auto month = scanner.take_fixed(2);
  if (!month || !scanner.take('-')) return std::nullopt;
  const auto day = scanner.take_fixed(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  return date.ok() ? std::optional(date) : std::nullopt;
}

bool take_time_of_day(Scanner& scanner, WallTime& wall) {
  const auto hour = scanner.take_fixed(2);
  if (!hour || *hour > 23 || !scanner.take(':')) return false;
  const auto minute = scanner.take_fixed(2);
  if (!minute || *minute > 59 || !scanner.take(':')) return false;
  const auto second = scanner.take_fixed(2);
  if (!second || *second > 60) return false;
  wall.hour = *hour;
  wall.minute = *minute;
  wall.second = *second;
  return true;
}

// As if it were UTC.
seconds to_seconds(const WallTime& wall) {
  return std::chrono::sys_days(wall.date).time_since_epoch() + std::chrono::hours(wall.hour) +
         std::chrono::minutes(wall.minute) + seconds(wall.second);
}

std::optional<seconds> local_to_seconds(const WallTime& wall) {
  std::tm tm{};
  tm.tm_year = static_cast<int>(wall.date.year()) - 1900;
  tm.tm_mon = static_cast<int>(static_cast<unsigned>(wall.date.month())) - 1;
  tm.tm_mday = static_cast<int>(static_cast<unsigned>(wall.date.day()));
  tm.tm_hour = wall.hour;
  tm.tm_min = wall.minute;
  tm.tm_sec = wall.second;
  tm.tm_isdst = -1;  // mktime(3) finds out
  tm.tm_wday = -1;   // stays so only if it fails: -1 is also a time
  const std::time_t time = std::mktime(&tm);
  if (tm.tm_wday == -1) return std::nullopt;
  return seconds(time);
}

// "+01:00" or "-0530": how far local time is ahead of UTC.
std::optional<seconds> take_offset(Scanner& scanner) {
  const auto sign = scanner.take_any("+-");
  if (!sign) return std::nullopt;
  const auto hours = scanner.take_fixed(2);
  if (!hours || *hours > 23) return std::nullopt;
  static_cast<void>(scanner.take(':'));
  const auto minutes = scanner.take_fixed(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  const seconds offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return *sign == '+' ? offset : -offset;
}

// The zone that ends the text, or local time if there is none.
std::optional<seconds> take_zone(Scanner& scanner, const WallTime& wall) {
  if (scanner.at_end()) return local_to_seconds(wall);
  seconds offset{};
  if (!scanner.take_any("Zz")) {
    const auto taken = take_offset(scanner);
    if (!taken) return std::nullopt;
    offset = *taken;
  }
  if (!scanner.at_end()) return std::nullopt;
  return to_seconds(wall) - offset;
}

std::optional<Time> parse_date(std::string_view text) {
  Scanner scanner(text);
  const auto date = take_date(scanner);
  if (!date) return std::nullopt;
  WallTime wall{.date = *date};
  if (scanner.at_end()) {
    const auto midnight = local_to_seconds(wall);
    return midnight ? add_ms(*midnight, 0) : std::nullopt;
  }
  if (!scanner.take_any("Tt ") || !take_time_of_day(scanner, wall)) return std::nullopt;
  const auto fraction_ms = take_fraction_ms(scanner);
  if (!fraction_ms) return std::nullopt;
  const auto time = take_zone(scanner, wall);
  if (!time) return std::nullopt;
  // Unix time has no leap seconds: one counts as the first second of the next day, and it can only
  // be written where one can be, at the end of a day in UTC.
  if (wall.second == 60 && time->count() % (24 * 3600) != 0) return std::nullopt;
  return add_ms(*time, *fraction_ms);
}

std::optional<PositionSpec> parse_number(std::string_view text) {
  Scanner scanner(text);
  const auto number = scanner.take_number<uint64_t>();
  if (!number || !scanner.at_end()) return std::nullopt;
  return RecordNumber(*number);
}

std::optional<PositionSpec> parse(std::string_view text, Time now) {
  if (text == "start") return AtStart{};
  if (text == "end") return AtEnd{};
  // Before numbers: 24 hex digits are a position even if none of them is a letter.
  if (const auto position = parse_hex(text)) return *position;
  if (auto number = parse_number(text)) return number;
  if (auto forward = parse_forward(text)) return forward;
  if (auto back = parse_back(text, now)) return back;
  if (const auto time = parse_unix_time(text)) return *time;
  if (const auto time = parse_date(text)) return *time;
  return std::nullopt;
}

}  // namespace

Result<PositionSpec> parse_position(std::string_view text, Time now) {
  if (const auto spec = parse(text, now)) return *spec;
  return Error{Errc::kInvalid, 0, "position '" + std::string(text) + "'"};
}

std::string to_string(Position position) {
  char text[25];
  std::snprintf(text, sizeof(text), "%016llX%08X",
                static_cast<unsigned long long>(position.chunk.value()), position.record);
  return text;
}

std::string to_string(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(
      text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

}  // namespace range
