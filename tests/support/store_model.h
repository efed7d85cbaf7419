// What a store must hold: names, attributes and journals, and which of them may be gone or older.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "journal/store.h"
#include "tests/support/journal_model.h"

namespace range {

// The states that something had since it was synced last, and those that a call which failed may
// have brought about.
template <typename T>
struct History {
  std::vector<T> states;  // the synced one first, the present one last
  std::vector<T> tried;
  bool ever_synced = false;  // one of them, at some time

  const T& now() const { return states.back(); }
  void change(T state) { states.push_back(std::move(state)); }
  void synced() {
    states = {states.back()};
    ever_synced = true;
  }
  // It was looked at after `end`.
  void found(T state, JournalModel::End end) {
    states.insert(states.end(), tried.begin(), tried.end());
    tried.clear();
    if (end == JournalModel::End::kPowerLoss) {
      states.clear();
      ever_synced = true;  // it is on the disk
    }
    states.push_back(std::move(state));
  }
  // What it can be after `end`.
  std::vector<T> possible(JournalModel::End end) const {
    std::vector<T> all = states;
    if (end != JournalModel::End::kPowerLoss) all = {states.back()};
    if (end != JournalModel::End::kNone) all.insert(all.end(), tried.begin(), tried.end());
    return all;
  }
};

// Copyable, as JournalModel. A name that is in no history has never been used.
class StoreModel {
 public:
  using End = JournalModel::End;

  struct Name {
    enum class Kind { kAbsent, kJournal, kDirectory } kind = Kind::kAbsent;
    uint64_t id = 0;  // of the journal, 0 if that is not known; of a directory a number of ours
    friend bool operator==(const Name&, const Name&) = default;
  };

  StoreModel() { names_[""].change({Name::Kind::kDirectory, 0}); }

  // --- A call has returned (`done`), or failed in a way that leaves open whether it was done -----

  void created(const std::string& path, uint64_t id, const Attributes& attributes);
  void create_tried(const std::string& path) { names_of(path).tried.push_back(kUnknownJournal); }
  void directory_made(const std::string& path, const Attributes& attributes, bool done);
  void removed(const std::string& path, bool done);
  void renamed(const std::string& from, const std::string& to, bool done);
  void attributes_set(const std::string& path, const Attributes& attributes, bool done);
  void journal_synced(const std::string& path);
  void all_synced();

  const Name& at(const std::string& path) { return names_of(path).now(); }
  JournalModel& journal(const std::string& path) { return journals_.at(at(path).id); }
  std::vector<std::string> paths(Name::Kind kind) const;

  // Compares with a store that was opened after `end`, and takes what was found for what is to be.
  // Returns what is wrong, empty if nothing is.
  std::string settle(Store& store, End end);

 private:
  static constexpr Name kUnknownJournal{Name::Kind::kJournal, 0};

  History<Name>& names_of(const std::string& path);
  void change(const std::string& path, Name name, bool done);
  std::string settle_name(Store& store, const std::string& path, std::optional<Entry> found,
                          End end);
  std::string settle_journal(Store& store, const std::string& path, uint64_t id, End end);
  std::string settle_attributes(uint64_t id, const Attributes& found, End end);

  std::map<std::string, History<Name>> names_;
  std::map<uint64_t, JournalModel> journals_;
  std::map<uint64_t, History<Attributes>> attributes_;  // of journals and directories
  std::map<uint64_t, bool> must_exist_;  // journals whose name was synced; false: removal was tried
  uint64_t directories_ = 0;
};

}  // namespace range
