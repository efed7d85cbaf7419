// How far a failure reaches in imports and exports: every system call of them fails once, with
// every errno that matters. What is missing afterwards was told, other journals are complete, and
// the same command finishes the rest.

#include <gtest/gtest.h>

#include <functional>
#include <iomanip>
#include <iostream>
#include <map>
#include <set>

#include "journal/cursor.h"
#include "journal/exchange/export_range.h"
#include "journal/exchange/import_range.h"
#include "journal/exchange/name_map.h"
#include "journal/exchange/range_chunk_writer.h"
#include "journal/local/local_store.h"
#include "tests/support/scale.h"
#include "tests/support/sim_env.h"

namespace range::exchange {
namespace {

using Texts = std::vector<std::string>;

class ExchangeReach : public testing::Test {
 protected:
  ExchangeReach() {
    options_.chunk_size = 4096;
    for (const char* name : {"d/first", "second"}) {
      for (size_t i = 0; i < 12; ++i) {
        records_[name].push_back(name + std::to_string(i) + std::string(i * 90, '.'));
      }
    }
  }

  std::unique_ptr<Store> open(SimEnv& env) {
    auto store = LocalStore::open(env, "/store", options_, /*background=*/false);
    EXPECT_TRUE(store) << to_string(store.error());
    return store ? *std::move(store) : nullptr;
  }

  // Range's directory with all journals, in chunks of four records.
  void make_source(SimEnv& env) const {
    ASSERT_TRUE(env.make_directory("/range"));
    for (const auto& [name, texts] : records_) {
      const Path directory = "/range" / *place_of(name);
      ASSERT_TRUE(env.make_directory(directory.parent_path()));
      ASSERT_TRUE(env.make_directory(directory));
      for (size_t i = 0; i < texts.size(); i += 4) {
        auto writer = RangeChunkWriter::create(env, directory, ChunkId((i + 1) << 16));
        ASSERT_TRUE(writer);
        for (size_t j = i; j < i + 4; ++j) ASSERT_TRUE(writer->append(as_bytes(texts[j])));
        ASSERT_TRUE(writer->finish());
      }
    }
  }

  void make_store(SimEnv& env) {
    const auto store = open(env);
    ASSERT_TRUE(store->make_directory("d", {}));
    Attributes attributes;
    attributes.framing = Framing::kWrite;
    for (const auto& [name, texts] : records_) {
      const auto journal = store->create(name, attributes);
      ASSERT_TRUE(journal);
      for (const std::string& text : texts) ASSERT_TRUE((*journal)->append(as_bytes(text)));
    }
    ASSERT_TRUE(store->close());
  }

  // What is done to all journals: the names of those that it says are whole; nothing if it could
  // not begin.
  using NameSet = std::optional<std::set<std::string>>;
  using Action = std::function<NameSet(SimEnv&)>;
  // What there is of a journal.
  enum class Found { kNothing, kPart, kAll };
  using Check = std::function<Found(SimEnv&, const std::string&)>;

  NameSet import_all(SimEnv& env) {
    std::set<std::string> whole;
    const auto store = open_anyhow(env);
    const auto found = list_journals("/range", env);
    if (!store || !found) return std::nullopt;
    for (const RangeJournal& journal : found->journals) {
      const auto imported = import_journal(*store, journal, {}, env);
      if (imported && imported->damage.empty()) whole.insert(journal.name);
    }
    return whole;
  }

  NameSet export_all(SimEnv& env) {
    std::set<std::string> whole;
    const auto store = open_anyhow(env);
    auto target = RangeExport::open("/range", env);
    if (!store || !target) return std::nullopt;
    for (const auto& [name, texts] : records_) {
      const auto exported = target->export_journal(*store, name, name);
      // Only an export that failed is done again.
      const bool before = !exported && exported.error().code == Errc::kNotEmpty;
      if (before || (exported && exported->damage.empty())) whole.insert(name);
    }
    return whole;
  }

  std::unique_ptr<Store> open_anyhow(SimEnv& env) {
    auto store = LocalStore::open(env, "/store", options_, /*background=*/false);
    return store ? std::unique_ptr<Store>(*std::move(store)) : nullptr;
  }

  Found found_in(const Texts& found, const std::string& name) {
    return found == records_.at(name) ? Found::kAll : Found::kPart;
  }

  Found imported(SimEnv& env, const std::string& name) {
    const auto store = open(env);
    const auto journal = store->open(name);
    if (!journal) return Found::kNothing;
    Texts found;
    Cursor cursor(*journal);
    for (auto record = cursor.next(); record && *record; record = cursor.next()) {
      found.emplace_back(as_text((*record)->bytes));
    }
    return found_in(found, name);
  }

  Found exported(SimEnv& env, const std::string& name) {
    Texts found;
    Findings findings;
    const auto chunks = list_chunks("/range" / *place_of(name), env);
    if (!chunks) return Found::kNothing;
    for (const RangeChunk& chunk : chunks->chunks) {
      auto reader = RangeChunkReader::open(env, chunk, false, findings);
      if (!reader) return Found::kPart;
      for (auto records = reader->next(); records && !records->empty(); records = reader->next()) {
        for (const ConstBytes record : *records) found.emplace_back(as_text(record));
      }
    }
    return findings.damage.empty() && findings.notes.empty() ? found_in(found, name) : Found::kPart;
  }

