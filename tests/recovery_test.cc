// What a journal is after files of it were damaged, or its process or the power failed: one test
// per damage.

#include "journal/chunked/recovery.h"

#define XXH_INLINE_ALL
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>

#include "tests/support/engine_test.h"

namespace range {
namespace {

class Recovery : public EngineTest {
 protected:
  // Damages one bit of every byte of a sector.
  void damage_sector(const Path& file, uint64_t at) {
    for (uint64_t i = 0; i < kSectorBytes; ++i) env_->corrupt(file, at + i, 0x10);
  }

  // Damages the payload of a line of append_lines(), within its chunk.
  void damage_line(const Path& dat, uint64_t line_of_chunk) {
    env_->corrupt(dat, line_of_chunk * 100 + 50, 0x01);
  }

  // Lines from 0 on in journal "app": so many synced, so many not. A chunk holds 41 of them.
  JournalId fill(int synced, int unsynced) {
    const auto app = journal();
    append_lines(*app, 0, synced);
    if (synced > 0) {
      EXPECT_TRUE(app->sync());
    }
    append_lines(*app, synced, unsynced);
    return app->id();
  }

  std::vector<std::string> found() { return records(journal()); }

  // Opens the store as it is on another machine, and looks at journal "app": every record that is
  // served must be what was appended in its place.
  void expect_intact_records(SimEnv& machine, const std::vector<std::string>& appended) {
    const auto store = ChunkedStore::open(machine, "/store", options_, false);
    ASSERT_TRUE(store) << to_string(store.error());
    const auto entry = (*store)->look_up("app");
    ASSERT_TRUE(entry && *entry);
    const auto app = (*store)->open(JournalId((*entry)->id), "app");
    ASSERT_TRUE(app) << to_string(app.error());
    const std::vector<std::string> served = records(*app);
    ASSERT_LE(served.size(), appended.size());
    for (size_t i = 0; i < served.size(); ++i) {
      if (served[i] != "(corrupt)") {
        ASSERT_EQ(served[i], appended[i]);
      }
    }
  }

  // What a power loss at this moment leaves is the beginning of what was appended, and intact.
  void expect_prefix_after_power_loss(const Survival& survival,
                                      const std::vector<std::string>& appended) {
    const auto machine = env_->after_power_loss(survival);
    const auto store = ChunkedStore::open(*machine, "/store", options_, false);
    ASSERT_TRUE(store) << to_string(store.error());
    const auto entry = (*store)->look_up("app");
    ASSERT_TRUE(entry && *entry);
    const auto app = (*store)->open(JournalId((*entry)->id), "app");
    ASSERT_TRUE(app) << to_string(app.error());
    const std::vector<std::string> served = records(*app);
    ASSERT_LE(served.size(), appended.size());
    const std::vector<std::string> prefix(
        appended.begin(), appended.begin() + static_cast<std::ptrdiff_t>(served.size()));
    ASSERT_EQ(served, prefix) << to_string(survival);
  }

  // The journal goes on behind what was found.
  void expect_appends_go_on() {
    std::vector<std::string> expected = found();
    append(*journal(), "more\n");
    expected.emplace_back("more\n");
    EXPECT_EQ(found(), expected);
    reopen();
    EXPECT_EQ(found(), expected);
  }
};

TEST_F(Recovery, AKilledProcessLosesNothingThatReturned) {
  fill(10, 90);
  kill();
  EXPECT_EQ(found(), lines(0, 100));
  expect_appends_go_on();
}

TEST_F(Recovery, OnlyWhatTheMarkVouchesForCountsAsSynced) {
  fill(10, 5);
  kill();
  EXPECT_EQ(journal()->extent().synced, ByteOffset(1000));
  ASSERT_TRUE(journal()->sync());
  EXPECT_EQ(journal()->extent().synced, ByteOffset(1500));
  lose_power(Survival::drop_all());
  EXPECT_EQ(found(), lines(0, 15));
}

TEST_F(Recovery, TornHeaderInLastChunkKeepsEarlierRecords) {
  const JournalId id = fill(41, 3);
  kill();
  const Path idx = files(id, ".idx").back();
  damage_sector(idx, kHeaderAt);
  damage_sector(idx, kHeaderCopyAt);
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".idx.torn"), std::vector<Path>{idx.string() + ".torn"});
}

