// A fixture for tests of how far a failure reaches: every system call of an operation fails once,
// with every errno that matters, while other journals are in use. Prints a table of what each
// failure has cost; that of journal/README.md is made from it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <iostream>
#include <map>
#include <set>

#include "journal/local/local_store.h"
#include "tests/crash/reach_bound.h"
#include "tests/support/scale.h"
#include "tests/support/sim_env.h"

namespace range {

// What a journal must hold.
struct Promised {
  std::string acknowledged;
  std::string tried;     // by an append that failed
  size_t synced = 0;     // so many bytes survive power loss
  std::string before{};  // the name that it may have again if power is lost
  uint64_t id = 0;       // of those that have been there from the beginning
};

inline constexpr uint32_t kNewMode = 0640;
inline constexpr uint64_t kRetained = 7000;  // bytes, by retention: the newest two chunks

class ReachTest : public testing::Test {
 public:
  ~ReachTest() override { let_go(); }

 protected:
  using Operation = std::function<Status()>;  // ends with its first error

  ReachTest() {
    options_.chunk_size = 4096;
    env_ = std::make_unique<SimEnv>();
    EXPECT_TRUE(open_store());
    EXPECT_TRUE(store_->make_directory("d", {}));
    EXPECT_TRUE(store_->make_directory("empty", {}));
    EXPECT_TRUE(store_->create("vacant", {}));
    for (const char* path : {"hit", "other", "d/third"}) {
      Attributes attributes;
      attributes.max_bytes = kRetained;
      EXPECT_TRUE(store_->create(path, attributes));
      expected_[path].id = id_of(path);
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(append(path, 1500));
    }
    EXPECT_TRUE(sync_store());
    EXPECT_TRUE(store_->close());
    store_.reset();
    begin_ = env_->after_kill();
    begin_expected_ = expected_;
  }
  void let_go() {
    journals_.clear();
    store_.reset();
  }

  Status open_store() {
    let_go();
    auto opened = LocalStore::open(*env_, "/store", options_, /*background=*/false);
    if (!opened) return opened.error();
    store_ = *std::move(opened);
    return {};
  }

  Result<std::shared_ptr<Journal>> journal(const std::string& path) {
    auto& known = journals_[path];
    if (!known) {
      ASSIGN_OR_RETURN(known, store_->Store::open(path));
    }
    return known;
  }

  Status append(const std::string& path, size_t size) {
    Promised& expected = expected_[path];
    const std::string line =
        std::to_string(expected.acknowledged.size()) + std::string(size, '.') + '\n';
    expected.tried = line;
    ASSIGN_OR_RETURN(const auto opened, journal(path));
    RETURN_IF_ERROR(opened->append(as_bytes(line), std::nullopt));
    expected.acknowledged += line;
    expected.tried.clear();
    return {};
  }

  Status sync(const std::string& path) {
    ASSIGN_OR_RETURN(const auto opened, journal(path));
    RETURN_IF_ERROR(opened->sync());
    expected_[path].synced = expected_[path].acknowledged.size();
    return {};
  }

  Status sync_store() {
    RETURN_IF_ERROR(store_->sync());
    for (auto& [path, expected] : expected_) expected.synced = expected.acknowledged.size();
    return {};
  }

  Status trim(const std::string& path) {
    ASSIGN_OR_RETURN(const auto opened, journal(path));
    const auto chunks = opened->chunks();
    return opened->trim(chunks.front().id, {});
  }

  uint64_t id_of(const std::string& path) {
    const auto entry = store_->look_up(path);
    EXPECT_TRUE(entry) << path << ": " << to_string(entry.error());
    return entry && *entry ? (*entry)->id : 0;
  }

