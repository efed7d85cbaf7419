// Dropping old chunks: on request, and by the limits of journals and directories.

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "tests/support/engine_test.h"
#include "tests/support/gate_env.h"

namespace range {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

// A chunk holds 41 of the lines of append_lines().
constexpr int kLinesInChunk = 41;

class Retention : public EngineTest {
 protected:
  // Journal "app" with lines 0 to `count`.
  std::shared_ptr<Journal> filled(int count) {
    auto app = journal();
    append_lines(*app, 0, count);
    return app;
  }

  static void drop_chunks(Journal& journal, size_t count) {
    const Status trimmed = journal.trim(journal.chunks().at(count - 1).id);
    ASSERT_TRUE(trimmed) << to_string(trimmed.error());
  }

  void apply() {
    const Status applied = store_->apply_retention();
    ASSERT_TRUE(applied) << to_string(applied.error());
  }

  static void set(Journal& journal, const std::function<void(Attributes&)>& change) {
    Attributes attributes = journal.attributes();
    change(attributes);
    ASSERT_TRUE(journal.set_attributes(attributes));
  }

  void set_directory(const std::string& path, const std::function<void(Attributes&)>& change) {
    auto attributes = store_->directory_attributes(path);
    ASSERT_TRUE(attributes);
    change(*attributes);
    ASSERT_TRUE(store_->set_directory_attributes(path, *attributes));
  }

  static Errc error_of_read(Journal& journal, ByteOffset from) {
    std::byte byte{};
    return code(journal.read(from, {&byte, 1}));
  }