TEST_F(Recovery, OneDamagedHeaderCopyIsNoDamage) {
  const JournalId id = fill(50, 10);
  kill();
  damage_sector(files(id, ".idx").front(), kHeaderAt);
  damage_sector(files(id, ".idx").back(), kHeaderCopyAt);
  EXPECT_EQ(found(), lines(0, 60));
  expect_appends_go_on();
}

TEST_F(Recovery, AnUnreadableHeaderOfASyncedChunkFollowsFromItsNeighbours) {
  const JournalId id = fill(100, 0);
  ASSERT_EQ(files(id, ".idx").size(), 3U);
  const Time middle = journal()->read_records(RecordNumber(50), 1, 1)->items[0].time;
  for (size_t i = 0; i < 3; ++i) {
    reopen();
    const Path idx = files(id, ".idx")[i];
    damage_sector(idx, kHeaderAt);
    damage_sector(idx, kHeaderCopyAt);
    EXPECT_EQ(found(), lines(0, 100)) << i;
    EXPECT_EQ(journal()->extent().end.record, RecordNumber(100)) << i;
    const Time time = journal()->read_records(RecordNumber(50), 1, 1)->items[0].time;
    EXPECT_LE(time - middle, std::chrono::milliseconds(1)) << i;
  }
  expect_appends_go_on();
}

TEST_F(Recovery, AnIndexWithoutItsFirstPageLosesNothingThatFollowsASealedChunk) {
  for (const int count : {10, 50}) {  // in one chunk, in two
    const JournalId id = fill(count, 0);
    reopen();
    const Path idx = files(id, ".idx").back();
    for (uint64_t i = 0; i < kEntriesAt; ++i) {
      env_->corrupt(idx, i, static_cast<uint8_t>(env_->read_all(idx)[i]));  // zero, that is
    }
    EXPECT_EQ(found(), lines(0, count)) << count;
    expect_appends_go_on();
    EXPECT_TRUE(files(id, ".torn").empty());
    ASSERT_TRUE(store_->remove("app"));
  }
}

TEST_F(Recovery, AnIndexOfAnotherChunkServesNothing) {
  const JournalId id = fill(50, 0);
  reopen();
  const std::string other = env_->read_all(files(id, ".idx").front());
  env_->write_raw(files(id, ".idx").back(), other);
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".torn").size(), 2U);
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
}

