// What recovery makes of a journal of which something cannot be read, for a moment or for longer:
// nothing is lost that can be read again, and nothing that was appended meanwhile.

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

// All of a journal is in one chunk.
class UnreadableRecovery : public RecoveryTest {
 protected:
  void SetUp() override {
    options_.chunk_size = 1 << 20;
    open_store();
  }

  Path idx(JournalId id) { return files(id, ".idx").front(); }
  Path dat(JournalId id) { return files(id, ".dat").front(); }

  // An entry of an index that the disk has not taken.
  void lose_entry(const Path& idx, uint32_t index) {
    std::string bytes = env_->read_all(idx);
    bytes.replace(end_of_entries(index), kEntryBytes, kEntryBytes, '\0');
    env_->write_raw(idx, bytes);
  }

  std::string last_record() {
    const std::vector<std::string> all = found();
    return all.empty() ? "" : all.back();
  }
};

TEST_F(UnreadableRecovery, WithoutBothPagesInFrontOfTheEntriesNothingIsChanged) {
  const JournalId id = fill(20, 0);
  Attributes kept = journal()->attributes();
  kept.keep = true;
  ASSERT_TRUE(journal()->set_attributes(kept));
  journal("other");
  sync_all();
  kill();
  for (const uint64_t page : kHeaderAt) env_->set_readable(idx(id), page, false);
  EXPECT_EQ(code(journal()->append(as_bytes("more\n"))), Errc::kIo);
  EXPECT_FALSE(store_->rename("other", "app", true));
  EXPECT_FALSE(store_->remove("app"));
  for (const uint64_t page : kHeaderAt) env_->set_readable(idx(id), page, true);
  EXPECT_EQ(found(), lines(0, 20));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

// Each read fails once, and once again where it is tried page by page.
TEST_F(UnreadableRecovery, WhatCanBeReadAgainIsNotCutOff) {
  fill(20, 80);
  const auto before = std::move(env_);
  store_.reset();
  for (const bool rebooted : {false, true}) {
    bool all = false;
    for (int first = 0; !all; ++first) {
      SCOPED_TRACE(std::to_string(first) + (rebooted ? ", rebooted" : ""));
      store_.reset();
      env_ = rebooted ? before->after_power_loss(Survival::keep_all()) : before->after_kill();
      open_store();
      int reads = 0;
      env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
        if (call.kind != CallKind::kRead || call.path.find("/chunks/") == std::string::npos)
          return {};
        const bool fails = reads >= first && reads < first + 2;
        ++reads;
        return fails ? std::optional(Fault{EIO}) : std::nullopt;
      });
      auto opened = store_->Store::open("app");
      const bool appended = opened && (*opened)->append(as_bytes("more\n"));
      if (opened) (void)(*opened)->sync();
      env_->set_fault_hook({});
      opened = Error{};
      all = reads <= first;
      lose_power(Survival::keep_all());
      std::vector<std::string> expected = lines(0, 100);
      if (appended) expected.emplace_back("more\n");
      EXPECT_EQ(found(), expected);
      ASSERT_LT(first, 1000);
    }
  }
}

// The mark that the end follows from is written into a page that cannot be read, and comes back.
TEST_F(UnreadableRecovery, WhatWasSyncedBehindAChunkThatCannotBeMarkedHasItsPlace) {
  const JournalId id = fill(20, 0);
  append_lines(*journal(), 20, 1);
  ASSERT_TRUE(journal()->sync());
  append_lines(*journal(), 21, 60);
  lose_entry(idx(id), 50);
  lose_power(Survival::keep_all());
  env_->set_readable(idx(id), 0, false);  // the second mark is there
  append(*journal(), "more\n");
  ASSERT_TRUE(journal()->sync());
  env_->set_readable(files(id, ".idx").front(), 0, true);
  lose_power(Survival::drop_all());
  EXPECT_EQ(last_record(), "more\n");
}

// The place where a tail is to be cut off cannot be written. Entries behind it stay.
TEST_F(UnreadableRecovery, WhatCannotBeCutOffDoesNotComeBack) {
  const JournalId id = fill(41, 60);
  lose_entry(idx(id), 41);
  lose_power(Survival::keep_all());
  env_->set_readable(dat(id), 4096, false);
  append(*journal(), "more\n");
  ASSERT_EQ(files(id, ".dat").size(), 2U);
  kill();
  EXPECT_EQ(last_record(), "more\n");
}

}  // namespace
}  // namespace range