  static int first_line(Journal& journal) {
    return static_cast<int>(journal.extent().begin.record.value());
  }
};

// --- trim ---

TEST_F(Retention, AttributesOutliveTheChunksThatHaveThem) {
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

TEST_F(Retention, WhatIsDroppedIsGoneAndTheRestKeepsItsNumbers) {
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

TEST_F(Retention, EachChunkIsVisitedBeforeItGoes) {
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

TEST_F(Retention, AnOpenLineIsCompleteOnceItsChunkWasToGo) {
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

TEST_F(Retention, ALineThatWasCompleteStaysSoAlsoIfItsChunkDid) {
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

TEST_F(Retention, WhatStaysIsDurableBeforeAnythingGoes) {
  auto app = journal();
  set(*app, [](Attributes& attributes) { attributes.max_records = 80; });
  append_lines(*app, 0, 80);
  sync_all();
  append_lines(*app, 80, 80);
  apply();
  const std::vector<std::string> held = records(app);
  ASSERT_LT(held.size(), 160U);
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal()), held);
}

TEST_F(Retention, AFullDiskCanBeRelieved) {
  const auto app = filled(300);
  sync_all();
  const auto space = env_->space("/store");
  env_->set_capacity(space->bytes_total - space->bytes_free);
  EXPECT_EQ(code(app->append(std::vector<std::byte>(10'000))), Errc::kNoSpace);
  drop_chunks(*app, 4);
  append(*app, line(300));
  EXPECT_EQ(records(app).back(), line(300));
}

TEST_F(Retention, AReaderThatCannotBeServedDoesNotStopIt) {
  options_.chunk_size = 100'000;
  reopen();
  auto app = filled(900);
  Cursor cursor(app);
  ASSERT_TRUE(cursor.next());  // begins to read a chunk that grows
  append_lines(*app, 900, 300);
  for (int i = 0; i < 2; ++i) sync_all();
  for (int i = 0; i < 2; ++i) store_->let_go_of_idle();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kOpen && call.path.ends_with(".dat")) return Fault{EIO, 0};
    return {};
  });
  const ChunkId first = app->chunks()[0].id;
  EXPECT_EQ(code(app->trim(first)), Errc::kIo) << "the chunk to go on with cannot be opened";
  EXPECT_EQ(first_line(*app), 0);
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    const bool gone = call.path.ends_with(chunk_file_name(first, ".dat"));
    if (call.kind == CallKind::kOpen && gone) return Fault{EIO, 0};
    return {};
  });
  drop_chunks(*app, 1);
  EXPECT_GT(first_line(*app), 900);
}

// What a visitor may do: anything but change the journal; and others meanwhile.
TEST_F(Retention, AVisitorHoldsUpNobody) {
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

TEST_F(Retention, AJournalThatLostAllItsChunksGoesOnCounting) {
  auto app = filled(60);
  env_->advance(minutes(5));
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

TEST_F(Retention, TrimmingWhatIsNotThereDoesNothing) {
  const auto app = journal();
  EXPECT_TRUE(app->trim(ChunkId(UINT64_MAX)));
  append_lines(*app, 0, 10);
  EXPECT_TRUE(app->trim(ChunkId()));
  EXPECT_EQ(records(app), lines(0, 10));
}

TEST_F(Retention, AttributesSetLaterDoNotBringAnythingBack) {
  auto app = filled(100);
  drop_chunks(*app, 2);
  set(*app, [](Attributes& attributes) { attributes.mode = 0600; });
  sync_all();
  app.reset();
  lose_power(Survival::drop_all());
  EXPECT_EQ(records(journal()), lines(82, 18));
  EXPECT_EQ(journal()->attributes().mode, 0600U);
}

TEST_F(Retention, FilesOfDroppedChunksThatStayedBehindAreRemoved) {
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
TEST_F(Retention, NeitherAKillNorAPowerLossThereafterTakesWhatStays) {
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
TEST_F(Retention, WithoutItsHeadersTheFirstChunkIsStillInItsPlace) {
  auto app = filled(100);
  drop_chunks(*app, 2);
  sync_all();
  const Path idx = files(app->id(), ".idx").front();
  for (uint64_t i = 0; i < kSectorBytes; ++i) {
    env_->corrupt(idx, kHeaderAt + i, 0x10);
    env_->corrupt(idx, kHeaderCopyAt + i, 0x10);
  }
  app.reset();
  kill();
  EXPECT_EQ(journal()->extent().begin.record, RecordNumber(82));
  EXPECT_EQ(records(journal()), lines(82, 18));
}

TEST_F(Retention, AReadOnlyStoreDropsNothing) {
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

// --- readers ---

// In small chunks, which are read through buffers, and in mapped ones.
class ReadersOfDropped : public Retention, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    options_.chunk_size = static_cast<uint64_t>(GetParam()) * 100;
    open_store();
  }

  static std::vector<std::string> read(Cursor& cursor, int count) {
    std::vector<std::string> found;
    for (int i = 0; i < count; ++i) {
      const auto record = cursor.next();
      if (!record || !*record) break;
      found.emplace_back(as_text((*record)->bytes));
    }
    return found;
  }
};

TEST_P(ReadersOfDropped, FinishTheChunkAndGoOnWithTheOldestRecord) {
  const int chunk = GetParam();
  const auto app = filled(3 * chunk);
  Cursor cursor(app);
  Cursor late(app);
  EXPECT_EQ(read(cursor, 10), lines(0, 10));
  drop_chunks(*app, 2);
  EXPECT_EQ(read(cursor, chunk - 10), lines(10, chunk - 10));
  EXPECT_EQ(read(cursor, 10), lines(2 * chunk, 10));
  EXPECT_EQ(read(late, 10), lines(2 * chunk, 10));
}

TEST_P(ReadersOfDropped, FinishAlsoTheChunkThatTookAppends) {
  const int chunk = GetParam();
  const auto app = filled(chunk / 2);
  Cursor cursor(app);
  EXPECT_EQ(read(cursor, 2), lines(0, 2));
  append_lines(*app, chunk / 2, chunk);
  drop_chunks(*app, 2);
  append(*app, "next\n");
  std::vector<std::string> expected = lines(2, chunk - 2);
  expected.emplace_back("next\n");
  EXPECT_EQ(read(cursor, 10 * chunk), expected);
}

INSTANTIATE_TEST_SUITE_P(Chunks, ReadersOfDropped, testing::Values(kLinesInChunk, 1000));

// --- limits ---

TEST_F(Retention, AJournalHoldsNoMoreThanItsLimits) {
  const auto app = filled(200);
  set(*app, [](Attributes& attributes) { attributes.max_bytes = 10'000; });
  apply();
  EXPECT_EQ(first_line(*app), 3 * kLinesInChunk);  // 7,700 bytes, a chunk more would be 11,800
  set(*app, [](Attributes& attributes) { attributes.max_records = 40; });
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk);
  set(*app, [](Attributes& attributes) { attributes.max_records = 1; });
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk) << "the chunk that takes appends stays";
}

TEST_F(Retention, AJournalThatWasBusyIsLookedAtAgain) {
  const auto app = filled(4 * kLinesInChunk);
  set(*app, [](Attributes& attributes) { attributes.max_records = 2 * kLinesInChunk; });
  Status applied;
  const auto apply_meanwhile = [&](const ChunkInfo&) {
    std::thread([&] { applied = store_->apply_retention_where_due(); }).join();
    return applied;
  };
  ASSERT_TRUE(app->trim(app->chunks().front().id, apply_meanwhile));
  EXPECT_EQ(first_line(*app), kLinesInChunk);
  ASSERT_TRUE(store_->apply_retention_where_due());
  EXPECT_EQ(first_line(*app), 2 * kLinesInChunk);
}

TEST_F(Retention, ChunksAreBegunEarlySoThatLittleIsDroppedAtOnce) {
  const auto app = journal();
  set(*app, [](Attributes& attributes) { attributes.max_records = 80; });
  ASSERT_TRUE(store_->apply_retention_where_due());
  for (int i = 0; i < 200; ++i) {
    append(*app, line(i));
    ASSERT_TRUE(store_->apply_retention_where_due());
    ASSERT_LE(i - first_line(*app), 80);
    ASSERT_GE(i - first_line(*app), std::min(i, 69));
  }
}

TEST_F(Retention, WhatIsTooOldGoesEvenIfNothingIsAppended) {
  const auto app = journal();
  set(*app, [](Attributes& attributes) { attributes.max_age = hours(8); });
  apply();
  for (int i = 0; i < 24; ++i) {
    append(*app, line(i));
    env_->advance(hours(1));
    apply();
  }
  // The last record of a chunk counts as old as the first of the next.
  EXPECT_EQ(records(app), lines(15, 9));
  env_->advance(hours(4));
  apply();
  EXPECT_EQ(records(app), lines(19, 5));
  env_->advance(hours(5));
  apply();
  EXPECT_TRUE(records(app).empty());
  const auto chunks = app->chunks();
  env_->advance(hours(100));
  apply();
  EXPECT_EQ(app->chunks(), chunks) << "an empty chunk is not replaced by another";
  append(*app, line(24));
  EXPECT_EQ(first_line(*app), 24);
}

TEST_F(Retention, NothingIsTooOldWhileTheClocksDisagree) {
  const auto app = filled(10);
  set(*app, [](Attributes& attributes) { attributes.max_age = hours(1); });
  env_->advance(minutes(11));
  env_->set_now(env_->now() + hours(24));
  apply();
  EXPECT_EQ(records(app), lines(0, 10));
  env_->advance(minutes(11));
  append(*app, line(10));  // stamped with the new time, which has been adopted
  env_->advance(hours(2));
  env_->set_now(env_->now() - hours(24));
  apply();
  EXPECT_EQ(records(app), lines(0, 11)) << "the new time was wrong, or the old one was";
  env_->set_now(env_->now() + hours(24));
  apply();
  EXPECT_TRUE(records(app).empty());
}

TEST_F(Retention, NothingIsTooOldRightAfterTheStoreWasOpened) {
  options_.retention.max_age = hours(24);
  reopen();
  filled(10);
  for (const bool rebooted : {false, true}) {
    ASSERT_TRUE(store_->close());
    store_.reset();
    env_->set_now(env_->now() + hours(24 * 3650));  // its battery is dead
    if (rebooted) env_ = env_->after_power_loss(Survival::keep_all());
    open_store();
    apply();
    EXPECT_EQ(records(journal()), lines(0, 10));
  }
  env_->advance(minutes(11));
  apply();
  EXPECT_TRUE(records(journal()).empty()) << "it has lasted long enough";
}

TEST_F(Retention, LimitsAreInheritedOneByOne) {
  make_directory("web");
  make_directory("web/deep");
  const auto app = journal("web/deep/app");
  append_lines(*app, 0, 300);
  set_directory("", [](Attributes& attributes) { attributes.max_records = 10; });
  set_directory("web", [](Attributes& attributes) {
    attributes.max_records = 150;
    attributes.max_bytes = 25'000;
  });
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk);
  set(*app, [](Attributes& attributes) { attributes.max_records = 0; });
  append_lines(*app, 300, 100);
  apply();
  EXPECT_EQ(first_line(*app), 4 * kLinesInChunk) << "unlimited here, whatever stands above";
  append_lines(*app, 400, 100);
  apply();
  EXPECT_GT(first_line(*app), 4 * kLinesInChunk) << "max_bytes still holds";
}

TEST_F(Retention, LimitsOfTheStoreHoldWhereNothingElseIsSet) {
  filled(200);
  options_.retention.max_records = 100;
  reopen();
  apply();
  EXPECT_EQ(first_line(*journal()), 3 * kLinesInChunk);
}

TEST_F(Retention, AJournalThatIsMovedComesUnderTheLimitsOfItsNewPlace) {
  make_directory("short");
  make_directory("short/lived");
  set_directory("short", [](Attributes& attributes) { attributes.max_records = 50; });
  const auto app = filled(100);
  ASSERT_TRUE(store_->rename("app", "short/lived/app", false));
  ASSERT_TRUE(app->apply_retention());
  EXPECT_EQ(first_line(*app), 2 * kLinesInChunk);
  ASSERT_TRUE(store_->rename("short/lived", "lived", false));
  append_lines(*app, 100, 100);
  ASSERT_TRUE(app->apply_retention());
  EXPECT_EQ(first_line(*app), 2 * kLinesInChunk);
}

TEST_F(Retention, JournalsThatAreNotInUseAreLookedAtToo) {
  for (int i = 0; i < 5; ++i) append_lines(*journal("j" + std::to_string(i)), 0, 100);
  set_directory("", [](Attributes& attributes) { attributes.max_records = 50; });
  reopen();
  apply();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(first_line(*journal("j" + std::to_string(i))), 82);
}

// --- where limits are not known ---

class UnknownLimits : public Retention {
 protected:
  // Journal "web/app" with lines 0 to 200; it is unlimited, but what is not in `web` is limited.
  void SetUp() override {
    Retention::SetUp();
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

TEST(RetentionInAPass, HoldsForWhereAJournalIsWhenItsTurnComes) {
  SimEnv machine;
  GateEnv env(machine);
  StoreOptions options;
  options.chunk_size = 4096;
  auto store = *ChunkedStore::open(env, "/store", options, /*background=*/false);
  Attributes limited;
  limited.max_records = 50;
  ASSERT_TRUE(store->make_directory("short", limited));
  ASSERT_TRUE(store->make_directory("long", {}));
  const std::vector<std::byte> record(100);
  for (const char* path : {"short/a", "short/b"}) {
    const auto journal = *store->create(path, {});
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(journal->append_records({{record}}));
  }
  ASSERT_TRUE(store->close());
  store = *ChunkedStore::open(env, "/store", options, /*background=*/false);
  // While the first of them is trimmed, both are moved.
  env.close_gate();
  std::thread pass([&] { EXPECT_TRUE(store->apply_retention()); });
  env.wait_until_reached();
  size_t trimmed = 0;
  for (const std::string name : {"a", "b"}) {
    ASSERT_TRUE(store->rename("short/" + name, "long/" + name, false));
  }
  env.open_gate();
  pass.join();
  for (const std::string name : {"a", "b"}) {
    const auto journal = *store->get_or_create("long/" + name);
    if (journal->extent().begin.record > RecordNumber()) ++trimmed;
  }
  EXPECT_EQ(trimmed, 1U);
}

TEST_F(Retention, AnAppendDoesNotFailForLimitsThatCannotBeRead) {
  make_directory("web");
  append(*journal("web/app"), "x\n");
  reopen();
  auto app = journal("web/app");
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.path.ends_with("web/.info")) return Fault{EMFILE, 0};
    return {};
  });
  append(*app, "y\n");
  env_->set_fault_hook({});
  set_directory("web", [](Attributes& attributes) { attributes.max_records = 50; });
  ASSERT_TRUE(store_->apply_retention_where_due());  // where they are read again
  append_lines(*app, 0, 100);
  ASSERT_TRUE(store_->apply_retention_where_due());
  EXPECT_GT(first_line(*app), 0);
  app.reset();
  reopen();
  app = journal("web/app");
  ASSERT_TRUE(store_->remove("web/app"));
  ASSERT_TRUE(store_->remove_directory("web"));
  append(*app, "z\n");
}

TEST_F(Retention, ADirectoryThatCannotBeReadIsTheOnlyOneLeftOut) {
  set_directory("", [](Attributes& attributes) { attributes.max_records = 50; });
  for (const char* directory : {"a", "b", "c"}) {
    make_directory(directory);
    append_lines(*journal(std::string(directory) + "/app"), 0, 100);
  }
  reopen();
  env_->set_fault_hook([](const Call& call) -> std::optional<Fault> {
    if (call.kind == CallKind::kList && call.path == "/store/tree/b") return Fault{EIO, 0};
    return {};
  });
  EXPECT_EQ(code(store_->apply_retention()), Errc::kIo);
  env_->set_fault_hook({});
  EXPECT_GT(first_line(*journal("a/app")), 0);
  EXPECT_GT(first_line(*journal("c/app")), 0);
}

TEST_F(Retention, JournalsWithNothingToDropAreLeftAsTheyAre) {
  set_directory("", [](Attributes& attributes) { attributes.max_records = 1000; });
  for (int i = 0; i < 20; ++i) append_lines(*journal("j" + std::to_string(i)), 0, 3);
  ASSERT_TRUE(store_->close());
  lose_power(Survival::keep_all());
  const uint64_t before = env_->changes();
  apply();
  EXPECT_EQ(env_->changes(), before);
}

// --- trims that come between ---

class TrimBetween : public testing::Test {
 protected:
  void open(uint64_t chunk_size) {
    StoreOptions options;
    options.chunk_size = chunk_size;
    store_ = *ChunkedStore::open(env_, "/store", options, /*background=*/false);
    app_ = *store_->create("app", {});
  }

  void append(int count) {
    const std::vector<std::byte> record(100);
    for (int i = 0; i < count; ++i) {
      machine_.advance(milliseconds(10));
      ASSERT_TRUE(app_->append_records({{record}}));
    }
  }

  // When a file is opened next, the chunk is dropped.
  void drop_at_next_open(ChunkId chunk) {
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(store_->sync());
    for (int i = 0; i < 2; ++i) store_->let_go_of_idle();
    env_.on_open = [this, chunk](const Path& path) {
      if (path.extension() != ".dat") return;
      env_.on_open = {};
      ASSERT_TRUE(app_->trim(chunk));
    };
  }

  SimEnv machine_;
  GateEnv env_{machine_};
  std::unique_ptr<ChunkedStore> store_;
  std::shared_ptr<Journal> app_;
};

TEST_F(TrimBetween, ASeekLeadsToTheOldestRecord) {
  open(4096);
  append(200);
  const auto seek = [&](const auto& spec_in) {
    const ChunkInfo chunk = app_->chunks()[1];
    drop_at_next_open(chunk.id);
    const auto found = app_->seek(spec_in(chunk));
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_EQ(found->record, app_->extent().begin.record);
    EXPECT_GT(found->record, chunk.first_record);
  };
  seek([](const ChunkInfo& chunk) { return PositionSpec(chunk.start + milliseconds(50)); });
  seek([](const ChunkInfo& chunk) { return PositionSpec(chunk.first_record + 5); });
}

TEST_F(TrimBetween, AReaderFinishesTheChunkThatItBeganWhileThatGrew) {
  open(100'000);
  append(900);
  RecordBatch batch;
  ASSERT_TRUE(app_->read_records(RecordNumber(), 900, 1 << 20, batch));
  append(2000);
  drop_at_next_open(app_->chunks()[0].id);
  ASSERT_TRUE(app_->read_records(RecordNumber(900), 10, 1 << 20, batch));
  EXPECT_FALSE(env_.on_open) << "no file was opened";
  EXPECT_EQ(batch.items.size(), 10U);
  EXPECT_GT(app_->extent().begin.record, RecordNumber(910));
}

}  // namespace
}  // namespace range