TEST_F(Recovery, AChunkThatWasBegunWithoutAnAppendLeavesNothing) {
  const JournalId id = fill(41, 0);
  env_->power_off_at_change(env_->changes() + 2);  // the write of the new chunk's header
  EXPECT_FALSE(journal()->append(as_bytes("lost\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 41));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_EQ(journal()->info()->torn_tails, 0U);
}

TEST_F(Recovery, AnUnreadableChunkWithoutNeighboursCostsThatChunkOnly) {
  const JournalId id = fill(100, 0);
  reopen();
  const Path middle = files(id, ".idx")[1];
  for (const uint64_t at : {kHeaderAt, kHeaderCopyAt, kMarkAt[0], kMarkAt[1]}) {
    damage_sector(middle, at);
  }
  for (const uint64_t at : kMarkAt) damage_sector(files(id, ".idx").front(), at);
  std::vector<std::string> expected = lines(0, 41);
  for (int i = 0; i < 41; ++i) expected.emplace_back("(corrupt)");
  for (int i = 82; i < 100; ++i) expected.push_back(line(i));
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->extent().end.record, RecordNumber(100));
  const auto in_gap = journal()->seek(RecordNumber(50));
  ASSERT_FALSE(in_gap);
  EXPECT_EQ(in_gap.error().code, Errc::kCorrupt);
  expect_appends_go_on();
}

TEST_F(Recovery, AChunkOfANewerVersionIsRefusedAndLeftAlone) {
  const JournalId id = fill(10, 0);
  reopen();
  const Path idx = files(id, ".idx").front();
  // As a newer rangefs would write it: another version, and a check that holds.
  std::string bytes = env_->read_all(idx);
  bytes[8] = kFormatVersion + 1;
  constexpr size_t kCheckAt = kSectorBytes - sizeof(uint64_t);
  const uint64_t check = XXH3_64bits_withSeed(bytes.data(), kCheckAt, 0);
  std::memcpy(bytes.data() + kCheckAt, &check, sizeof check);
  env_->write_raw(idx, bytes);
  const auto opened = store_->open(id, "app");
  ASSERT_EQ(code(opened), Errc::kUnknownFormat);
  EXPECT_NE(opened.error().context.find("version 2"), std::string::npos) << opened.error().context;
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_EQ(env_->read_all(idx), bytes);
}

TEST_F(Recovery, MissingFileOfASyncedChunkCostsThatChunkOnly) {
  const JournalId id = fill(100, 0);
  reopen();
  ASSERT_TRUE(env_->remove_file(files(id, ".dat")[1]));
  std::vector<std::string> expected = lines(0, 41);
  for (int i = 0; i < 41; ++i) expected.emplace_back("(corrupt)");
  for (int i = 82; i < 100; ++i) expected.push_back(line(i));
  EXPECT_EQ(found(), expected);
  std::string text(100, '\0');
  const auto got = journal()->read(ByteOffset(4100), std::as_writable_bytes(std::span(text)));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kCorrupt);
  expect_appends_go_on();
}

TEST_F(Recovery, AMissingFileOfTheLastChunkDoesNotFreeItsNumbers) {
  const JournalId id = fill(100, 0);
  reopen();
  ASSERT_TRUE(env_->remove_file(files(id, ".dat").back()));
  std::vector<std::string> expected = lines(0, 82);
  for (int i = 82; i < 100; ++i) expected.emplace_back("(corrupt)");
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->extent().end.offset, ByteOffset(10'000));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, TornMarkSlotFallsBackToTheOther) {
  const JournalId id = fill(1, 0);
  for (int i = 1; i < 4; ++i) {
    append(*journal(), line(i));
    ASSERT_TRUE(journal()->sync());
  }
  kill();
  // Four syncs: the newest mark is in slot 0, the one of three lines in slot 1.
  damage_sector(files(id, ".idx").back(), kMarkAt[0]);
  EXPECT_EQ(journal()->extent().synced, ByteOffset(300));
  EXPECT_EQ(found(), lines(0, 4));
  expect_appends_go_on();
}

TEST_F(Recovery, TwoDamagedMarksLoseNothing) {
  const JournalId id = fill(41, 0);
  append_lines(*journal(), 41, 2);
  ASSERT_TRUE(journal()->sync());
  append_lines(*journal(), 43, 2);
  ASSERT_TRUE(journal()->sync());
  reopen();
  damage_sector(files(id, ".idx").back(), kMarkAt[0]);
  damage_sector(files(id, ".idx").back(), kMarkAt[1]);
  EXPECT_EQ(found(), lines(0, 45));
  expect_appends_go_on();
}

TEST_F(Recovery, TornTailIsCutAndACopyKept) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  const Path dat = files(id, ".dat").back();
  const std::string before = env_->read_all(dat);
  damage_line(dat, 12);
  EXPECT_EQ(found(), lines(0, 12));
  EXPECT_EQ(env_->read_all(dat).size(), before.size()) << "reading changes nothing";
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(dat), before.substr(0, 1200));
  std::string kept = before.substr(1200);
  kept[50] ^= 1;
  EXPECT_EQ(env_->read_all(dat.string() + ".torn"), kept);
  const std::string idx = files(id, ".idx").front().string();
  EXPECT_EQ(env_->read_all(idx).size(), kEntriesAt + 12 * kEntryBytes);
  EXPECT_EQ(env_->read_all(idx + ".torn").size(), 3 * kEntryBytes);
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
  EXPECT_EQ(journal()->info()->chunks, 2U) << "index slots behind a cut are never used again";
}

