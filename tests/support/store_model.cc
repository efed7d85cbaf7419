#include "tests/support/store_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "journal/base/result_macros.h"

namespace range {

namespace {

using Kind = StoreModel::Name::Kind;

std::string parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// Everything in the tree of `store` below `directory`, by path.
Status list_tree(Store& store, const std::string& directory, std::map<std::string, Entry>& found) {
  ASSIGN_OR_RETURN(const auto entries, store.list(directory));
  for (const NamedEntry& entry : entries) {
    const std::string path = directory.empty() ? entry.name : directory + "/" + entry.name;
    found[path] = entry.entry;
    if (entry.entry.kind == EntryKind::kDirectory) RETURN_IF_ERROR(list_tree(store, path, found));
  }
  return {};
}

// What the attributes of a journal or directory are whose own were lost with power: only its owner
// may use it.
bool are_restrictive(const Attributes& attributes) {
  return attributes.mode == 0600 || attributes.mode == 0700;
}

}  // namespace

History<StoreModel::Name>& StoreModel::names_of(const std::string& path) {
  History<Name>& history = names_[path];
  if (history.states.empty()) history.change({});
  return history;
}

void StoreModel::change(const std::string& path, Name name, bool done) {
  History<Name>& history = names_of(path);
  if (done) {
    history.change(name);
  } else {
    history.tried.push_back(name);
  }
}

void StoreModel::created(const std::string& path, uint64_t id, const Attributes& attributes) {
  change(path, {Kind::kJournal, id}, true);
  journals_[id];
  attributes_[id].change(attributes);
}

void StoreModel::directory_made(const std::string& path, const Attributes& attributes, bool done) {
  const uint64_t id = ++directories_;
  change(path, {Kind::kDirectory, id}, done);
  attributes_[id].change(attributes);
}

void StoreModel::removed(const std::string& path, bool done) {
  const Name gone = at(path);
  change(path, {}, done);
  if (gone.kind == Kind::kJournal && must_exist_.contains(gone.id)) must_exist_[gone.id] = false;
}

void StoreModel::renamed(const std::string& from, const std::string& to, bool done) {
  const Name replaced = at(to);
  if (replaced.kind != Kind::kAbsent) removed(to, done);
  std::map<std::string, Name> moved;  // with all below it
  for (const auto& [path, history] : names_) {
    if (path != from && !path.starts_with(from + "/")) continue;
    if (history.now().kind != Kind::kAbsent) moved[path] = history.now();
  }
  // For a moment the two are exchanged, before the one is removed.
  if (replaced.kind != Kind::kAbsent) change(from, replaced, done);
  for (const auto& [path, name] : moved) {
    change(path, {}, done);
    change(to + path.substr(from.size()), name, done);
  }
}

void StoreModel::attributes_set(const std::string& path, const Attributes& attributes, bool done) {
  const Name name = at(path);
  History<Attributes>& history = attributes_[name.id];
  const bool is_journal = name.kind == Kind::kJournal;
  const bool reframed = is_journal && history.now().framing != attributes.framing;
  if (reframed) journal(path).ended_record(done);
  if (done) {
    history.change(attributes);
  } else {
    history.tried.push_back(attributes);
  }
}

// The name of a journal is durable with its first sync, and what leads there.
void StoreModel::journal_synced(const std::string& path) {
  const uint64_t id = at(path).id;
  journals_.at(id).synced();
  must_exist_[id] = true;
  attributes_[id].synced();
  for (std::string part = path; !part.empty(); part = parent(part)) {
    names_of(part).synced();
    if (at(part).kind == Kind::kDirectory) attributes_[at(part).id].synced();
  }
}

void StoreModel::all_synced() {
  for (const std::string& path : paths(Kind::kJournal)) journal_synced(path);
  for (auto& [path, history] : names_) history.synced();
  for (auto& [id, history] : attributes_) history.synced();
}

std::vector<std::string> StoreModel::paths(Name::Kind kind) const {
  std::vector<std::string> found;
  for (const auto& [path, history] : names_) {
    if (history.now().kind == kind) found.push_back(path);
  }
  return found;
}

std::string StoreModel::settle(Store& store, End end) {
  std::map<std::string, Entry> found;
  if (const Status listed = list_tree(store, "", found); !listed) {
    return "list: " + to_string(listed.error());
  }
  std::set<uint64_t> journals;
  for (const auto& [path, entry] : found) {
    static_cast<void>(names_of(path));
    if (entry.kind != EntryKind::kJournal) continue;
    if (!journals.insert(entry.id).second) return path + " leads to a journal twice named";
  }
  for (const auto& [id, expected] : must_exist_) {
    if (expected && !journals.contains(id)) return fmt::format("journal {:016x} is gone", id);
  }
  std::erase_if(must_exist_, [&](const auto& item) { return !journals.contains(item.first); });
  for (auto& [path, history] : names_) {
    if (path.empty()) continue;
    const auto entry = found.find(path);
    const std::string wrong = settle_name(
        store, path, entry == found.end() ? std::nullopt : std::optional(entry->second), end);
    if (!wrong.empty()) return std::string(path).append(": ").append(wrong);
  }
  return {};
}

std::string StoreModel::settle_name(Store& store, const std::string& path,
                                    std::optional<Entry> found, End end) {
  History<Name>& history = names_[path];
  std::string wrong = !found ? "is missing" : "should not be, or be something else";
  for (const Name& name : history.possible(end)) {
    if (!found && name.kind == Kind::kAbsent) {
      history.found(name, end);
      return {};
    }
    if (!found) continue;
    if (name.kind == Kind::kJournal && found->kind == EntryKind::kJournal) {
      const bool unknown = name.id == 0 && !journals_.contains(found->id);
      if (!unknown && name.id != found->id) continue;
      history.found({Kind::kJournal, found->id}, end);
      return settle_journal(store, path, found->id, end);
    }
    if (name.kind == Kind::kDirectory && found->kind == EntryKind::kDirectory) {
      const auto attributes = store.directory_attributes(path);
      if (!attributes) return to_string(attributes.error());
      wrong = settle_attributes(name.id, *attributes, end);
      if (!wrong.empty()) continue;  // another one may have had this name
      history.found(name, end);
      return {};
    }
  }
  return wrong;
}

std::string StoreModel::settle_journal(Store& store, const std::string& path, uint64_t id,
                                       End end) {
  const auto journal = store.open(JournalId(id), path);
  if (!journal) return "open: " + to_string(journal.error());
  JournalModel& model = journals_[id];
  if (std::string wrong = model.settle(**journal, end); !wrong.empty()) return wrong;
  if (end == End::kPowerLoss) must_exist_[id] = true;  // everything found is on the disk
  return settle_attributes(id, (*journal)->attributes(), end);
}

std::string StoreModel::settle_attributes(uint64_t id, const Attributes& found, End end) {
  History<Attributes>& history = attributes_[id];
  if (history.states.empty()) history.change(found);  // nobody was told of it
  const std::vector<Attributes> possible = history.possible(end);
  const bool expected = std::find(possible.begin(), possible.end(), found) != possible.end();
  const bool lost = end == End::kPowerLoss && !history.ever_synced && are_restrictive(found);
  if (!expected && !lost) return fmt::format("has wrong attributes, mode {:o}", found.mode);
  history.found(found, end);
  return {};
}

}  // namespace range
