// A fixture for tests of one journal, which stays open.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/engine_test.h"

namespace range {

class OpenJournalTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    app_ = journal();
  }
  void reopen_journal() {
    app_.reset();
    reopen();
    app_ = journal();
  }
  RecordNumber seek(const PositionSpec& spec) {
    const auto found = app_->seek(spec);
    EXPECT_TRUE(found) << to_string(found.error());
    return found ? found->record : RecordNumber();
  }

  std::shared_ptr<Journal> app_;
};

}  // namespace range
