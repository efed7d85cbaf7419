#include "journal/exchange/range_directory.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>
#include <charconv>
#include <functional>
#include <optional>
#include <utility>

#include "journal/result_macros.h"

namespace range::exchange {

namespace fs = boost::filesystem;

namespace {

constexpr std::string_view kEscaped = "_/\\`*|;\"':";  // "_00" is the first, "_09" the last
constexpr size_t kNameBytesMax = 255;
constexpr std::string_view kData = ".dat";
constexpr std::string_view kIndex = ".idx";

std::string_view group_of(std::string_view escaped) {
  return escaped.substr(escaped.size() - std::min<size_t>(escaped.size(), 2));
}

// Calls `visitor` with every entry.
Status for_each_entry(const Path& directory,
                      const std::function<Status(const fs::directory_entry&)>& visitor) {
  boost::system::error_code failed;
  fs::directory_iterator at(directory, failed);
  for (; !failed && at != fs::directory_iterator(); at.increment(failed)) {
    RETURN_IF_ERROR(visitor(*at));
  }
  return failed ? Status(failure(failed, "list", directory)) : Status();
}

Result<bool> leads_to_directory(const fs::directory_entry& entry) {
  boost::system::error_code failed;
  const fs::file_status status = entry.status(failed);
  if (status.type() == fs::file_not_found) return false;  // a link to nowhere
  if (failed) return failure(failed, "stat", entry.path());
  return status.type() == fs::directory_file;
}

// The name of the journal in `directory`.
Result<std::string> journal_name(const Path& directory) {
  const std::string escaped = directory.filename().native();
  const Error malformed{Errc::kInvalid, 0,
                        directory.native() + ": not the name of a journal of Range"};
  auto name = unescape_name(escaped);
  if (!name || directory.parent_path().filename().native() != group_of(escaped)) return malformed;
  return name;
}

Status list_group(const Path& group, RangeJournals& found) {
  return for_each_entry(group, [&](const fs::directory_entry& entry) -> Status {
    ASSIGN_OR_RETURN(const bool directory, leads_to_directory(entry));
    if (!directory) return {};
    auto name = journal_name(entry.path());
    if (name) {
      found.journals.push_back({*std::move(name), entry.path()});
    } else {
      found.problems.push_back(name.error().context);
    }
    return {};
  });
}

std::optional<ChunkId> chunk_id(std::string_view file_name, std::string_view extension) {
  constexpr size_t kDigits = 16;
  if (file_name.size() != kDigits + extension.size() || !file_name.ends_with(extension)) {
    return std::nullopt;
  }
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(file_name.data(), file_name.data() + kDigits, id, 16);
  if (error != std::errc() || end != file_name.data() + kDigits) return std::nullopt;
  // Lower-case digits are another program's.
  if (chunk_file_name(ChunkId(id), extension) != file_name) return std::nullopt;
  return ChunkId(id);
}

Status add_file(const fs::directory_entry& entry, RangeChunks& found) {
  const Path& path = entry.path();
  const std::string name = path.filename().native();
  boost::system::error_code failed;
  if (const auto id = chunk_id(name, kData)) {
    const uintmax_t bytes = fs::file_size(path, failed);
    if (failed) return failure(failed, "stat", path);
    if (bytes > 0) {
      found.chunks.push_back({*id, path, path.parent_path() / chunk_file_name(*id, kIndex)});
    }
  } else if (const auto index_id = chunk_id(name, kIndex)) {
    const bool there = fs::exists(path.parent_path() / chunk_file_name(*index_id, kData), failed);
    if (!there) found.notes.push_back(name + ": an index without its chunk, ignored");
  } else {
    found.notes.push_back(name + ": not a file of Range, ignored");
  }
  return {};
}

}  // namespace

Error failure(const boost::system::error_code& failed, const char* operation, const Path& path) {
  return system_error(failed.value(), fmt::format("{} {}", operation, path.native()));
}

std::string escape_name(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    const size_t number = kEscaped.find(c);
    if (number == std::string_view::npos) {
      escaped += c;
    } else {
      escaped += fmt::format("_{:02}", number);
    }
  }
  return escaped;
}

Result<std::string> unescape_name(std::string_view escaped) {
  std::string name;
  for (size_t i = 0; i < escaped.size(); ++i) {
    const bool is_escape = escaped[i] == '_' && i + 2 < escaped.size() && escaped[i + 1] == '0' &&
                           escaped[i + 2] >= '0' && escaped[i + 2] <= '9';
    name += is_escape ? kEscaped[static_cast<size_t>(escaped[i + 2] - '0')] : escaped[i];
    if (is_escape) i += 2;
  }
  // So that no two directories are the same journal.
  if (escape_name(name) != escaped) {
    return Error{Errc::kInvalid, 0, fmt::format("{}: malformed escape", escaped)};
  }
  return name;
}

Result<Path> place_of(std::string_view name) {
  const std::string escaped = escape_name(name);
  const std::string_view group = group_of(escaped);
  if (escaped.empty() || escaped.size() > kNameBytesMax || group == "." || group == ".." ||
      escaped.find('\0') != std::string::npos) {
    return Error{Errc::kInvalid, 0, fmt::format("{}: Range has no place for this name", name)};
  }
  return Path(std::string(group)) / escaped;
}

Result<RangeJournals> list_journals(const Path& root) {
  RangeJournals found;
  RETURN_IF_ERROR(for_each_entry(root, [&](const fs::directory_entry& entry) -> Status {
    ASSIGN_OR_RETURN(const bool directory, leads_to_directory(entry));
    return directory ? list_group(entry.path(), found) : Status();
  }));
  std::ranges::sort(found.journals, {}, &RangeJournal::name);
  std::ranges::sort(found.problems);
  return found;
}

Result<RangeChunks> list_chunks(const Path& journal) {
  RangeChunks found;
  RETURN_IF_ERROR(for_each_entry(
      journal, [&](const fs::directory_entry& entry) { return add_file(entry, found); }));
  std::ranges::sort(found.chunks, {}, &RangeChunk::id);
  std::ranges::sort(found.notes);
  return found;
}

std::string chunk_file_name(ChunkId id, std::string_view extension) {
  return fmt::format("{:016X}{}", id.value(), extension);
}

}  // namespace range::exchange
