#include "fs/property_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "journal/base/result_macros.h"
#include "journal/printable.h"

namespace rangefs {

namespace {

using Value = std::optional<std::string>;

std::string_view parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

Value flag(bool value) { return value ? "1" : "0"; }
Value number(uint64_t value) { return std::to_string(value); }

// Of what Journal::info() tells, a number; nothing if that is not known.
template <auto member>
PropertyValue of_info(PropertyOwner& owner) {
  const auto& info = owner.info();
  if (!info) return Value();
  return number(static_cast<uint64_t>((*info).*member));
}

PropertyValue first_time(PropertyOwner& owner) {
  const auto& first = owner.first_time();
  if (!first) owner.tree().damage.note(owner.journal()->id(), first.error());
  return first && *first ? Value(range::to_string(**first)) : Value();
}

// Why appends are refused, else what could not be read.
PropertyValue state(PropertyOwner& owner) {
  const auto& info = owner.info();
  if (!info) return Value(range::to_string(info.error()));
  if (!info->failure.empty()) return Value(info->failure);
  static_cast<void>(first_time(owner));  // its record may be damaged, which nobody knows yet
  std::string damage = owner.tree().damage.of(owner.journal()->id());
  if (!damage.empty() && !info->attributes_lost.empty()) damage += "; ";
  damage += info->attributes_lost;
  return Value(damage.empty() ? "ok" : "damaged: " + damage);
}

PropertyValue last_time(PropertyOwner& owner) {
  const range::Extent& extent = owner.extent();
  if (extent.begin.record == extent.end.record) return Value();
  return Value(range::to_string(extent.last_time));
}

PropertyValue framing_of_journal(PropertyOwner& owner) {
  ASSIGN_OR_RETURN(const Attributes own, owner.attributes());
  return Value(to_string(own.framing.value_or(range::Framing::kLine)));
}

PropertyValue framing_of_directory(PropertyOwner& owner) {
  const auto framing = owner.tree().store.framing_in(owner.directory());
  return framing ? Value(to_string(*framing)) : Value();
}

PropertyValue keep(PropertyOwner& owner) {
  ASSIGN_OR_RETURN(const Attributes own, owner.attributes());
  return flag(owner.kept(own));
}

template <auto member>
PropertyValue of_counts(PropertyOwner& owner) {
  ASSIGN_OR_RETURN(const PropertyOwner::Counts counts, owner.counts());
  return number(counts.*member);
}

constexpr bool kWaits = true;

constexpr std::array kOfJournal{
    PropertyEntry{"id",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return Value(fmt::format("{:012x}", owner.journal()->id().value()));
                  }},
    PropertyEntry{kFraming, framing_of_journal},
    PropertyEntry{kKeep, keep},
    PropertyEntry{"records",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return number(owner.extent().end.record - owner.extent().begin.record);
                  }},
    PropertyEntry{"bytes",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return number(owner.extent().end.offset - owner.extent().begin.offset);
                  }},
    PropertyEntry{"first_record",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return number(owner.extent().begin.record.value());
                  }},
    PropertyEntry{"start",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return Value(to_string(owner.extent().begin.position));
                  }},
    PropertyEntry{"end",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return Value(to_string(owner.extent().end.position));
                  }},
    PropertyEntry{"position",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return Value(to_string(owner.tree().bases.of(*owner.journal()).position));
                  }},
    PropertyEntry{"first_time", first_time, kWaits},
    PropertyEntry{"last_time", last_time},
    PropertyEntry{"synced_bytes",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return number(owner.extent().synced - owner.extent().begin.offset);
                  }},
    PropertyEntry{
        "open_bytes",
        [](PropertyOwner& owner) -> PropertyValue { return number(owner.extent().open_bytes); }},
    PropertyEntry{"chunks", of_info<&range::JournalInfo::chunks>, kWaits},
    PropertyEntry{"disk_bytes", of_info<&range::JournalInfo::disk_bytes>, kWaits},
    PropertyEntry{"torn_tails", of_info<&range::JournalInfo::torn_tails>, kWaits},
    PropertyEntry{"chunks_left_out", of_info<&range::JournalInfo::chunks_left_out>, kWaits},
    PropertyEntry{"clock_ahead", of_info<&range::JournalInfo::clock_ahead>, kWaits},
    PropertyEntry{"state", state, kWaits},
};

