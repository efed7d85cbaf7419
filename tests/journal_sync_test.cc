// What a journal syncs without having been asked.

#include <gtest/gtest.h>

#include "tests/support/engine_test.h"

namespace range {
namespace {

class JournalSync : public EngineTest {};

TEST_F(JournalSync, WhatAnAppenderSyncsBecauseItIsMuchIsDurable) {
  auto app = journal();
  sync_all();
  int count = 0;
  for (; app->extent().synced == ByteOffset() && count < 10'000; ++count) append(*app, line(count));
  const ByteOffset synced = app->extent().synced;
  ASSERT_GT(synced, ByteOffset()) << "after " << count << " lines";
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_GE(journal()->extent().end.offset, synced);
}

}  // namespace
}  // namespace range