TEST_F(Recovery, ATailCutIsNotRepeatedAfterThePowerFailsAgain) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 12);
  append(*journal(), "more\n");
  ASSERT_TRUE(journal()->sync());
  lose_power(Survival::drop_all());
  std::vector<std::string> expected = lines(0, 12);
  expected.emplace_back("more\n");
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
}

TEST_F(Recovery, ATornTailIsOnTheDiskOnceAtLeast) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  const Path dat = files(id, ".dat").back();
  damage_line(dat, 12);
  const std::string whole = env_->read_all(dat);
  bool complete = false;
  for (uint64_t change = 0; !complete; ++change) {
    const auto machine = env_->after_kill();
    machine->power_off_at_change(change);
    {
      const auto store = ChunkedStore::open(*machine, "/store", options_, /*background=*/false);
      if (!store) continue;
      const auto app = (*store)->open(id, "app");
      complete = app && (*app)->append(as_bytes("more\n"));
    }
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const auto later = machine->after_power_loss(Survival::of(seed));
      const Path kept = dat.string() + ".torn";
      EXPECT_TRUE(later->read_all(dat) == whole ||
                  (later->exists(kept) && later->read_all(kept) == whole.substr(1200)))
          << machine->first_failed() << ", " << to_string(Survival::of(seed));
    }
  }
}

TEST_F(Recovery, PayloadWithoutEntriesWasNeverAppended) {
  fill(3, 0);
  env_->power_off_at_change(env_->changes() + 1);  // the write of the entries
  EXPECT_FALSE(journal()->append(as_bytes("lost\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 3));
  expect_appends_go_on();
}

TEST_F(Recovery, AppendInFlightIsCutWhole) {
  const JournalId id = fill(3, 0);
  // Two of its three entries are written when the process dies.
  env_->power_off_at_change(env_->changes() + 1, 2 * kEntryBytes);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 3));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".idx.torn").size(), 1U);
}

TEST_F(Recovery, AppendInFlightWithATornEntryIsCutWhole) {
  fill(3, 0);
  env_->power_off_at_change(env_->changes() + 1, kEntryBytes + 5);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  kill();
  EXPECT_EQ(found(), lines(0, 3));
  expect_appends_go_on();
}

TEST_F(Recovery, AnOpenRecordIsContinuedAfterAKill) {
  fill(3, 0);
  append(*journal(), "half ");
  kill();
  EXPECT_EQ(journal()->extent().open_bytes, 5U);
  append(*journal(), "line\n");
  EXPECT_EQ(found().back(), "half line\n");
}

TEST_F(Recovery, CorruptionWithinABootIsNotCut) {
  const JournalId id = fill(10, 5);
  kill();
  damage_line(files(id, ".dat").back(), 12);
  std::vector<std::string> expected = lines(0, 15);
  expected[12] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_EQ(env_->read_all(files(id, ".dat").front()).size(), 1500U);
}