  // Begins as `begin` says, from the same store each time.
  void prepare(Begin begin) {
    let_go();
    env_ = begin_->after_kill();
    expected_ = begin_expected_;
    mode_.reset();
    if (begin == Begin::kClosed) return;
    ASSERT_TRUE(open_store());
    if (begin == Begin::kOpen) return;
    if (begin == Begin::kInUse) {
      for (const char* path : {"other", "d/third", "hit"}) ASSERT_TRUE(append(path, 10));
      ASSERT_TRUE(sync_store());
      for (const char* path : {"other", "d/third", "hit"}) ASSERT_TRUE(append(path, 10));
      return;
    }
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(append("hit", 1500));
    env_->power_off_at_change(env_->changes() + 1, 5);  // amid the entry
    ASSERT_FALSE(append("hit", 10));
    expected_["hit"].tried.clear();
    let_go();
    env_ = env_->after_kill();
  }

  void remove_expected(const std::string& path) {
    journals_.erase(path);
    expected_.erase(path);
  }

  // What `path` holds is what was acknowledged, from the beginning or that of a chunk on.
  void check_contents(const std::string& path, size_t at_least) {
    const auto found = store_->look_up(path);
    ASSERT_TRUE(found) << path << ": " << to_string(found.error());
    ASSERT_TRUE(*found) << path << " is gone";
    const Promised& expected = expected_.at(path);
    const auto opened = journal(path);
    ASSERT_TRUE(opened) << to_string(opened.error());
    const Extent extent = (*opened)->extent();
    std::string text(extent.end.offset - extent.begin.offset, '\0');
    const auto got = (*opened)->read(extent.begin.offset, std::as_writable_bytes(std::span(text)));
    ASSERT_TRUE(got) << path << ": " << to_string(got.error());
    ASSERT_EQ(*got, text.size()) << path;
    const std::string all = expected.acknowledged + expected.tried;
    ASSERT_EQ(text, all.substr(extent.begin.offset.value(), text.size())) << path;
    ASSERT_GE(extent.end.offset.value(), at_least) << path;
  }

  // Whether a journal still takes appends and syncs.
  bool goes_on(const std::string& path) { return append(path, 10) && sync(path); }

  Reach measure(bool failed) {
    if (!store_) {
      EXPECT_TRUE(open_store()) << "the next try";
      return failed ? Reach::kCall : Reach::kNothing;
    }
    const bool makes_names = store_->create("new", {}).has_value();
    size_t stopped = 0;
    for (const std::string path : {"new", "other", "d/third", "hit", "moved", "vacant", "fresh",
                                   "elsewhere/third", "empty/third"}) {
      const auto entry = store_->look_up(path);
      if (entry && *entry && !goes_on(path)) ++stopped;
    }
    if (!makes_names || stopped > 1) return Reach::kStore;
    if (stopped == 1) return Reach::kJournal;
    if (!store_->sync()) return Reach::kJournal;
    return failed ? Reach::kCall : Reach::kNothing;
  }

  void check_what_is_left() {
    const auto now = std::move(env_);
    const auto expected = expected_;
    const auto look = [&](std::unique_ptr<SimEnv> later, const auto& at_least) {
      let_go();
      env_ = std::move(later);
      expected_ = expected;
      const Status opened = open_store();
      ASSERT_TRUE(opened) << to_string(opened.error());
      for (const auto& [path, each] : expected) {
        // A new name, of a journal that was never synced.
        if (id_of(path) == 0 && at_least(each) == 0) continue;
        const bool back = !each.before.empty() && id_of(each.before) == each.id;
        const std::string& name = back ? each.before : path;
        expected_[name] = each;
        check_contents(name, at_least(each));
        EXPECT_TRUE(goes_on(name)) << name;
        if (each.synced > 0) check_mode(journal(name).value()->attributes().mode, name);
      }
      const char* directory = id_of("d") != 0           ? "d"
                              : id_of("elsewhere") != 0 ? "elsewhere"
                                                        : "empty";
      check_mode(store_->directory_attributes(directory).value().mode, "d");
      let_go();
    };
    let_go();  // before the env that it uses
    look(now->after_kill(), [](const Promised& each) { return each.acknowledged.size(); });
    look(now->after_power_loss(Survival::drop_all()),
         [](const Promised& each) { return each.synced; });
  }

