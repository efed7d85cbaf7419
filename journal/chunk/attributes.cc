#include "journal/chunk/attributes.h"

#include "journal/chunk/format.h"

#define XXH_INLINE_ALL
#include <fmt/core.h>
#include <xxhash.h>

#include <charconv>
#include <vector>

namespace range {

namespace {

constexpr std::string_view kCheckKey = "check: ";

std::string check_line(std::string_view lines) {
  return fmt::format("{}{:016x}\n", kCheckKey, XXH3_64bits(lines.data(), lines.size()));
}

template <typename T>
bool parse_number(std::string_view text, int base, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

template <typename T>
bool parse_optional(std::string_view text, std::optional<T>& number) {
  return parse_number(text, 10, number.emplace());
}

bool parse_ms(std::string_view text, std::chrono::milliseconds& ms) {
  int64_t count = 0;
  const bool valid = parse_number(text, 10, count);
  ms = std::chrono::milliseconds(count);
  return valid;
}

bool parse_timestamp(std::string_view text, Timestamp& timestamp) {
  int64_t count = 0;
  const bool valid = parse_number(text, 10, count);
  timestamp = Timestamp(std::chrono::nanoseconds(count));
  return valid;
}

bool set_key(std::string_view key, std::string_view value, StoredAttributes& stored) {
  if (key == "id") {
    const auto id = parse_journal_id(value);
    stored.id = id.value_or(kNoId);
    return id.has_value();
  }
  Attributes& attributes = stored.attributes;
  if (key == "mode") return parse_number(value, 8, attributes.mode);
  if (key == "uid") return parse_number(value, 10, attributes.uid);
  if (key == "gid") return parse_number(value, 10, attributes.gid);
  if (key == "created") {
    std::chrono::milliseconds since_epoch{};
    const bool valid = parse_ms(value, since_epoch);
    attributes.created = Time(since_epoch);
    return valid;
  }
  if (key == "changed") return parse_timestamp(value, attributes.changed);
  if (key == "modified") {
    Attributes::Modified modified;
    uint64_t end = 0;
    const size_t space = std::min(value.find(' '), value.size());
    const bool valid = parse_timestamp(value.substr(0, space), modified.time) &&
                       parse_number(value.substr(std::min(space + 1, value.size())), 10, end);
    modified.end = ByteOffset(end);
    attributes.modified = modified;
    return valid;
  }
  if (key == "framing") {
    attributes.framing = value == "write" ? Framing::kWrite : Framing::kLine;
    return value == to_string(*attributes.framing);
  }
  if (key == "keep") {
    attributes.keep = value == "1";
    return value == "0" || value == "1";
  }
  if (key == "max_bytes") return parse_optional(value, attributes.max_bytes);
  if (key == "max_records") return parse_optional(value, attributes.max_records);
  if (key == "max_age") return parse_ms(value, attributes.max_age.emplace());
  return false;
}

}  // namespace

std::string encode_attributes(const StoredAttributes& stored) {
  const Attributes& attributes = stored.attributes;
  std::string lines;
  if (stored.id != kNoId) lines += fmt::format("id: {}\n", to_string(stored.id));
  lines +=
      fmt::format("mode: {:04o}\nuid: {}\ngid: {}\ncreated: {}\n", attributes.mode, attributes.uid,
                  attributes.gid, attributes.created.time_since_epoch().count());
  if (attributes.framing) lines += fmt::format("framing: {}\n", to_string(*attributes.framing));
  if (attributes.keep) lines += fmt::format("keep: {}\n", *attributes.keep ? 1 : 0);
  if (attributes.max_bytes) lines += fmt::format("max_bytes: {}\n", *attributes.max_bytes);
  if (attributes.max_records) lines += fmt::format("max_records: {}\n", *attributes.max_records);
  if (attributes.max_age) lines += fmt::format("max_age: {}\n", attributes.max_age->count());
  if (attributes.changed != Timestamp()) {
    lines += fmt::format("changed: {}\n", attributes.changed.time_since_epoch().count());
  }
  if (const auto& modified = attributes.modified) {
    lines += fmt::format("modified: {} {}\n", modified->time.time_since_epoch().count(),
                         modified->end.value());
  }
  return lines + check_line(lines);
}

std::optional<StoredAttributes> decode_attributes(std::string_view text) {
  const size_t check_at = text.rfind(kCheckKey);
  if (check_at == std::string_view::npos) return std::nullopt;
  std::string_view lines = text.substr(0, check_at);
  if (text.substr(check_at) != check_line(lines)) return std::nullopt;
  StoredAttributes stored;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return std::nullopt;
    if (!set_key(line.substr(0, colon), line.substr(colon + 2), stored)) return std::nullopt;
  }
  return stored;
}

}  // namespace range
