// What tests of damaged chunks are built on.
#pragma once

#include <memory>
#include <string>

#include "journal/local/local_store.h"
#include "tests/support/exchange_test.h"
#include "tests/support/sim_env.h"

namespace range::exchange {

inline std::string big_endian(uint64_t number, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text += static_cast<char>(number >> static_cast<unsigned>(shift));
  }
  return text;
}

// A chunk as Range writes it.
struct Chunk {
  std::string data;
  std::string index;
  std::vector<size_t> offsets;  // of the records

  explicit Chunk(const Texts& records) {
    for (const std::string& record : records) {
      offsets.push_back(data.size());
      index += big_endian(data.size(), 8);
      data += big_endian(record.size(), 4) + record;
    }
  }
};

inline Texts lines(size_t count, const std::string& word) {
  Texts texts;
  for (size_t i = 0; i < count; ++i) {
    texts.push_back(word + " " + std::to_string(i) + std::string(i % 7, '.'));
  }
  return texts;
}

inline Texts operator+(Texts a, const Texts& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline Texts without(Texts texts, size_t begin, size_t end) {
  texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(begin),
              texts.begin() + static_cast<std::ptrdiff_t>(end));
  return texts;
}

// A store and a journal of Range on a simulated machine: these are many imports.
class ExchangeDamage : public testing::Test {
 protected:
  ExchangeDamage() {
    EXPECT_TRUE(env_.make_directory("/app"));
    auto store = LocalStore::open(env_, "/store", {}, /*background=*/false);
    EXPECT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
  }

  static Path path(const char* id, const char* extension) {
    return Path("/app") / (std::string(id) + extension);
  }
  void write_data(const char* id, const std::string& data) {
    env_.write_raw(path(id, ".dat"), data);
  }
  void write_index(const char* id, const std::string& index) {
    env_.write_raw(path(id, ".idx"), index);
  }
  void write_chunk(const char* id, const Chunk& chunk) {
    write_data(id, chunk.data);
    write_index(id, chunk.index);
  }

  // Imports into a journal that is not there afterwards, and returns what it held.
  Texts import_anew() {
    auto imported = import_journal(*store_, {"copy", "/app"}, {}, env_);
    EXPECT_TRUE(imported) << to_string(imported.error());
    if (!imported) return {};
    imported_ = *std::move(imported);
    Texts found = Exchange::records(*store_, "copy");
    EXPECT_TRUE(store_->remove("copy"));
    EXPECT_TRUE(store_->sync());
    return found;
  }

  const Texts first_ = lines(20, "first");
  const Texts second_ = lines(20, "second");
  SimEnv env_;
  std::unique_ptr<LocalStore> store_;
  ImportedJournal imported_;
};

class ExchangeTail : public ExchangeDamage {};

}  // namespace range::exchange