constexpr std::array kOfDirectory{
    PropertyEntry{kFraming, framing_of_directory},
    PropertyEntry{kKeep, keep},
    PropertyEntry{"journals", of_counts<&PropertyOwner::Counts::journals>, kWaits},
    PropertyEntry{"directories", of_counts<&PropertyOwner::Counts::directories>, kWaits},
    // Of the root only.
    PropertyEntry{"store",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return Value(range::printable(owner.tree().options.store));
                  }},
    PropertyEntry{"chunk_size",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return number(owner.tree().store.options().chunk_size);
                  }},
    PropertyEntry{"sync_interval",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return Value(
                        fmt::format("{}ms", owner.tree().store.options().sync_interval.count()));
                  }},
    PropertyEntry{"default_framing",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return Value(to_string(owner.tree().store.options().framing));
                  }},
    PropertyEntry{"read_only",
                  [](PropertyOwner& owner) -> PropertyValue {
                    return flag(owner.tree().store.options().read_only);
                  }},
    PropertyEntry{
        "version",
        [](PropertyOwner& owner) -> PropertyValue { return Value(owner.tree().options.version); }},
};
constexpr size_t kOfAnyDirectory = 4;

}  // namespace

Result<Attributes> PropertyOwner::attributes() const {
  if (journal_) return journal_->attributes();
  return tree_.store.directory_attributes(directory_);
}

bool PropertyOwner::kept(const Attributes& own) const {
  if (own.keep) return *own.keep;
  std::string_view path = directory_;
  while (true) {
    if (const auto above = tree_.store.directory_attributes(path); above && above->keep) {
      return *above->keep;
    }
    if (path.empty()) return false;
    path = parent_of(path);
  }
}

const range::Extent& PropertyOwner::extent() {
  if (!extent_) extent_ = journal_->extent();
  return *extent_;
}

const Result<std::optional<range::Time>>& PropertyOwner::first_time() {
  if (!first_time_) first_time_ = read_first_time();
  return *first_time_;
}

Result<std::optional<range::Time>> PropertyOwner::read_first_time() {
  if (extent().begin.record == extent().end.record) return std::optional<range::Time>();
  range::RecordBatch batch;
  RETURN_IF_ERROR(journal_->read_records(extent().begin.record, 1, 1, batch));
  if (batch.items.empty()) return std::optional<range::Time>();
  return std::optional(batch.items.front().time);
}

const Result<range::JournalInfo>& PropertyOwner::info() {
  if (!info_) info_ = journal_->info();
  return *info_;
}

Result<PropertyOwner::Counts> PropertyOwner::counts() {
  if (counts_) return *counts_;
  Counts counts;
  for (std::optional<uint64_t> next = 0; next;) {
    ASSIGN_OR_RETURN(const range::NamesPage page, tree_.store.list(directory_, *next, 1000));
    for (const range::NamedEntry& named : page.entries) {
      ++(named.entry.kind == range::EntryKind::kJournal ? counts.journals : counts.directories);
    }
    next = page.next;
  }
  counts_ = counts;
  return counts;
}

std::span<const PropertyEntry> property_table(PropertyKind kind) {
  switch (kind) {
    case PropertyKind::kOfJournal:
      return kOfJournal;
    case PropertyKind::kOfDirectory:
      return std::span(kOfDirectory).first(kOfAnyDirectory);
    case PropertyKind::kOfRoot:
      break;
  }
  return kOfDirectory;
}

const PropertyEntry* find_property(PropertyKind kind, std::string_view key) {
  const auto table = property_table(kind);
  const auto found = std::ranges::find(table, key, &PropertyEntry::key);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace rangefs
