// What becomes of a record that is open, a line without its newline, when its process or the power
// fails.

#include <gtest/gtest.h>

#include "journal/local/recovery.h"
#include "tests/support/recovery_test.h"

namespace range {
namespace {

using Records = std::vector<std::string>;

class OpenRecord : public RecoveryTest {
 protected:
  void SetUp() override {
    RecoveryTest::SetUp();
    fill(3, 0);
    append(*journal(), "half ");
  }

  static Records behind_lines(Records records) {
    Records all = lines(0, 3);
    all.insert(all.end(), records.begin(), records.end());
    return all;
  }
  // On a copy.
  static uint64_t open_bytes_after_another_framing(SimEnv& env) {
    const auto copy = env.after_kill();
    const auto store = LocalStore::open(*copy, "/store", {}, false);
    const auto app = *(*store)->Store::open("app");
    Attributes attributes = app->attributes();
    attributes.framing = Framing::kWrite;
    EXPECT_TRUE(app->set_attributes(attributes));
    return app->extent().open_bytes;
  }
};

TEST_F(OpenRecord, GoesOnAfterAKill) {
  kill();
  EXPECT_EQ(journal()->extent().open_bytes, 5U);
  append(*journal(), "line\n");
  EXPECT_EQ(found(), behind_lines({"half line\n"}));
}

TEST_F(OpenRecord, GoesOnAfterALossOfPowerIfItWasSynced) {
  ASSERT_TRUE(journal()->sync());
  lose_power(Survival::drop_all());
  EXPECT_EQ(journal()->extent().open_bytes, 5U);
  append(*journal(), "line\n");
  EXPECT_EQ(found(), behind_lines({"half line\n"}));
}

TEST_F(OpenRecord, IsClosedByASyncedChangeOfFraming) {
  Attributes attributes = journal()->attributes();
  attributes.framing = Framing::kWrite;
  ASSERT_TRUE(journal()->set_attributes(attributes));
  ASSERT_TRUE(journal()->sync());
  lose_power(Survival::drop_all());
  EXPECT_EQ(journal()->extent().open_bytes, 0U);
  EXPECT_EQ(found(), behind_lines({"half "}));
}

// The append that would have gone on in it is cut off, if entries of it were written, and with its
// chunk the record ends: as bytes nothing is different.
TEST_F(OpenRecord, IsClosedByAChangeOfFramingAfterTheJournalWasOpenedAnew) {
  ASSERT_TRUE(journal()->sync());
  reopen();
  Attributes attributes = journal()->attributes();
  attributes.framing = Framing::kWrite;
  ASSERT_TRUE(journal()->set_attributes(attributes));
  EXPECT_EQ(journal()->extent().open_bytes, 0U);
  append(*journal(), "whole");
  EXPECT_EQ(found(), behind_lines({"half ", "whole"}));
}

// Also where appends go on in another chunk.
TEST_F(OpenRecord, EndsWhereAnAppendInItWasTornByAKill) {
  const std::string whole = read_all(*journal());
  const std::string torn = "line\n" + line(3) + line(4);
  bool ended = false;
  bool went_on = false;
  bool stored = false;
  for (uint64_t n = 0; !stored; ++n) {
    for (const size_t prefix_bytes : {size_t{0}, size_t{16}, size_t{20}}) {
      const auto machine = env_->after_kill();
      const auto killed = LocalStore::open(*machine, "/store", options_, false);
      const auto app = (*killed)->Store::open("app");
      append(**app, "open ");  // repairs, and has files open
      machine->power_off_at_change(machine->changes() + n, prefix_bytes);
      stored = (*app)->append(as_bytes(torn)).has_value();
      const auto later = machine->after_kill();
      const auto store = LocalStore::open(*later, "/store", options_, false);
      const auto left = *(*store)->Store::open("app");
      EXPECT_EQ(left->extent().open_bytes, stored ? 0U : 10U) << n;
      EXPECT_EQ(open_bytes_after_another_framing(*later), 0U) << n;
      append(*left, "more\n");
      EXPECT_EQ(read_all(*left), whole + "open " + (stored ? torn : "") + "more\n") << n;
      Records expected = behind_lines({"half open more\n"});
      if (stored) expected = behind_lines({"half open line\n", line(3), line(4), "more\n"});
      const bool cut = left->info()->torn_tails > 0;
      if (cut) expected = behind_lines({"half open ", "more\n"});
      EXPECT_EQ(records(left), expected) << n << ": " << machine->first_failed();
      ended = ended || cut;
      went_on = went_on || (!cut && !stored);
    }
  }
  EXPECT_TRUE(ended);
  EXPECT_TRUE(went_on);
}

}  // namespace
}  // namespace range
