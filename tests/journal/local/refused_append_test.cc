// An append that is refused for want of space leaves the journal as if nobody had tried it: also
// the record that is open stays so.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/engine_test.h"

namespace range {
namespace {

using Records = std::vector<std::string>;

class RefusedAppend : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    app_ = journal();
  }

  void TearDown() override { app_.reset(); }

  // From now on, writes to files whose paths end so fail, after `prefix` bytes.
  void fail_writes(const std::string& ending, int sys_errno, size_t prefix = 0) {
    env_->set_fault_hook([=](const Call& call) -> std::optional<Fault> {
      if (call.kind != CallKind::kWrite || !call.path.ends_with(ending)) return std::nullopt;
      return Fault{.sys_errno = sys_errno, .prefix_bytes = prefix};
    });
  }

  void expect_refused(std::string_view text) {
    const auto refused = app_->append(as_bytes(text));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kNoSpace) << to_string(refused.error());
  }

  std::shared_ptr<Journal> app_;
};

TEST_F(RefusedAppend, LeavesTheOpenRecordOpenWhicheverFileHasNoRoom) {
  Records expected;
  for (const int sys_errno : {ENOSPC, EDQUOT}) {
    for (const char* file : {".dat", ".idx"}) {
      for (const size_t prefix : {0U, 9U, 16U, 40U}) {
        append(*app_, "abc");
        fail_writes(file, sys_errno, prefix);
        expect_refused("one\ntwo\nthree\n");
        expect_refused("more");
        EXPECT_EQ(app_->extent().open_bytes, 3U);
        env_->set_fault_hook({});
        append(*app_, "def\n");
        expected.emplace_back("abcdef\n");
        EXPECT_EQ(records(app_), expected) << file << ", " << sys_errno << ", " << prefix;
      }
    }
  }
  EXPECT_EQ(app_->info()->chunks, 1U);
}

// Its entries may have reached the disk before they were cut off. Where those of the next append
// took their slots, a power loss could otherwise leave the first sector of the one and the second
// of the other, all of them valid where the payload is the same.
TEST_F(RefusedAppend, DoesNotComeBackInTheSlotsThatTheNextOneUses) {
  constexpr size_t kSlots = kSectorBytes / kEntryBytes;
  Records refused(kSlots + 1, "aa");
  Records next = refused;
  next[0] = "a";
  next[1] = "aaa";
  ASSERT_TRUE(app_->sync());
  fail_writes(".idx", ENOSPC, kSectorBytes);
  EXPECT_EQ(code(app_->append_records(refused)), Errc::kNoSpace);
  env_->set_fault_hook({});
  ASSERT_TRUE(app_->append_records(next));
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Survival survival{Survival::Kind::kKeepAllButOne, seed};
    const auto machine = env_->after_power_loss(survival);
    const auto store = LocalStore::open(*machine, "/store", options_, /*background=*/false);
    const Records left = records(*(*store)->Store::open("app"));
    EXPECT_TRUE(left.empty() || left == next) << to_string(survival);
  }
}

// Entries that could not be cut off again might pass for an append.
TEST_F(RefusedAppend, PoisonsTheJournalIfItCannotBeUndone) {
  for (const CallKind undo : {CallKind::kTruncate, CallKind::kSyncData}) {
    const auto app = journal(undo == CallKind::kTruncate ? "cut" : "synced");
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      const bool fails = call.kind == CallKind::kWrite || call.kind == undo;
      if (!fails || !call.path.ends_with(".idx")) return std::nullopt;
      return Fault{.sys_errno = ENOSPC, .prefix_bytes = 16};
    });
    EXPECT_EQ(code(app->append(as_bytes("x\n"))), Errc::kIo);
    env_->set_fault_hook({});
    EXPECT_EQ(code(app->append(as_bytes("y\n"))), Errc::kIo);
  }
}

TEST_F(RefusedAppend, IsNoneWhereAnotherFileHasRoom) {
  for (const char* file : {".dat", ".idx"}) {
    const auto app = journal(file);
    append(*app, "a line\nand an open");
    const std::string full = files(app->id(), file).front().string();
    fail_writes(full, EFBIG, 9);
    append(*app, " one");
    append(*app, " that goes on\n");
    env_->set_fault_hook({});
    EXPECT_EQ(records(app), (Records{"a line\n", "and an open", " one that goes on\n"})) << file;
    EXPECT_EQ(app->info()->chunks, 2U);
  }
}