TEST_F(Recovery, CorruptionBeforeANewChunkWithinABootIsNotCut) {
  const JournalId id = fill(10, 40);  // nine of these lines are in a second chunk
  kill();
  damage_line(files(id, ".dat").front(), 40);  // the last of the first
  std::vector<std::string> expected = lines(0, 50);
  expected[40] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, CorruptionOfWhatWasSyncedIsNotCutAfterPowerLoss) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 9);
  std::vector<std::string> expected = lines(0, 15);
  expected[9] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, TheMarkOfAnIdleJournalIsDurable) {
  const JournalId id = fill(10, 0);
  ASSERT_TRUE(store_->sync()) << "of nothing but the mark";
  lose_power(Survival::drop_all());
  damage_line(files(id, ".dat").back(), 9);
  std::vector<std::string> expected = lines(0, 10);
  expected[9] = "(corrupt)";
  EXPECT_EQ(found(), expected);
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, AFileShorterThanItsMarkIsNotCut) {
  const JournalId id = fill(10, 0);
  reopen();
  env_->truncate_raw(files(id, ".dat").back(), 750);
  std::vector<std::string> expected = lines(0, 7);
  for (int i = 7; i < 10; ++i) expected.emplace_back("(corrupt)");
  EXPECT_EQ(found(), expected);
  EXPECT_EQ(journal()->extent().end.offset, ByteOffset(1000));
  expect_appends_go_on();
  EXPECT_TRUE(files(id, ".torn").empty());
}

TEST_F(Recovery, AnIndexShorterThanItsMarkIsNotCut) {
  const JournalId id = fill(10, 0);
  reopen();
  env_->truncate_raw(files(id, ".idx").back(), kEntriesAt + 7 * kEntryBytes);
  std::vector<std::string> expected = lines(0, 7);
  for (int i = 7; i < 10; ++i) expected.emplace_back("(corrupt)");
  EXPECT_EQ(found(), expected);
  expect_appends_go_on();
}

TEST_F(Recovery, ChunkWithoutMarkAfterAShortPredecessorIsSetAside) {
  const JournalId id = fill(10, 40);  // nine of these lines are in a second chunk
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").front(), 20);
  const Path second = files(id, ".dat").back();
  const std::string bytes = env_->read_all(second);
  EXPECT_EQ(found(), lines(0, 20));
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(second.string() + ".torn"), bytes);
}

TEST_F(Recovery, ChunkWithoutMarkWhosePredecessorIsLostIsSetAside) {
  const JournalId id = fill(0, 50);
  lose_power(Survival::keep_all());
  ASSERT_TRUE(env_->remove_file(files(id, ".dat").front()));
  ASSERT_TRUE(env_->remove_file(files(id, ".idx").front()));
  EXPECT_EQ(journal()->extent().end.offset, ByteOffset(0));
  EXPECT_EQ(found(), std::vector<std::string>());
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".dat.torn").size(), 1U);
}

TEST_F(Recovery, ChunkWithoutMarkIsKeptIfItsPredecessorIsWhole) {
  fill(10, 200);
  lose_power(Survival::keep_all());
  EXPECT_EQ(found(), lines(0, 210));
  expect_appends_go_on();
}

TEST_F(Recovery, NoMarkIsStoredForAChunkWhilePredecessorsAreUnsynced) {
  fill(10, 40);
  // Killed in an append to the second chunk, while the first is not synced to its end.
  env_->power_off_at_change(env_->changes() + 1, 2 * kEntryBytes);
  EXPECT_FALSE(journal()->append(as_bytes("one\ntwo\nthree\n")));
  kill();
  append(*journal(), "more\n");  // which cuts that off
  std::vector<std::string> all = lines(0, 50);
  all.emplace_back("more\n");
  for (uint64_t seed = 0; seed < 300; ++seed) {
    expect_prefix_after_power_loss(Survival::of(seed), all);
  }
}

TEST_F(Recovery, RepairThatRanOutOfSpaceGoesOnWhereItWas) {
  const JournalId id = fill(10, 80);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 5);  // line 87, from which on the tail is cut
  const uint64_t before = env_->changes();
  bool full = true;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (full && call.kind == CallKind::kWrite) return Fault{.sys_errno = ENOSPC};
    return std::nullopt;
  });
  const auto app = journal();
  for (int i = 0; i < 3; ++i) {
    const auto refused = app->append(as_bytes("more\n"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kNoSpace);
  }
  EXPECT_GT(env_->changes(), before);
  EXPECT_EQ(files(id, ".torn").size(), 0U) << "what was not copied whole takes up no space";
  full = false;
  append(*app, "more\n");
  ASSERT_TRUE(app->sync());
  EXPECT_EQ(files(id, ".torn").size(), 2U);
  std::vector<std::string> expected = lines(0, 87);
  expected.emplace_back("more\n");
  EXPECT_EQ(records(app), expected);
}

