// A fixture for tests of journals whose old chunks are dropped.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/support/engine_test.h"

namespace range {

// A chunk of EngineTest holds so many of the lines of append_lines().
inline constexpr int kLinesInChunk = 41;

class TrimmingTest : public EngineTest {
 protected:
  // Journal "app" with lines 0 to `count`.
  std::shared_ptr<Journal> filled(int count) {
    auto app = journal();
    append_lines(*app, 0, count);
    return app;
  }

  static void set(Journal& journal, const std::function<void(Attributes&)>& change) {
    Attributes attributes = journal.attributes();
    change(attributes);
    ASSERT_TRUE(journal.set_attributes(attributes));
  }

  static void drop_chunks(Journal& journal, size_t count) {
    const Status trimmed = journal.trim(journal.chunks().at(count - 1).id);
    ASSERT_TRUE(trimmed) << to_string(trimmed.error());
  }

  void apply() {
    const Status applied = store_->apply_retention();
    ASSERT_TRUE(applied) << to_string(applied.error());
  }

  void set_directory(const std::string& path, const std::function<void(Attributes&)>& change) {
    auto attributes = store_->directory_attributes(path);
    ASSERT_TRUE(attributes);
    change(*attributes);
    ASSERT_TRUE(store_->set_directory_attributes(path, *attributes));
  }

  // The number of the line that the journal begins with.
  static int first_line(const Journal& journal) {
    return static_cast<int>(journal.extent().begin.record.value());
  }
};

}  // namespace range
