#include "fs/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "fs/errno_map.h"
#include "fs/property_table.h"
#include "journal/base/result_macros.h"

namespace rangefs {

namespace {

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
  const bool known = find_property(PropertyKind::kOfJournal, key) != nullptr ||
                     find_property(PropertyKind::kOfRoot, key) != nullptr;
  return known && !can_be_set(key);
}

PropertyKind kind_of(const PropertyOwner& owner) {
  if (owner.journal() != nullptr) return PropertyKind::kOfJournal;
  return owner.directory().empty() ? PropertyKind::kOfRoot : PropertyKind::kOfDirectory;
}

}  // namespace

Result<PropertyOwner> Properties::owner(NodeId id, const Node& node) {
  if (const auto* view = std::get_if<ViewNode>(&node)) {
    const auto place = tree_.nodes.place(view->journal->id());
    const auto directory = place ? tree_.nodes.path(place->parent) : std::nullopt;
    return PropertyOwner(tree_, view->journal, directory.value_or(""));
  }
  auto path = tree_.nodes.path(id);
  if (!path) return refused(ENOENT);
  return PropertyOwner(tree_, nullptr, *std::move(path));
}

Result<bool> Properties::is_set(const PropertyOwner& owner, const Attributes& own,
                                std::string_view key) {
  if (key == kKeep) return own.keep.has_value();
  if (owner.journal() == nullptr || !own.framing) return own.framing.has_value();
  const range::Framing usual = tree_.store.options().framing;
  if (*own.framing != usual) return true;
  ASSIGN_OR_RETURN(const range::Framing inherited, tree_.store.framing_in(owner.directory()));
  return inherited != usual;
}

// Stores `value` (nothing: inherited) under `key`, one of those that can be set.
Status Properties::assign(const PropertyOwner& owner, Attributes& own, std::string_view key,
                          std::optional<std::string_view> value) {
  if (key == kKeep) {
    own.keep = value ? parse_flag(*value) : std::nullopt;
    return value && !own.keep ? refused(EINVAL) : Status();
  }
  own.framing = value ? parse_framing(*value) : std::nullopt;
  if (value && !own.framing) return refused(EINVAL);
  if (!value && owner.journal() != nullptr) {
    ASSIGN_OR_RETURN(own.framing, tree_.store.framing_in(owner.directory()));
  }
  return {};
}

Result<std::vector<std::string>> Properties::names_set(NodeId id, const Node& node) {
  std::vector<std::string> set;
  if (std::holds_alternative<ControlNode>(node)) return set;
  const range::SharedLock names(tree_.names);
  ASSIGN_OR_RETURN(const PropertyOwner owner, this->owner(id, node));
  ASSIGN_OR_RETURN(const Attributes own, owner.attributes());
  for (const std::string_view key : {kFraming, kKeep}) {
    ASSIGN_OR_RETURN(const bool is_set, this->is_set(owner, own, key));
    if (is_set) set.push_back(std::string(kPropertyPrefix).append(key));
  }
  return set;
}

Result<std::string> Properties::text(NodeId id, const Node& node) {
  const range::SharedLock names(tree_.names);
  ASSIGN_OR_RETURN(PropertyOwner owner, this->owner(id, node));
  std::string lines;
  for (const PropertyEntry& property : property_table(kind_of(owner))) {
    ASSIGN_OR_RETURN(const auto value, property.value(owner));
    if (value) lines += fmt::format("{}: {}\n", property.key, *value);
  }
  return lines;
}

Result<std::string> Properties::get(NodeId id, const Node& node, std::string_view name) {
  ASSIGN_OR_RETURN(const std::string_view key, key_of(name));
  if (std::holds_alternative<ControlNode>(node)) return refused(ENODATA);
  const range::SharedLock names(tree_.names);
  ASSIGN_OR_RETURN(PropertyOwner owner, this->owner(id, node));
  const PropertyEntry* const property = find_property(kind_of(owner), key);
  if (property == nullptr) return refused(ENODATA);
  ASSIGN_OR_RETURN(auto value, property->value(owner));
  if (value) return *std::move(value);
  // Everything has a framing, which may not be readable.
  return refused(key == kFraming ? EIO : ENODATA);
}

bool Properties::get_waits(std::string_view name) {
  const auto key = key_of(name);
  if (!key) return false;
  for (const PropertyKind kind : {PropertyKind::kOfJournal, PropertyKind::kOfRoot}) {
    const PropertyEntry* const property = find_property(kind, *key);
    if (property != nullptr && property->waits) return true;
  }
  return false;
}

Status Properties::change(NodeId id, const Node& node, std::string_view key,
                          std::optional<std::string_view> value, SetMode mode) {
  const range::SharedLock names(tree_.names);
  const range::MutexLock lock(tree_.settings);
  ASSIGN_OR_RETURN(const PropertyOwner owner, this->owner(id, node));
  ASSIGN_OR_RETURN(Attributes own, owner.attributes());
  if (mode != SetMode::kAny || !value) {
    ASSIGN_OR_RETURN(const bool set, is_set(owner, own, key));
    if (set && mode == SetMode::kCreate) return refused(EEXIST);
    if (!set && mode != SetMode::kCreate) return refused(ENODATA);
  }
  RETURN_IF_ERROR(assign(owner, own, key, value));
  if (owner.journal() == nullptr)
    return tree_.store.set_directory_attributes(owner.directory(), own);
  note_change(own, *owner.journal());
  return owner.journal()->set_attributes(own);
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