TEST_F(Recovery, RepairThatFoundNoDescriptorGoesOnLater) {
  const JournalId id = fill(10, 80);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 5);  // line 87, from which on the tail is cut
  const auto app = journal();
  int refusals = 0;
  // Every call that opens something fails once.
  for (bool done = false; !done;) {
    uint64_t opened = 0;
    env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
      const bool opens = call.kind == CallKind::kOpen || call.kind == CallKind::kCreate ||
                         call.kind == CallKind::kSyncDirectory;
      if (!opens || opened++ != static_cast<uint64_t>(refusals)) return std::nullopt;
      return Fault{.sys_errno = EMFILE};
    });
    const auto appended = app->append(as_bytes("more\n"));
    done = appended.has_value();
    if (!done) {
      ++refusals;
      EXPECT_EQ(appended.error().sys_errno, EMFILE);
    }
    ASSERT_LT(refusals, 100);
  }
  env_->set_fault_hook({});
  EXPECT_GT(refusals, 0);
  ASSERT_TRUE(app->sync());
  std::vector<std::string> expected = lines(0, 87);
  expected.emplace_back("more\n");
  EXPECT_EQ(records(app), expected);
}

TEST_F(Recovery, ForeignFilesAmongChunksAreLeftAlone) {
  const JournalId id = fill(10, 5);
  kill();
  const Path note = directory_of(id) / "NOTE";
  env_->write_raw(note, "hands off");
  EXPECT_EQ(found(), lines(0, 15));
  expect_appends_go_on();
  EXPECT_EQ(env_->read_all(note), "hands off");
}

TEST_F(Recovery, AChunkOfAnotherJournalIsLeftAlone) {
  const JournalId id = fill(10, 5);
  append_lines(*journal("other"), 500, 50);
  sync_all();
  for (const Path& file : files(journal("other")->id(), "")) {
    const Path copy = directory_of(id) / file.filename();
    if (!env_->exists(copy)) env_->write_raw(copy, env_->read_all(file));
  }
  ASSERT_GT(files(id, ".idx").size(), 1U);
  kill();
  const size_t before = files(id, "").size();
  EXPECT_EQ(found(), lines(0, 15));
  expect_appends_go_on();
  EXPECT_EQ(files(id, "").size(), before);
}

TEST_F(Recovery, AJournalWhoseDirectoryIsGoneIsEmpty) {
  const JournalId id = fill(10, 0);
  reopen();
  for (const Path& file : files(id, "")) ASSERT_TRUE(env_->remove_file(file));
  ASSERT_TRUE(env_->remove_directory(directory_of(id)));
  EXPECT_EQ(found(), std::vector<std::string>());
  EXPECT_EQ(journal()->attributes().mode, 0600U) << "nobody knows who may read it";
  expect_appends_go_on();
}

TEST_F(Recovery, EveryTruncationOfTheLastFilesLeavesAPrefix) {
  const JournalId id = fill(3, 4);
  const Path idx = files(id, ".idx").back();
  const Path dat = files(id, ".dat").back();
  const auto machine = env_->after_power_loss(Survival::keep_all());
  for (const Path& file : {idx, dat}) {
    for (uint64_t size = 0; size < machine->read_all(file).size(); size += 1) {
      const auto later = machine->after_kill();
      later->truncate_raw(file, size);
      expect_intact_records(*later, lines(0, 7));
    }
  }
}

}  // namespace
}  // namespace range
