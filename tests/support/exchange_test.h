// What tests of imports and exports are built on: a store, and a directory as Range has it.
#pragma once

#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "journal/cursor.h"
#include "journal/exchange/export_range.h"
#include "journal/exchange/import_range.h"
#include "journal/store.h"
#include "tests/support/temporary_directory.h"

namespace range::exchange {

using Texts = std::vector<std::string>;

// "00 01 ab" as bytes.
inline std::string hex(std::string_view digits) {
  std::string bytes;
  std::string pair;
  for (const char c : digits) {
    if (c != ' ') pair += c;
    if (pair.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
    pair.clear();
  }
  return bytes;
}

// Records "a", "" and "bc", as Range would write them.
inline const std::string kThree = hex("00000001 61  00000000  00000002 6263");
inline const std::string kThreeIndex = hex("0000000000000000 0000000000000005 0000000000000009");
inline const std::string kOne = hex("00000003 646566");  // "def"

inline constexpr const char* kFirst = "18EA5F509AFF0001";
inline constexpr const char* kSecond = "18EA5F609AFF0001";
inline constexpr const char* kThird = "18EA5F709AFF0001";

class Exchange : public testing::Test {
 public:
  static Texts records(Store& store, const std::string& path = "app") {
    Texts found;
    auto journal = store.open(path);
    EXPECT_TRUE(journal) << to_string(journal.error());
    Cursor cursor(*journal);
    for (auto record = cursor.next(); record && *record; record = cursor.next()) {
      found.emplace_back(as_text((*record)->bytes));
    }
    return found;
  }

 protected:
  void SetUp() override { store_ = open("store"); }
  void TearDown() override { EXPECT_TRUE(store_->close()); }

  std::unique_ptr<Store> open(const char* name) {
    auto store = open_store(work_.path() / name, {});
    EXPECT_TRUE(store) << to_string(store.error());
    return *std::move(store);
  }

  Path journal_directory() const { return work_.path() / "range/pp/app"; }

  void write(const std::string& file, std::string_view content) {
    boost::filesystem::create_directories(journal_directory());
    std::ofstream((journal_directory() / file).native(), std::ios::binary) << content;
  }
  void write_data(const char* chunk, std::string_view data) {
    write(std::string(chunk) + ".dat", data);
  }
  void write_index(const char* chunk, std::string_view data) {
    write(std::string(chunk) + ".idx", data);
  }
  std::string read(const Path& path) const {
    std::ifstream file((work_.path() / path).native(), std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
  }

  Result<ImportedJournal> try_import() {
    return import_journal(*store_, {"app", journal_directory()});
  }
  ImportedJournal import() {
    auto imported = try_import();
    EXPECT_TRUE(imported) << to_string(imported.error());
    return imported ? *std::move(imported) : ImportedJournal();
  }

  Texts records() { return records(*store_); }

  TemporaryDirectory work_;
  std::unique_ptr<Store> store_;
};

}  // namespace range::exchange
