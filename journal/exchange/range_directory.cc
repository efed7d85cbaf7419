#include "journal/exchange/range_directory.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "journal/base/result_macros.h"
#include "journal/printable.h"

namespace range::exchange {

namespace {

constexpr std::string_view kEscaped = "_/\\`*|;\"':";  // "_00" is the first, "_09" the last
constexpr size_t kNameBytesMin = 2;                    // escaped
constexpr size_t kNameBytesMax = 255;
constexpr size_t kGroupBytesMax = 2;
constexpr std::string_view kData = ".dat";
constexpr std::string_view kIndex = ".idx";
constexpr const char* kLostAndFound = "lost+found";  // of a file system that the root is all of

std::string_view group_of(std::string_view escaped) {
  return escaped.substr(escaped.size() - std::min<size_t>(escaped.size(), 2));
}

Error unexpected(const Path& path, const char* what) {
  return refusal(Errc::kInvalid, fmt::format("{} {}", path.native(), what));
}

// Where `path` leads to, if that is a directory; links are followed. What else is there is a
// problem if it is `expected` to be one, and a link that leads nowhere is one always.
std::optional<Path> directory_at(Env& env, const Path& path, FileKind kind, bool expected,
                                 std::vector<Error>& problems) {
  if (kind == FileKind::kDirectory) return path;
  const Path target = path / ".";
  const Result<FileStat> found = kind == FileKind::kSymlink
                                     ? env.stat(target)
                                     : Result<FileStat>(Error{Errc::kInvalid, ENOTDIR, {}});
  if (found) return target;
  const bool other = found.error().sys_errno == ENOTDIR;
  if (other && expected) problems.push_back(unexpected(path, "is not a directory"));
  if (!other) problems.push_back(unexpected(path, "is a link that cannot be followed"));
  return std::nullopt;
}

// The name of the journal in a directory of that name, in a group of that name.
std::optional<std::string> journal_name(const std::string& escaped, const std::string& group) {
  auto name = unescape_name(escaped);
  return name && group == group_of(escaped) ? std::optional(*std::move(name)) : std::nullopt;
}

// What there is in a directory that was taken for the root, or for a group of journals.
class RootListing {
 public:
  RootListing(Env& env, Path root) : env_(env), root_(std::move(root)) {}

  Status run();

  RangeJournals found;
  std::optional<Path> misplaced_chunk;  // the first that is in no directory of a journal
  std::optional<Path> other;            // the first in the root that is no group

 private:
  void list_group(const Path& group, const std::string& group_name);
  void report_misplaced(const std::vector<DirectoryEntry>& entries, const Path& directory);