  // What both directories are found by.
  static bool is_of_the_top(const std::string& path) {
    static const std::set<std::string> kTop = {
        "/",      "/store",   "/store/format",       "/store/lock", "/store/failed",
        "/range", "/range/.", "/range/exporting.tmp"};
    return kTop.contains(path);
  }

  // How many failures of each kind of call reached nothing, one journal, and all of them.
  void print_reached() const {
    std::cout << failures_ << " failures      of nothing  a journal     both\n";
    for (const auto& [kind, counts] : reached_) {
      std::cout << std::left << std::setw(20) << kind << std::right;
      for (size_t i = 0; i < 3; ++i) {
        const auto found = counts.find(i);
        std::cout << std::setw(11) << (found == counts.end() ? 0 : found->second);
      }
      std::cout << '\n';
    }
  }

  // `partly`: what failed may have been done in part, else there is nothing of it.
  void sweep(const SimEnv& begin, bool partly, const Action& action, const Check& check) {
    for (const int sys_errno : {EIO, ENOSPC, EMFILE, ENOMEM}) {
      for (uint64_t n = 0; !HasFailure(); ++n) {
        if (!is_tried(n)) continue;
        const auto env = begin.after_kill();
        std::optional<Call> failed;
        const uint64_t at = env->calls() + n;
        env->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
          if (call.index != at) return std::nullopt;
          failed = call;
          // A store into a mapping needs no room.
          if (call.kind == CallKind::kStore && sys_errno != EIO) return std::nullopt;
          return Fault{sys_errno, 3};
        });
        const NameSet whole = action(*env);
        env->set_fault_hook({});
        if (!failed) {
          ASSERT_EQ(whole->size(), records_.size());
          break;
        }
        ++failures_;
        SCOPED_TRACE(std::to_string(sys_errno) + ": " + to_string(*failed));
        // What the first sync of a store covers is no journal's own.
        const bool of_store = failed->kind == CallKind::kSyncFilesystem;
        const size_t missing = whole ? records_.size() - whole->size() : records_.size();
        EXPECT_TRUE(missing <= 1 || of_store || (!whole && is_of_the_top(failed->path)))
            << "more than one journal";
        const std::string kind = to_string(*failed);
        ++reached_[kind.substr(0, kind.find(' '))][missing];
        const auto now = env->after_kill();
        const auto later = env->after_power_loss(Survival::drop_all());
        for (const auto& [name, texts] : records_) {
          if (whole && whole->contains(name)) {
            EXPECT_EQ(check(*now, name), Found::kAll) << name;
            EXPECT_EQ(check(*later, name), Found::kAll) << name << " after power loss";
          } else if (!partly) {
            EXPECT_EQ(check(*now, name), Found::kNothing) << name;
          }
        }
        const auto again = env->after_kill();
        const NameSet rest = action(*again);
        ASSERT_TRUE(rest);
        EXPECT_EQ(rest->size(), records_.size());
        for (const auto& [name, texts] : records_) {
          EXPECT_EQ(check(*again, name), Found::kAll) << name;
        }
      }
    }
  }

  StoreOptions options_;
  std::map<std::string, Texts> records_;
  uint64_t failures_ = 0;
  std::map<std::string, std::map<size_t, uint64_t>> reached_;
};

TEST_F(ExchangeReach, WhatAnImportLacksIsToldAndMadeUpByTheNext) {
  SimEnv begin;
  make_source(begin);
  ASSERT_TRUE(open(begin)->close());
  sweep(
      begin, /*partly=*/true, [this](SimEnv& env) { return import_all(env); },
      [this](SimEnv& env, const std::string& name) { return imported(env, name); });
  print_reached();
}

TEST_F(ExchangeReach, WhatAnExportLacksIsToldAndMadeUpByTheNext) {
  SimEnv begin;
  make_store(begin);
  sweep(
      begin, /*partly=*/false, [this](SimEnv& env) { return export_all(env); },
      [this](SimEnv& env, const std::string& name) { return exported(env, name); });
  print_reached();
}

TEST_F(ExchangeReach, MapIsAsItWasOrComplete) {
  SimEnv begin;
  begin.write_raw("/map", "a//b\tmine\n");
  for (uint64_t n = 0; n < 100; ++n) {
    const auto env = begin.after_kill();
    const uint64_t at = env->calls() + n;
    bool failed = false;
    env->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      if (call.index != at) return std::nullopt;
      failed = true;
      return Fault{EIO, 3};
    });
    auto map = NameMap::load("/map", *env);
    if (map) map->add_paths({"a//b", "c//d"});
    const bool saved = map && map->save(*env);
    env->set_fault_hook({});
    if (!failed) {
      EXPECT_TRUE(saved);
      return;
    }
    const std::string text = env->after_power_loss(Survival::drop_all())->read_all("/map");
    EXPECT_EQ(text, saved ? "a//b\tmine\nc//d\tc/%/d\n" : "a//b\tmine\n") << n;
  }
  FAIL() << "no end";
}

}  // namespace
}  // namespace range::exchange
