#include "fs/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "fs/errno_map.h"
#include "journal/base/result_macros.h"
#include "journal/position.h"
#include "journal/printable.h"

namespace rangefs {

namespace {

constexpr std::string_view kFraming = "framing";
constexpr std::string_view kKeep = "keep";

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::optional<range::Framing> parse_framing(std::string_view text) {
  if (text == to_string(range::Framing::kLine)) return range::Framing::kLine;
  if (text == to_string(range::Framing::kWrite)) return range::Framing::kWrite;
  return std::nullopt;
}

std::optional<bool> parse_flag(std::string_view text) {
  if (text == "1") return true;
  if (text == "0") return false;
  return std::nullopt;
}

// What `name` names, without the prefix.
Result<std::string_view> key_of(std::string_view name) {
  if (!name.starts_with(kPropertyPrefix)) return refused(EOPNOTSUPP);
  return name.substr(kPropertyPrefix.size());
}

bool can_be_set(std::string_view key) { return key == kFraming || key == kKeep; }

// Keys that can only be read; whether of journals or directories makes no difference to refusals.
bool is_read_only(std::string_view key) {
  static constexpr std::array<std::string_view, 25> kKeys{
      "id",         "records",     "bytes",       "first_record",    "start",
      "end",        "position",    "first_time",  "last_time",       "synced_bytes",
      "open_bytes", "chunks",      "disk_bytes",  "torn_tails",      "state",
      "journals",   "directories", "store",       "chunk_size",      "sync_interval",
      "read_only",  "version",     "clock_ahead", "default_framing", "chunks_left_out"};
  return std::ranges::find(kKeys, key) != kKeys.end();
}

// When the oldest record was appended, or why that cannot be read; nothing if there is none.
Result<std::optional<range::Time>> first_time(Journal& journal, range::RecordNumber first) {
  range::RecordBatch batch;
  RETURN_IF_ERROR(journal.read_records(first, 1, 1, batch));
  if (batch.items.empty()) return std::optional<range::Time>();
  return std::optional(batch.items.front().time);
}

}  // namespace

bool Properties::kept(const Attributes& own, std::string_view path) {
  if (own.keep) return *own.keep;
  while (true) {
    if (const auto above = tree_.store.directory_attributes(path); above && above->keep) {
      return *above->keep;
    }
    if (path.empty()) return false;
    path = parent_of(path);
  }
}

Result<Properties::Owner> Properties::owner(NodeId id, const Node& node) {
  if (const auto* view = std::get_if<ViewNode>(&node)) {
    const auto place = tree_.nodes.place(view->journal->id());
    const auto directory = place ? tree_.nodes.path(place->parent) : std::nullopt;
    return Owner{view->journal.get(), directory.value_or("")};
  }
  auto path = tree_.nodes.path(id);
  if (!path) return refused(ENOENT);
  return Owner{nullptr, *std::move(path)};
}

Result<Attributes> Properties::attributes(const Owner& owner) {
  if (owner.journal != nullptr) return owner.journal->attributes();
  return tree_.store.directory_attributes(owner.directory);
}

Result<bool> Properties::is_set(const Owner& owner, const Attributes& own, std::string_view key) {
  if (key == kKeep) return own.keep.has_value();
  if (owner.journal == nullptr || !own.framing) return own.framing.has_value();
  const range::Framing usual = tree_.store.options().framing;
  if (*own.framing != usual) return true;
  ASSIGN_OR_RETURN(const range::Framing inherited, tree_.store.framing_in(owner.directory));
  return inherited != usual;
}

// Stores `value` (nothing: inherited) under `key`, one of those that can be set.
Status Properties::assign(const Owner& owner, Attributes& own, std::string_view key,
                          std::optional<std::string_view> value) {
  if (key == kKeep) {
    own.keep = value ? parse_flag(*value) : std::nullopt;
    return value && !own.keep ? refused(EINVAL) : Status();
  }
  own.framing = value ? parse_framing(*value) : std::nullopt;
  if (value && !own.framing) return refused(EINVAL);
  if (!value && owner.journal != nullptr) {
    ASSIGN_OR_RETURN(own.framing, tree_.store.framing_in(owner.directory));
  }
  return {};
}

// Why appends are refused, else what could not be read.
std::string Properties::state_of(const Journal& journal, const Result<range::JournalInfo>& info) {
  if (!info) return range::to_string(info.error());
  if (!info->failure.empty()) return info->failure;
  std::string damage = tree_.damage.of(journal.id());
  if (!damage.empty() && !info->attributes_lost.empty()) damage += "; ";
  damage += info->attributes_lost;
  return damage.empty() ? "ok" : "damaged: " + damage;
}

std::vector<Property> Properties::of_journal(const Owner& owner) {
  Journal& journal = *owner.journal;
  const Attributes own = journal.attributes();
  const range::Extent extent = journal.extent();
  const uint64_t records = extent.end.record - extent.begin.record;
  std::vector<Property> all{
      {"id", fmt::format("{:012x}", journal.id().value())},
      {kFraming, std::string(to_string(own.framing.value_or(range::Framing::kLine)))},
      {kKeep, kept(own, owner.directory) ? "1" : "0"},
      {"records", std::to_string(records)},
      {"bytes", std::to_string(extent.end.offset - extent.begin.offset)},
      {"first_record", std::to_string(extent.begin.record.value())},
      {"start", to_string(extent.begin.position)},
      {"end", to_string(extent.end.position)},
      {"position", to_string(tree_.bases.of(journal).position)},
  };
  if (records > 0) {
    const auto first = first_time(journal, extent.begin.record);
    if (!first) tree_.damage.note(journal.id(), first.error());
    if (first && *first) all.push_back({"first_time", range::to_string(**first)});
    all.push_back({"last_time", range::to_string(extent.last_time)});
  }
  all.push_back({"synced_bytes", std::to_string(extent.synced - extent.begin.offset)});
  all.push_back({"open_bytes", std::to_string(extent.open_bytes)});
  const auto info = journal.info();
  if (info) {
    all.push_back({"chunks", std::to_string(info->chunks)});
    all.push_back({"disk_bytes", std::to_string(info->disk_bytes)});
    all.push_back({"torn_tails", std::to_string(info->torn_tails)});
    all.push_back({"chunks_left_out", std::to_string(info->chunks_left_out)});
    all.push_back({"clock_ahead", info->clock_ahead ? "1" : "0"});
  }
  all.push_back({"state", state_of(journal, info)});
  return all;
}

Result<std::vector<Property>> Properties::of_directory(const Owner& owner) {
  const std::string& path = owner.directory;
  ASSIGN_OR_RETURN(const Attributes own, attributes(owner));
  uint64_t journals = 0;
  uint64_t directories = 0;
  for (std::optional<uint64_t> next = 0; next;) {
    ASSIGN_OR_RETURN(const range::NamesPage page, tree_.store.list(path, *next, 1000));
    for (const range::NamedEntry& named : page.entries) {
      ++(named.entry.kind == range::EntryKind::kJournal ? journals : directories);
    }
    next = page.next;
  }
  std::vector<Property> all;
  const auto framing = tree_.store.framing_in(path);
  if (framing) all.push_back({kFraming, std::string(to_string(*framing))});
  all.push_back({kKeep, kept(own, path) ? "1" : "0"});
  all.push_back({"journals", std::to_string(journals)});
  all.push_back({"directories", std::to_string(directories)});
  if (path.empty()) {
    const range::StoreOptions& options = tree_.store.options();
    all.push_back({"store", range::printable(tree_.options.store)});
    all.push_back({"chunk_size", std::to_string(options.chunk_size)});
    all.push_back({"sync_interval", fmt::format("{}ms", options.sync_interval.count())});
    all.push_back({"default_framing", std::string(to_string(options.framing))});
    all.push_back({"read_only", options.read_only ? "1" : "0"});
    all.push_back({"version", tree_.options.version});
  }
  return all;
}

Result<std::vector<Property>> Properties::all(NodeId id, const Node& node) {
  if (std::holds_alternative<ControlNode>(node)) return std::vector<Property>();
  const range::SharedLock names(tree_.names);
  ASSIGN_OR_RETURN(const Owner owner, this->owner(id, node));
  if (owner.journal != nullptr) return of_journal(owner);
  return of_directory(owner);
}

Result<std::vector<std::string>> Properties::names_set(NodeId id, const Node& node) {
  std::vector<std::string> set;
  if (std::holds_alternative<ControlNode>(node)) return set;
  const range::SharedLock names(tree_.names);
  ASSIGN_OR_RETURN(const Owner owner, this->owner(id, node));
  ASSIGN_OR_RETURN(const Attributes own, attributes(owner));
  for (const std::string_view key : {kFraming, kKeep}) {
    ASSIGN_OR_RETURN(const bool is_set, this->is_set(owner, own, key));
    if (is_set) set.push_back(std::string(kPropertyPrefix).append(key));
  }
  return set;
}

Result<std::string> Properties::text(NodeId id, const Node& node) {
  ASSIGN_OR_RETURN(const auto properties, all(id, node));
  std::string lines;
  for (const auto& [key, value] : properties) lines += fmt::format("{}: {}\n", key, value);
  return lines;
}

Result<std::string> Properties::get(NodeId id, const Node& node, std::string_view name) {
  ASSIGN_OR_RETURN(const std::string_view key, key_of(name));
  ASSIGN_OR_RETURN(const auto properties, all(id, node));
  const auto it = std::ranges::find(properties, key, &Property::key);
  if (it != properties.end()) return it->value;
  // Everything has a framing, which may not be readable.
  if (key == kFraming && !std::holds_alternative<ControlNode>(node)) return refused(EIO);
  return refused(ENODATA);
}

Status Properties::change(NodeId id, const Node& node, std::string_view key,
                          std::optional<std::string_view> value, SetMode mode) {
  const range::SharedLock names(tree_.names);
  const range::MutexLock lock(tree_.settings);
  ASSIGN_OR_RETURN(const Owner owner, this->owner(id, node));
  ASSIGN_OR_RETURN(Attributes own, attributes(owner));
  if (mode != SetMode::kAny || !value) {
    ASSIGN_OR_RETURN(const bool set, is_set(owner, own, key));
    if (set && mode == SetMode::kCreate) return refused(EEXIST);
    if (!set && mode != SetMode::kCreate) return refused(ENODATA);
  }
  RETURN_IF_ERROR(assign(owner, own, key, value));
  if (owner.journal == nullptr) return tree_.store.set_directory_attributes(owner.directory, own);
  note_change(own, *owner.journal);
  return owner.journal->set_attributes(own);
}

Status Properties::set(NodeId id, const Node& node, std::string_view name, std::string_view value,
                       SetMode mode) {
  ASSIGN_OR_RETURN(const std::string_view key, key_of(name));
  if (is_read_only(key) || std::holds_alternative<ControlNode>(node)) return refused(EPERM);
  if (!can_be_set(key)) return refused(EINVAL);
  return change(id, node, key, value, mode);
}

Status Properties::remove(NodeId id, const Node& node, std::string_view name) {
  ASSIGN_OR_RETURN(const std::string_view key, key_of(name));
  if (is_read_only(key)) return refused(EPERM);
  if (!can_be_set(key) || std::holds_alternative<ControlNode>(node)) return refused(ENODATA);
  return change(id, node, key, std::nullopt, SetMode::kAny);
}

}  // namespace rangefs
