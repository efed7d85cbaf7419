// Where the limits of a journal are not known, nothing of it is dropped.

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/support/trimming_test.h"

namespace range {
namespace {

class UnknownLimits : public TrimmingTest {
 protected:
  // Journal "web/app" with lines 0 to 200; it is unlimited, but what is not in `web` is limited.
  void SetUp() override {
    TrimmingTest::SetUp();
    make_directory("web");
    set_directory("", [](Attributes& attributes) { attributes.max_records = 50; });
    set_directory("web", [](Attributes& attributes) { attributes.max_records = 0; });
    append_lines(*journal("web/app"), 0, 200);
  }
};

TEST_F(UnknownLimits, NothingIsDroppedWithoutTheSettingsOfTheDirectory) {
  reopen();
  env_->corrupt("/store/tree/web/.info", 3, 1);
  apply();
  append_lines(*journal("web/app"), 200, 200);
  ASSERT_TRUE(store_->apply_retention_where_due());
  EXPECT_EQ(first_line(*journal("web/app")), 0);
}

TEST_F(UnknownLimits, NothingIsDroppedWithoutThoseOfTheJournal) {
  set_directory("web", [](Attributes& attributes) { attributes.max_records = 50; });
  set(*journal("web/app"), [](Attributes& attributes) { attributes.max_records = 0; });
  const Path file = directory_of(journal("web/app")->id()) / "attributes";
  reopen();
  env_->corrupt(file, 3, 1);
  EXPECT_EQ(code(store_->apply_retention()), Errc::kCorrupt);
  append_lines(*journal("web/app"), 200, 200);
  EXPECT_EQ(code(store_->apply_retention()), Errc::kCorrupt);
  EXPECT_EQ(first_line(*journal("web/app")), 0);
  set(*journal("web/app"), [](Attributes& attributes) { attributes.max_records = 100; });
  apply();
  EXPECT_GT(first_line(*journal("web/app")), 250) << "set anew";
}

// Who moves a journal, or sets the time of its modification, has not set its limits.
TEST_F(UnknownLimits, NothingIsDroppedAfterTimesAloneWereSet) {
  set_directory("web", [](Attributes& attributes) { attributes.max_records = 50; });
  set(*journal("web/app"), [](Attributes& attributes) { attributes.max_records = 0; });
  const Path file = directory_of(journal("web/app")->id()) / "attributes";
  reopen();
  env_->corrupt(file, 3, 1);
  const Attributes::Modified modified{Timestamp(std::chrono::nanoseconds(7)), ByteOffset(20'000)};
  set(*journal("web/app"), [&](Attributes& attributes) {
    attributes.changed = Timestamp(std::chrono::nanoseconds(9));
    attributes.modified = modified;
  });
  EXPECT_EQ(journal("web/app")->attributes().modified, modified) << "as long as it is open";
  append_lines(*journal("web/app"), 200, 200);
  EXPECT_EQ(code(store_->apply_retention()), Errc::kCorrupt);
  EXPECT_EQ(first_line(*journal("web/app")), 0);
  reopen();
  EXPECT_EQ(code(store_->apply_retention()), Errc::kCorrupt) << "they are lost still";
}

// A store opens those itself, without knowing where they are in the tree.
TEST_F(UnknownLimits, NothingIsDroppedFromAJournalThatASyncHadFailedFor) {
  auto app = journal("web/app");
  sync_all();
  append(*app, line(200));
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kSyncData && call.path.ends_with(".dat")) return Fault{EIO, 0};
    return {};
  });
  EXPECT_EQ(code(app->sync()), Errc::kIo);
  env_->set_fault_hook({});
  app.reset();
  kill();
  apply();
  append_lines(*journal("web/app"), 201, 100);
  ASSERT_TRUE(store_->apply_retention_where_due());
  apply();
  EXPECT_EQ(first_line(*journal("web/app")), 0);
  EXPECT_EQ(journal("web/app")->append({}).value(), ByteOffset(30'100));
}

TEST_F(UnknownLimits, NothingIsDroppedFromAJournalThatIsNotWhereItWas) {
  make_directory("short");
  ASSERT_TRUE(store_->rename("web/app", "short/app", false));
  const JournalId id = journal("short/app")->id();
  ASSERT_TRUE(store_->rename("short/app", "web/app", false));
  reopen();
  const auto stale = store_->open(id, "short/app");  // looked up before it was moved
  ASSERT_TRUE(stale);
  append_lines(**stale, 200, 100);
  ASSERT_TRUE((*stale)->apply_retention());
  EXPECT_EQ(first_line(**stale), 0);
  ASSERT_TRUE(store_->rename("web", "elsewhere", false));
  ASSERT_TRUE(store_->open(id, "elsewhere/app"));
  set_directory("elsewhere", [](Attributes& attributes) { attributes.max_records = 100; });
  ASSERT_TRUE((*stale)->apply_retention());
  EXPECT_GT(first_line(**stale), 0) << "its place is known again";
}

}  // namespace
}  // namespace range
