// Dropping old chunks on request.

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/trimming_test.h"

namespace range {
namespace {

class Trim : public TrimmingTest {
 protected:
  static Errc error_of_read(Journal& journal, ByteOffset from) {
    std::byte byte{};
    return code(journal.read(from, {&byte, 1}));
  }
};

TEST_F(Trim, WhatIsDroppedIsGoneAndTheRestKeepsItsNumbers) {
  auto app = filled(100);
  const JournalId id = app->id();
  const auto old_place = app->seek(RecordNumber(5));
  const size_t files_before = files(id, ".dat").size() + files(id, ".idx").size();
  drop_chunks(*app, 1);
  const auto check = [&] {
    const auto now = journal();
    EXPECT_EQ(now->extent().begin.record, RecordNumber(41));
    EXPECT_EQ(now->extent().begin.offset, ByteOffset(4100));
    EXPECT_EQ(records(now), lines(41, 59));
    EXPECT_EQ(read_all(*now, ByteOffset(4100)).size(), 5900U);
    EXPECT_EQ(error_of_read(*now, ByteOffset(4099)), Errc::kDropped);
    RecordBatch batch;
    EXPECT_EQ(code(now->read_records(RecordNumber(40), 1, 1, batch)), Errc::kDropped);
    for (const PositionSpec& spec :
         {PositionSpec(RecordNumber(0)), PositionSpec(old_place->position), PositionSpec(AtStart()),
          PositionSpec(Position()), PositionSpec(BeforeEnd{1000}), PositionSpec(ByteOffset(7))}) {
      EXPECT_EQ(now->seek(spec)->record, RecordNumber(41));
    }
  };
  check();
  EXPECT_EQ(files(id, ".dat").size() + files(id, ".idx").size(), files_before - 2);
  sync_all();
  app.reset();
  lose_power(Survival::drop_all());
  check();
}

TEST_F(Trim, EachChunkIsVisitedBeforeItGoes) {
  const auto app = filled(130);
  std::vector<std::string> archived;
  size_t visits = 0;
  const Status trimmed = app->trim(app->chunks()[2].id, [&](const ChunkInfo& chunk) -> Status {
    if (++visits == 3) return Error{Errc::kNoSpace, 0, "the archive is full"};
    RecordBatch batch;
    RecordNumber next = chunk.first_record;
    while (next < chunk.first_record + chunk.records) {
      EXPECT_TRUE(app->read_records(next, 1000, 1 << 20, batch));
      for (const auto& item : batch.items) archived.emplace_back(as_text(item.bytes));
      next += batch.items.size();
    }
    return {};
  });
  EXPECT_EQ(to_string(trimmed.error()), "the archive is full: no space left in the store");
  EXPECT_EQ(archived, lines(0, 82));
  EXPECT_EQ(records(app), lines(82, 48));
}

TEST_F(Trim, AnOpenLineIsCompleteOnceItsChunkWasToGo) {
  const auto app = filled(10);
  append(*app, "open");
  const auto refuse = [](const ChunkInfo&) -> Status { return Error{Errc::kNoSpace, 0, ""}; };
  EXPECT_EQ(code(app->trim(app->chunks()[0].id, refuse)), Errc::kNoSpace);
  std::vector<std::string> expected = lines(0, 10);
  expected.emplace_back("open");
  EXPECT_EQ(app->extent().open_bytes, 0U);
  EXPECT_EQ(records(app), expected);
  ASSERT_TRUE(app->sync());
  append(*app, "next\n");
  expected.emplace_back("next\n");
  EXPECT_EQ(records(app), expected);
}

TEST_F(Trim, ALineThatWasCompleteStaysSoAlsoIfItsChunkDid) {
  for (const bool killed : {false, true}) {
    const std::string path = killed ? "killed" : "idle";
    auto app = journal(path);
    append_lines(*app, 0, 10);
    append(*app, "open");
    for (int i = 0; i < 3; ++i) sync_all();  // nothing keeps its chunk open any more
    const auto refuse = [](const ChunkInfo&) -> Status { return Error{Errc::kNoSpace, 0, ""}; };
    EXPECT_EQ(code(app->trim(app->chunks()[0].id, refuse)), Errc::kNoSpace);
    EXPECT_EQ(records(app).back(), "open");
    app.reset();
    if (killed) {
      kill();
    } else {
      for (int i = 0; i < 2; ++i) store_->let_go_of_idle();
    }
    append(*journal(path), "next\n");
    EXPECT_EQ(records(journal(path)).at(10), "open");
  }
}

TEST_F(Trim, AFullDiskCanBeRelieved) {
  const auto app = filled(300);
  sync_all();
  const auto space = env_->space("/store");
  env_->set_capacity(space->bytes_total - space->bytes_free);
  EXPECT_EQ(code(app->append(std::vector<std::byte>(10'000))), Errc::kNoSpace);
  drop_chunks(*app, 4);
  append(*app, line(300));
  EXPECT_EQ(records(app).back(), line(300));
}

// What a visitor may do: anything but change the journal; and others meanwhile.
TEST_F(Trim, AVisitorHoldsUpNobody) {
  const auto app = filled(100);
  const auto visit = [&](const ChunkInfo&) -> Status {
    std::thread([&] {
      EXPECT_TRUE(app->set_attributes(app->attributes()));
      EXPECT_TRUE(app->append(as_bytes("more\n")));
      EXPECT_TRUE(store_->remove("app"));
    }).join();
    append(*journal("archive"), "x\n");
    return store_->apply_retention();
  };
  EXPECT_TRUE(app->trim(app->chunks()[0].id, visit));
  EXPECT_EQ(first_line(*app), kLinesInChunk);
}

TEST_F(Trim, AJournalThatLostAllItsChunksGoesOnCounting) {
  auto app = filled(60);
  env_->advance(std::chrono::minutes(5));
  append(*app, "open");
  const Time last = app->extent().last_time;
  drop_chunks(*app, 2);
  for (const bool reopened : {false, true}) {
    if (reopened) {
      app.reset();
      reopen();
      app = journal();
    }
    const Extent extent = app->extent();
    EXPECT_EQ(extent.begin, extent.end);
    EXPECT_EQ(extent.end.record, RecordNumber(61));
    EXPECT_EQ(extent.end.offset, ByteOffset(6004));
    EXPECT_EQ(extent.open_bytes, 0U);
    EXPECT_EQ(extent.last_time, last);
    EXPECT_TRUE(records(app).empty());
    EXPECT_EQ(app->chunks().size(), 1U);
    EXPECT_EQ(files(app->id(), ".dat").size(), 1U);
    EXPECT_EQ(app->seek(extent.end.position)->record, RecordNumber(61));
    EXPECT_EQ(error_of_read(*app, ByteOffset(6003)), Errc::kDropped);
  }
  const Position end = app->extent().end.position;
  append(*app, "next\n");
  EXPECT_EQ(records(app), std::vector<std::string>{"next\n"});
  EXPECT_EQ(app->seek(RecordNumber(61))->offset, ByteOffset(6004));
  EXPECT_EQ(app->seek(end)->record, RecordNumber(61));
  app.reset();
  kill();
  EXPECT_EQ(records(journal()), std::vector<std::string>{"next\n"});
}

TEST_F(Trim, TrimmingWhatIsNotThereDoesNothing) {
  const auto app = journal();
  EXPECT_TRUE(app->trim(ChunkId(UINT64_MAX)));
  append_lines(*app, 0, 10);
  EXPECT_TRUE(app->trim(ChunkId()));
  EXPECT_EQ(records(app), lines(0, 10));
}

TEST_F(Trim, AttributesOutliveTheChunksThatHaveThem) {
  Attributes attributes;
  attributes.mode = 0640;
  attributes.uid = 7;
  auto app = *store_->create("app", attributes);
  append_lines(*app, 0, kLinesInChunk);
  // Dies when of the next chunk the header is written, and nothing behind it.
  env_->power_off_at_change(env_->changes() + 4, 600);
  ASSERT_FALSE(app->append(as_bytes(line(kLinesInChunk))));
  ASSERT_TRUE(env_->first_failed().starts_with("write ")) << env_->first_failed();
  app.reset();
  kill();
  app = journal();
  append_lines(*app, kLinesInChunk, 1);
  ASSERT_EQ(app->chunks().size(), 2U);
  drop_chunks(*app, 1);
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_EQ(journal()->attributes().mode, 0640U);
  EXPECT_EQ(journal()->attributes().uid, 7U);
}

TEST_F(Trim, AttributesSetLaterDoNotBringAnythingBack) {
  auto app = filled(100);
  drop_chunks(*app, 2);
  set(*app, [](Attributes& attributes) { attributes.mode = 0600; });
  sync_all();
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal()), lines(82, 18));
  EXPECT_EQ(journal()->attributes().mode, 0600U);
}

TEST_F(Trim, FilesOfDroppedChunksThatStayedBehindAreRemoved) {
  auto app = filled(100);
  const JournalId id = app->id();
  sync_all();
  const auto old = files(id, "");
  std::vector<std::string> contents;
  for (const Path& file : old) contents.push_back(env_->read_all(file));
  drop_chunks(*app, 2);
  const uint64_t free_before = env_->space("/")->bytes_free;
  for (size_t i = 0; i < 4; ++i) {
    if (i != 1) env_->write_raw(old[i], contents[i]);
  }
  app.reset();
  kill();
  EXPECT_EQ(records(journal()), lines(82, 18));
  append(*journal(), "more\n");
  EXPECT_EQ(files(id, ".idx").size(), 1U);
  EXPECT_EQ(files(id, ".dat").size(), 1U);
  EXPECT_LE(free_before - env_->space("/")->bytes_free, 1024U) << "nobody has them open";
}

// Killed in a trim, then without power before anything else was synced.
TEST_F(Trim, NeitherAKillNorAPowerLossThereafterTakesWhatStays) {
  filled(100);
  sync_all();
  sync_all();
  store_.reset();
  const std::unique_ptr<SimEnv> start = env_->after_kill();
  uint64_t changes = 1;
  for (uint64_t n = 0; n < changes; ++n) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      SCOPED_TRACE(std::to_string(n) + ", seed " + std::to_string(seed));
      store_.reset();
      env_ = start->after_kill();
      open_store();
      auto app = journal();
      ASSERT_EQ(app->attributes().mode, 0644U);
      const uint64_t before = env_->changes();
      env_->power_off_at_change(before + n);
      (void)app->trim(app->chunks().at(1).id);
      changes = env_->first_failed().empty() ? n : n + 2;
      app.reset();
      kill();
      append(*journal(), "more\n");
      lose_power(Survival::of(seed));
      std::vector<std::string> found = records(journal());
      if (!found.empty() && found.back() == "more\n") found.pop_back();
      ASSERT_GE(found.size(), 18U);
      ASSERT_EQ(found, lines(100 - static_cast<int>(found.size()), static_cast<int>(found.size())));
    }
  }
  EXPECT_GT(changes, 5U);
}

// Where a journal begins is known without the header of its first chunk.
TEST_F(Trim, WithoutItsHeadersTheFirstChunkIsStillInItsPlace) {
  auto app = filled(100);
  drop_chunks(*app, 2);
  sync_all();
  const Path idx = files(app->id(), ".idx").front();
  for (uint64_t i = 0; i < kSectorBytes; ++i) {
    env_->corrupt(idx, kHeaderAt[0] + i, 0x10);
    env_->corrupt(idx, kHeaderAt[1] + i, 0x10);
  }
  app.reset();
  kill();
  EXPECT_EQ(journal()->extent().begin.record, RecordNumber(82));
  EXPECT_EQ(records(journal()), lines(82, 18));
}

TEST_F(Trim, AReadOnlyStoreDropsNothing) {
  filled(100);
  options_.retention.max_records = 10;
  ASSERT_TRUE(store_->close());
  store_.reset();
  options_.read_only = true;
  open_store();
  EXPECT_EQ(code(store_->apply_retention()), Errc::kNotPermitted);
  EXPECT_EQ(code(journal()->trim(ChunkId(UINT64_MAX))), Errc::kNotPermitted);
  EXPECT_EQ(records(journal()), lines(0, 100));
}

}  // namespace
}  // namespace range
