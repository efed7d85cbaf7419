// Exports of journals of which something is gone that no record tells of.
#include "journal/exchange/export_range.h"
#include "tests/support/recovery_test.h"

namespace range::exchange {
namespace {

class ExchangeExport : public RecoveryTest {
 protected:
  // Exports journal "app" from the store opened anew, only to be read, as rangectl does.
  ExportedJournal export_app() {
    store_.reset();
    options_.read_only = true;
    open_store();
    ExportedJournal exported;
    const std::string root = "/range" + std::to_string(++exports_);
    auto target = RangeExport::open(root, *env_);
    EXPECT_TRUE(target) << to_string(target.error());
    auto done = target->export_journal(*store_, "app", "app");
    EXPECT_TRUE(done) << to_string(done.error());
    if (done) exported = *std::move(done);
    store_.reset();
    options_.read_only = false;
    open_store();
    return exported;
  }

  void expect_damage(const ExportedJournal& exported, const std::string& told) {
    ASSERT_EQ(exported.damage.size(), 1U);
    EXPECT_NE(exported.damage[0].find(told), std::string::npos) << exported.damage[0];
  }

  void remove(const Path& file) { ASSERT_TRUE(env_->remove_file(file)); }

  int exports_ = 0;
};

TEST_F(ExchangeExport, TellsOfTheOnlyChunkSetAside) {
  const JournalId id = fill(0, 10);
  kill();
  remove(files(id, ".idx").front());
  ExportedJournal exported = export_app();
  EXPECT_EQ(exported.records, 0U);
  expect_damage(exported, "1 chunk left out");
  EXPECT_TRUE(files(id, ".torn").empty()) << "reading changes nothing";
  append(*journal(), "more\n");
  EXPECT_EQ(journal()->info()->chunks_left_out, 1U);
  EXPECT_EQ(journal()->info()->torn_tails, 0U);
  EXPECT_EQ(files(id, ".torn").size(), 1U);
  exported = export_app();
  EXPECT_EQ(exported.records, 1U);
  expect_damage(exported, "1 chunk left out");
  reopen();
  EXPECT_EQ(journal()->info()->chunks_left_out, 1U);
  EXPECT_EQ(journal()->info()->torn_tails, 0U);
}

TEST_F(ExchangeExport, TellsOfEachChunkSetAsideBehindOthers) {
  const JournalId id = fill(41, 82);
  kill();
  remove(files(id, ".dat")[1]);
  for (int again = 0; again < 2; ++again) {
    const ExportedJournal exported = export_app();
    EXPECT_EQ(exported.records, 41U + static_cast<uint64_t>(again));
    expect_damage(exported, "2 chunks left out");
    append(*journal(), "more\n");
  }
}

TEST_F(ExchangeExport, TellsOfAChunkWithoutAHeaderAtTheEnd) {
  const JournalId id = fill(90, 0);
  reopen();
  const std::vector<Path> idx = files(id, ".idx");
  ASSERT_EQ(idx.size(), 3U);
  // Nothing says where the chunk before it ends.
  for (uint64_t at = 0; at < kEntriesAt; at += kSectorBytes) damage_sector(idx[1], at);
  for (const uint64_t at : kHeaderAt) damage_sector(idx[2], at);
  const ExportedJournal exported = export_app();
  EXPECT_EQ(exported.records, 82U);
  expect_damage(exported, "1 chunk left out");
}

TEST_F(ExchangeExport, TellsOfAChunkOfAnotherJournalInThePlaceOfItsOwn) {
  const JournalId id = fill(50, 0);
  append_lines(*journal("other"), 0, 5);
  const std::string other = env_->read_all(files(journal("other")->id(), ".idx").front());
  reopen();
  env_->write_raw(files(id, ".idx").back(), other);
  const ExportedJournal exported = export_app();
  EXPECT_EQ(exported.records, 41U);
  expect_damage(exported, "1 chunk left out");
}

TEST_F(ExchangeExport, TellsOfMissingChunksInFront) {
  const JournalId id = fill(50, 0);
  reopen();
  remove(files(id, ".dat").front());
  remove(files(id, ".idx").front());
  const ExportedJournal exported = export_app();
  EXPECT_EQ(exported.records, 9U);
  expect_damage(exported, "41 records missing at its beginning");
}

TEST_F(ExchangeExport, TellsOfAJournalOfWhichNothingIsThere) {
  const JournalId id = fill(5, 0);
  reopen();
  remove(files(id, ".dat").front());
  remove(files(id, ".idx").front());
  expect_damage(export_app(), "nothing of it is there");
}

TEST_F(ExchangeExport, TellsThatTheEndCannotBeRead) {
  const JournalId id = fill(10, 5);
  kill();
  const Path idx = files(id, ".idx").front();
  env_->set_readable(idx, 4096, false);
  const auto damage = export_app().damage;
  ASSERT_FALSE(damage.empty());
  EXPECT_NE(damage[0].find("its end cannot be read"), std::string::npos) << damage[0];
}

TEST_F(ExchangeExport, HasNothingToTellOfDroppedChunksAndTornTails) {
  const JournalId id = fill(10, 5);
  lose_power(Survival::keep_all());
  damage_line(files(id, ".dat").back(), 12);
  append(*journal(), "more\n");
  EXPECT_EQ(files(id, ".torn").size(), 2U);
  append_lines(*journal(), 0, 50);
  ASSERT_TRUE(journal()->trim(journal()->chunks()[0].id));
  EXPECT_EQ(files(id, ".torn").size(), 2U);
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
  EXPECT_TRUE(export_app().damage.empty());
  EXPECT_EQ(journal()->info()->torn_tails, 1U);
  EXPECT_EQ(journal()->info()->chunks_left_out, 0U);
}

TEST_F(ExchangeExport, HasNothingToTellOfAChunkSetAsideThatWasDropped) {
  const JournalId id = fill(41, 10);
  kill();
  remove(files(id, ".dat").back());
  append_lines(*journal(), 0, 50);
  EXPECT_EQ(journal()->info()->chunks_left_out, 1U);
  ASSERT_TRUE(journal()->trim(journal()->chunks()[1].id));
  EXPECT_EQ(journal()->info()->chunks_left_out, 0U);
  EXPECT_TRUE(export_app().damage.empty());
}

// A power loss may leave the size of files of which nothing was written.
TEST_F(ExchangeExport, HasNothingToTellOfAChunkOfZeros) {
  const JournalId id = fill(41, 5);
  lose_power(Survival::keep_all());
  for (const char* extension : {".dat", ".idx"}) {
    const Path file = files(id, extension).back();
    env_->write_raw(file, std::string(env_->read_all(file).size(), '\0'));
  }
  EXPECT_TRUE(export_app().damage.empty());
  append(*journal(), "more\n");
  EXPECT_TRUE(files(id, ".torn").empty());
  EXPECT_TRUE(export_app().damage.empty());
}

}  // namespace
}  // namespace range::exchange