// A chunk that is begun for an append closes the open record only if the append is stored there.
TEST_F(RefusedAppend, InAChunkThatWasBegunForItLeavesTheOpenRecordOpen) {
  for (const bool too_old : {false, true}) {
    const auto app = journal(too_old ? "old" : "full");
    append(*app, "abc");
    sync_all();
    if (too_old) env_->advance(std::chrono::milliseconds(kChunkAgeMsMax + 1));
    const std::string first = files(app->id(), ".dat").front().string();
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      if (call.kind != CallKind::kWrite || !call.path.ends_with(".dat")) return std::nullopt;
      return Fault{.sys_errno = call.path == first ? EFBIG : ENOSPC};
    });
    EXPECT_EQ(code(app->append(as_bytes("x"))), Errc::kNoSpace);
    env_->set_fault_hook({});
    EXPECT_EQ(app->extent().open_bytes, 3U);
    EXPECT_EQ(app->info()->chunks, 1U);
    EXPECT_EQ(files(app->id(), "").size(), 2U);
    append(*app, "def\n");
    EXPECT_EQ(records(app), (too_old ? Records{"abc", "def\n"} : Records{"abcdef\n"}));
  }
}

TEST_F(RefusedAppend, LargerThanAFileMayBeLeavesTheOpenRecordOpen) {
  append(*app_, "abc");
  fail_writes(".dat", EFBIG);
  expect_refused("more than there is");
  env_->set_fault_hook({});
  append(*app_, "def\n");
  EXPECT_EQ(records(app_), Records{"abcdef\n"});
  EXPECT_EQ(app_->info()->chunks, 1U);
}

// A change of framing closes the open record by a new chunk; one that fails changes nothing.
TEST_F(RefusedAppend, AChangeOfFramingThatIsRefusedLeavesTheOpenRecordOpen) {
  Attributes other = app_->attributes();
  other.framing = Framing::kWrite;
  Records expected;
  bool done = false;
  for (uint64_t n = 0; !done; ++n) {
    append(*app_, "abc");
    env_->set_fault_hook([&, change = env_->changes() + n](const Call& call) {
      const bool fails = is_change(call.kind) && call.change == change;
      return fails ? std::optional(Fault{.sys_errno = ENOSPC}) : std::nullopt;
    });
    done = app_->set_attributes(other).has_value();
    env_->set_fault_hook({});
    EXPECT_EQ(app_->extent().open_bytes, done ? 0U : 3U) << env_->first_failed();
    if (done) break;
    EXPECT_EQ(app_->attributes().framing, Framing::kLine);
    append(*app_, "def\n");
    expected.emplace_back("abcdef\n");
    EXPECT_EQ(records(app_), expected) << env_->first_failed();
    ASSERT_LT(n, 50U);
  }
  EXPECT_GT(expected.size(), 5U);
  app_.reset();
  reopen();
  app_ = journal();
  expected.emplace_back("abc");
  EXPECT_EQ(records(app_), expected);
}

// Its files may have to stay, on a disk that fails. They would show where the chunk before them
// ends, in which the open record went on.
TEST_F(RefusedAppend, AChunkThatWasBegunForNothingAndCannotBeRemovedCostsNothing) {
  bool done = false;
  for (uint64_t n = 0; !done; ++n) {
    const std::string name = "app" + std::to_string(n);
    auto app = journal(name);
    sync_all();
    append(*app, "abc");
    Attributes other = app->attributes();
    other.framing = Framing::kWrite;
    env_->set_fault_hook([&, change = env_->changes() + n](const Call& call) {
      const bool fails = is_change(call.kind) && call.change == change;
      if (fails) return std::optional(Fault{.sys_errno = ENOSPC, .prefix_bytes = kEntriesAt});
      return call.kind == CallKind::kRemoveFile ? std::optional(Fault{.sys_errno = EIO})
                                                : std::nullopt;
    });
    done = app->set_attributes(other).has_value();
    env_->set_fault_hook({});
    std::string acknowledged = "abc";
    for (int i = 0; i < 100; ++i) {  // more than one chunk
      if (app->append(as_bytes(line(i)))) acknowledged += line(i);
    }
    (void)app->sync();
    const std::string failed = env_->first_failed();
    app.reset();
    kill();
    const std::string left = read_all(*journal(name));
    EXPECT_TRUE(left == acknowledged)
        << left.size() << " bytes instead of " << acknowledged.size() << " after " << failed;
    ASSERT_LT(n, 50U);
  }
}

}  // namespace
}  // namespace range
