#include "journal/printable.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace range {

namespace {

struct Escape {
  char byte;
  char letter;  // behind the backslash
};

constexpr std::array<Escape, 4> kShort{{{'\n', 'n'}, {'\t', 't'}, {'\r', 'r'}, {'\\', '\\'}}};
constexpr char kDelete = '\x7f';

bool is_escaped(char c) { return static_cast<unsigned char>(c) < ' ' || c == kDelete || c == '\\'; }

void append_escape(std::string& text, char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto* const it = std::ranges::find(kShort, c, &Escape::byte);
  text += '\\';
  if (it != kShort.end()) {
    text += it->letter;
    return;
  }
  const auto value = static_cast<unsigned char>(c);
  text += {'x', kDigits[value >> 4U], kDigits[value & 0xFU]};
}

// The byte that `text`, which follows a backslash, begins with; takes it off.
std::optional<char> take_escape(std::string_view& text) {
  constexpr size_t kHexBytes = 3;  // "x1b"
  if (text.empty()) return std::nullopt;
  const auto* const it = std::ranges::find(kShort, text[0], &Escape::letter);
  if (it != kShort.end()) {
    text.remove_prefix(1);
    return it->byte;
  }
  if (text[0] != 'x' || text.size() < kHexBytes) return std::nullopt;
  const char* const end = text.data() + kHexBytes;
  unsigned value = 0;
  if (std::from_chars(text.data() + 1, end, value, 16).ptr != end) return std::nullopt;
  text.remove_prefix(kHexBytes);
  return static_cast<char>(value);
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    if (is_escaped(c)) {
      append_escape(text, c);
    } else {
      text += c;
    }
  }
  return text;
}

Result<std::string> parse_printable(std::string_view text) {
  std::string bytes;
  for (std::string_view rest = text; !rest.empty();) {
    const char c = rest[0];
    rest.remove_prefix(1);
    const auto byte = c == '\\' ? take_escape(rest) : c;
    if (!byte) {
      return Error{Errc::kInvalid, 0, "malformed escape in '" + std::string(text) + "'"};
    }
    bytes += *byte;
  }
  return bytes;
}

std::string counted(uint64_t number, std::string_view noun) {
  return std::to_string(number) + ' ' + std::string(noun) + (number == 1 ? "" : "s");
}

}  // namespace range