  Env& env_;
  const Path root_;
};

Status RootListing::run() {
  ASSIGN_OR_RETURN(auto entries, env_.list(root_));
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  report_misplaced(entries, root_);
  for (const DirectoryEntry& entry : entries) {
    if (entry.name == kLostAndFound) continue;
    const Path path = root_ / entry.name;
    const bool expected = entry.name.size() <= kGroupBytesMax;
    const auto group = directory_at(env_, path, entry.kind, expected, found.problems);
    if (group) list_group(*group, entry.name);
    if (!other && (!group || !expected)) other = path;
  }
  std::ranges::sort(found.journals, {}, &RangeJournal::name);
  return {};
}

void RootListing::report_misplaced(const std::vector<DirectoryEntry>& entries,
                                   const Path& directory) {
  const auto chunk = std::ranges::find_if(
      entries, [](const DirectoryEntry& entry) { return is_chunk_file(entry.name); });
  if (chunk == entries.end()) return;
  const Path path = directory / chunk->name;
  found.problems.push_back(unexpected(path, "is a chunk that is in no directory of a journal"));
  if (!misplaced_chunk) misplaced_chunk = path;
}

void RootListing::list_group(const Path& group, const std::string& group_name) {
  auto entries = env_.list(group);
  if (!entries) {
    found.problems.push_back(entries.error());
    return;
  }
  std::ranges::sort(*entries, {}, &DirectoryEntry::name);
  report_misplaced(*entries, group);
  for (const DirectoryEntry& entry : *entries) {
    const Path path = group / entry.name;
    auto name = journal_name(entry.name, group_name);
    const auto directory = directory_at(env_, path, entry.kind, name.has_value(), found.problems);
    if (!directory) continue;
    if (name) {
      found.journals.push_back({*std::move(name), *directory});
    } else {
      found.problems.push_back(unexpected(path, "has not the name of a journal of Range"));
    }
  }
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

// Adds a file to what was found, by the id of its chunk.
Status add_file(Env& env, const Path& journal, const std::string& name,
                std::map<ChunkId, RangeChunk>& chunks, std::vector<std::string>& notes) {
  const auto data_id = chunk_id(name, kData);
  const auto index_id = chunk_id(name, kIndex);
  const auto id = data_id ? data_id : index_id;
  if (!id) {
    notes.push_back(printable(name) + ": not a file of Range, ignored");
    return {};
  }
  ASSIGN_OR_RETURN(const FileStat stat, env.stat(journal / name));
  if (stat.kind != FileKind::kRegular) return unexpected(journal / name, "is not a regular file");
  RangeChunk& chunk = chunks[*id];
  (data_id ? chunk.data_bytes : chunk.index_bytes) = stat.size;
  return {};
}

}  // namespace

Result<Path> behind_link(Env& env, const Path& path) {
  ASSIGN_OR_RETURN(const FileStat stat, env.stat(path));
  return stat.kind == FileKind::kSymlink ? path / "." : path;
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
    return refusal(Errc::kInvalid, "a malformed escape");
  }
  return name;
}

Result<Path> place_of(std::string_view name) {
  const std::string escaped = escape_name(name);
  const char* objection = nullptr;
  if (escaped.size() < kNameBytesMin) objection = "is shorter than two bytes";
  if (escaped.size() > kNameBytesMax) objection = "is longer than 255 bytes when escaped";
  if (escaped.ends_with("..")) objection = "ends in '..', which leads out of its directory";
  if (escaped.find('\0') != std::string::npos) objection = "has a NUL byte";
  if (objection != nullptr) {
    return refusal(Errc::kInvalid, fmt::format("Range has no place for a name that {}", objection));
  }
  return Path(std::string(group_of(escaped))) / escaped;
}

Result<RangeJournals> list_journals(const Path& root, Env& env) {
  ASSIGN_OR_RETURN(Path top, behind_link(env, root));
  RootListing listing(env, std::move(top));
  RETURN_IF_ERROR(listing.run());
  RangeJournals& found = listing.found;
  if (!found.journals.empty()) return std::move(found);
  std::optional<Error> instead;
  if (listing.other) instead = unexpected(*listing.other, "is none of Range");
  if (!found.problems.empty()) instead = found.problems.front();
  if (!instead) return std::move(found);
  if (instead->code != Errc::kInvalid) return *std::move(instead);
  const std::string web = (root / *place_of("web")).native();
  return refusal(
      Errc::kInvalid,
      fmt::format("{}: no directory of Range, which keeps a journal called web in {}; {}",
                  root.native(), web, instead->context));
}

Status check_export_root(const Path& root, Env& env) {
  RootListing listing(env, root);
  RETURN_IF_ERROR(listing.run());
  if (env.stat(root / "format") && env.stat(root / "tree")) {
    return refusal(Errc::kInvalid, root.native() + ": a store of rangefs, no directory of Range");
  }
  if (!listing.misplaced_chunk) return {};
  return refusal(Errc::kInvalid,
                 fmt::format("{}: not the top of a directory of Range: {} is a chunk",
                             root.native(), listing.misplaced_chunk->native()));
}

Result<RangeChunks> list_chunks(const Path& journal, Env& env) {
  RangeChunks found;
  std::map<ChunkId, RangeChunk> chunks;
  ASSIGN_OR_RETURN(const auto entries, env.list(journal));
  for (const DirectoryEntry& entry : entries) {
    RETURN_IF_ERROR(add_file(env, journal, entry.name, chunks, found.notes));
  }
  for (auto& [id, chunk] : chunks) {
    chunk.id = id;
    chunk.data = journal / chunk_file_name(id, kData);
    chunk.index = journal / chunk_file_name(id, kIndex);
    found.chunks.push_back(std::move(chunk));
  }
  std::ranges::sort(found.notes);
  return found;
}

bool is_chunk_file(std::string_view name) {
  return chunk_id(name, kData) || chunk_id(name, kIndex);
}

std::string chunk_file_name(ChunkId id, std::string_view extension) {
  return fmt::format("{:016X}{}", id.value(), extension);
}

}  // namespace range::exchange