  // What was set or what was there before; not what stands for attributes that are lost.
  void check_mode(uint32_t mode, const std::string& path) const {
    const bool set = mode_ == path;
    EXPECT_TRUE(mode == kNewMode || (!set && mode == Attributes().mode)) << path << ": " << mode;
  }

  // Lets each call of `operation` fail, and looks at what that has cost.
  void sweep(const std::string& name, Begin begin, const Operation& operation) {
    for (const int sys_errno : {EIO, ENOSPC, EMFILE, ENOMEM}) {
      for (uint64_t n = 0; !HasFailure(); ++n) {
        if (!is_tried(n)) continue;
        ASSERT_NO_FATAL_FAILURE(prepare(begin));
        Failed failing{.sys_errno = sys_errno, .begin = begin};
        std::set<std::string> created;
        bool syncs = false;
        const uint64_t at = env_->calls() + n;
        env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
          if (call.kind == CallKind::kCreate) created.insert(call.path);
          const bool first_write = call.kind == CallKind::kWrite && created.erase(call.path) > 0;
          syncs = syncs || call.kind == CallKind::kSyncData;
          if (call.index != at) return std::nullopt;
          failing.call = call;
          failing.first_write = first_write;
          failing.behind_sync = syncs;
          // A store into a mapping fails by a signal, and needs no room.
          const bool impossible = call.kind == CallKind::kStore && sys_errno != EIO;
          if (impossible) return std::nullopt;
          return Fault{sys_errno, 3};
        });
        const Status done = operation();
        env_->set_fault_hook({});
        if (failing.call.path.empty()) break;
        ++failures_;
        SCOPED_TRACE(name + ", " + std::to_string(sys_errno) + ": " + to_string(failing.call));
        const Reach reach = measure(!done);
        note(name, failing.call, sys_errno, reach);
        // No wider than its cause.
        EXPECT_LE(reach, widest_reach(failing)) << name_of(reach);
        check_what_is_left();
      }
    }
  }

  void note(const std::string& operation, const Call& call, int sys_errno, Reach reach) {
    const std::string text = to_string(call);
    const std::string kind = text.substr(0, text.find(' '));
    table_[{operation, kind + ", " + place_of(call.path)}][reach].insert(sys_errno);
  }

  void print_table() const {
    const auto text = [](int sys_errno) {
      return std::string(sys_errno == EIO      ? "EIO"
                         : sys_errno == ENOSPC ? "ENOSPC"
                         : sys_errno == EMFILE ? "EMFILE"
                                               : "ENOMEM");
    };
    std::cout << failures_ << " failures\n";
    for (const auto& [row, reaches] : table_) {
      std::cout << "| " << row.first << " | " << row.second << " | ";
      const char* separator = "";
      for (const auto& [reach, errnos] : reaches) {
        std::cout << separator << name_of(reach);
        if (reaches.size() > 1) {
          std::cout << " (";
          const char* comma = "";
          for (const int each : errnos) std::cout << std::exchange(comma, ", ") << text(each);
          std::cout << ')';
        }
        separator = "; ";
      }
      std::cout << " |\n";
    }
  }

  std::unique_ptr<SimEnv> env_;
  StoreOptions options_;
  std::unique_ptr<LocalStore> store_;
  std::map<std::string, std::shared_ptr<Journal>> journals_;
  std::map<std::string, Promised> expected_;
  std::unique_ptr<SimEnv> begin_;
  std::map<std::string, Promised> begin_expected_;
  std::optional<std::string> mode_;  // what has kNewMode for certain
  uint64_t failures_ = 0;
  std::map<std::pair<std::string, std::string>, std::map<Reach, std::set<int>>> table_;
};

}  // namespace range
