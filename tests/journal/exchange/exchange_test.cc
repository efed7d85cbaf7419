#include "tests/support/exchange_test.h"

namespace range::exchange {
namespace {

TEST_F(Exchange, ChunksAreImportedInTheOrderOfTheirIds) {
  write_data(kSecond, kOne);
  write_data(kFirst, kThree);
  write_index(kFirst, kThreeIndex);
  write_data(kThird, "");
  const ImportedJournal imported = import();
  EXPECT_EQ(records(), (Texts{"a", "", "bc", "def"}));
  EXPECT_EQ(imported.records, 4U);
  EXPECT_EQ(imported.chunks, 2U);
  EXPECT_EQ(imported.bytes, 6U);
  EXPECT_TRUE(imported.notes.empty());
  EXPECT_TRUE(imported.damage.empty());
  EXPECT_EQ((*store_->open("app"))->attributes().framing, Framing::kWrite);
}

TEST_F(Exchange, LaggingIndexCostsNothing) {
  write_data(kFirst, kThree);
  for (const size_t size : {0U, 3U, 8U, 12U, 23U}) {
    write_index(kFirst, kThreeIndex.substr(0, size));
    const ImportedJournal imported = import();
    EXPECT_EQ(imported.notes.size(), size < 8 ? 0U : 1U) << size;
    EXPECT_TRUE(imported.damage.empty());
  }
  EXPECT_EQ(records(), (Texts{"a", "", "bc"}));
}

TEST_F(Exchange, WrongIndexIsNotedAndNotUsed) {
  write_data(kFirst, kThree);
  for (const std::string& index : {hex("0000000000000000 0000000000000006"),
                                   hex("0000000000000000 0000000000000006 0000000000000008")}) {
    write_index(kFirst, index);
    const ImportedJournal imported = import();
    EXPECT_EQ(imported.notes,
              Texts{"chunk 18EA5F509AFF0001: its index is wrong from record 1 on, not used"});
    EXPECT_TRUE(imported.damage.empty());
  }
  write_index(kFirst, hex("0000000000000000 0000000000000006 0000000000000009"));
  EXPECT_EQ(import().notes,
            Texts{"chunk 18EA5F509AFF0001: its index is wrong for records 1 to 1, not used there"});
  EXPECT_EQ(records(), (Texts{"a", "", "bc"}));
}

TEST_F(Exchange, EveryTornEndKeepsTheRecordsBefore) {
  const std::string whole = kThree + kOne;
  for (const size_t entries : {0U, 8U, 24U}) {
    write_index(kFirst, kThreeIndex.substr(0, entries));
    for (size_t size = kThree.size() + 1; size < whole.size(); ++size) {
      write_data(kFirst, whole.substr(0, size));
      const ImportedJournal imported = import();
      ASSERT_EQ(imported.notes.size(), entries == 8 ? 2U : 1U);  // that the index lags
      EXPECT_EQ(imported.notes[0], "chunk 18EA5F509AFF0001, offset 15: torn last record; " +
                                       std::to_string(size - kThree.size()) + " bytes left out");
      EXPECT_TRUE(imported.damage.empty());
      EXPECT_EQ(records(), (Texts{"a", "", "bc"}));
    }
  }
}

TEST_F(Exchange, TornRecordThatTheIndexHasIsDamage) {
  write_data(kFirst, kThree + kOne.substr(0, 5));
  write_index(kFirst, kThreeIndex + hex("000000000000000F"));
  const ImportedJournal imported = import();
  EXPECT_TRUE(imported.notes.empty());
  EXPECT_EQ(imported.damage, Texts{"chunk 18EA5F509AFF0001, offset 15: record beyond the end of "
                                   "the file; 1 record, 5 bytes left out"});
  EXPECT_EQ(records(), (Texts{"a", "", "bc"}));
}

TEST_F(Exchange, TornEndBeforeAnotherChunkIsDamage) {
  write_data(kFirst, kThree + hex("0000"));
  write_index(kFirst, kThreeIndex);
  write_data(kSecond, kOne);
  const ImportedJournal imported = import();
  EXPECT_TRUE(imported.notes.empty());
  EXPECT_EQ(imported.damage,
            Texts{"chunk 18EA5F509AFF0001, offset 15: torn length; 2 bytes left out"});
}

TEST_F(Exchange, LengthBeyondTheFileLosesOnlyTheRestOfItsChunk) {
  write_data(kFirst, hex("00000001 61  00000100 626364"));
  write_data(kSecond, kOne);
  const ImportedJournal imported = import();
  EXPECT_EQ(imported.damage, Texts{"chunk 18EA5F509AFF0001, offset 5: record beyond the end of the "
                                   "file; 7 bytes left out"});
  EXPECT_TRUE(imported.notes.empty());
  EXPECT_EQ(records(), (Texts{"a", "def"}));
  EXPECT_EQ(import().records_before, 2U);
}

TEST_F(Exchange, LengthThatNoRecordHasIsDamageInTheLastChunkToo) {
  for (const char* length : {"08000001", "7FFFFFFF", "01000000"}) {
    write_data(kFirst, hex("00000001 61  00000001 62" + std::string(length) + "626364"));
    const ImportedJournal imported = import();
    EXPECT_EQ(imported.damage,
              Texts{"chunk 18EA5F509AFF0001, offset 5: wrong length; 12 bytes left out"});
    EXPECT_EQ(records(), Texts{"a"});
  }
}

TEST_F(Exchange, RecordsLargerThanABatchAreImported) {
  const std::string large(size_t{9} << 20, 'x');
  write_data(kFirst, kOne + hex("00900000") + large + kThree);
  EXPECT_EQ(import().records, 5U);
  EXPECT_EQ(records(), (Texts{"def", large, "a", "", "bc"}));
}

TEST_F(Exchange, RecordAtTheLimitIsImported) {
  write_data(kFirst, hex("08000000") + std::string(kAppendBytesMax, 'y') + kOne);
  const ImportedJournal imported = import();
  EXPECT_EQ(imported.records, 2U);
  EXPECT_EQ(imported.bytes, kAppendBytesMax + 3);
  EXPECT_TRUE(imported.damage.empty());
}

TEST_F(Exchange, ImportGoesOnWhereAnotherEnded) {
  write_data(kFirst, kThree.substr(0, 9));
  EXPECT_EQ(import().records, 2U);
  write_data(kFirst, kThree);
  write_data(kSecond, kOne);
  const ImportedJournal imported = import();
  EXPECT_EQ(imported.records_before, 2U);
  EXPECT_EQ(imported.records, 4U);
  EXPECT_EQ(records(), (Texts{"a", "", "bc", "def"}));
  EXPECT_EQ(import().records_before, 4U);
  EXPECT_EQ(records().size(), 4U);
}

TEST_F(Exchange, JournalThatDiffersIsLeftUntouched) {
  write_data(kFirst, kThree);
  auto journal = *store_->create("app", {});
  ASSERT_TRUE(journal->append_records({"a", "x"}));
  const auto imported = try_import();
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, Errc::kNotPermitted);
  EXPECT_NE(imported.error().context.find("record 1 differs"), std::string::npos);
  EXPECT_EQ(records(), (Texts{"a", "x"}));
}

TEST_F(Exchange, JournalWithMoreThanTheSourceIsRefused) {
  write_data(kFirst, kThree);
  import();
  ASSERT_TRUE((*store_->open("app"))->append_records({"more"}));
  EXPECT_FALSE(try_import());
  EXPECT_EQ(records(), (Texts{"a", "", "bc", "more"}));
}

TEST_F(Exchange, JournalThatEndsInTheMiddleOfALineIsRefused) {
  write_data(kFirst, kThree);
  ASSERT_TRUE((*store_->create("app", {}))->append(as_bytes("a")));
  EXPECT_FALSE(try_import());
}

TEST_F(Exchange, DirectoriesAreMadeForNamesWithSlashes) {
  write_data(kFirst, kOne);
  ASSERT_TRUE(import_journal(*store_, {"a/b/c", journal_directory()}));
  ASSERT_TRUE(import_journal(*store_, {"a/b/d", journal_directory()}));
  EXPECT_EQ(records(*store_, "a/b/c"), Texts{"def"});
  EXPECT_EQ(records(*store_, "a/b/d"), Texts{"def"});
  EXPECT_FALSE(import_journal(*store_, {"a/b/c/d", journal_directory()}));
}

TEST_F(Exchange, ExportWritesTheFormat) {
  ASSERT_TRUE((*store_->create("app_", {}))->append_records({"a", "", "bc"}));
  auto target = RangeExport::open(work_.path() / "out");
  ASSERT_TRUE(target) << to_string(target.error());
  const auto exported = target->export_journal(*store_, "app_", "app_");
  ASSERT_TRUE(exported) << to_string(exported.error());
  EXPECT_EQ(exported->records, 3U);
  const ChunkId id = (*store_->open("app_"))->chunks().front().id;
  EXPECT_EQ(read("out/00/app_00/" + exchange::chunk_file_name(id, ".dat")), kThree);
  EXPECT_EQ(read("out/00/app_00/" + exchange::chunk_file_name(id, ".idx")), kThreeIndex);
}

TEST_F(Exchange, ExportRefusesAJournalThatIsThere) {
  ASSERT_TRUE((*store_->create("app", {}))->append_records({"a"}));
  auto target = RangeExport::open(work_.path() / "out");
  boost::filesystem::create_directories(work_.path() / "out/pp/app");
  ASSERT_TRUE(target->export_journal(*store_, "app", "app"));  // it was empty
  const auto again = target->export_journal(*store_, "app", "app");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kNotEmpty);
  EXPECT_FALSE(boost::filesystem::exists(work_.path() / "out/exporting.tmp"));
}

TEST_F(Exchange, OthersFilesAreNotRemovedFromTheStaging) {
  const Path root = work_.path() / "range";
  const Path staging = root / "exporting.tmp";
  boost::filesystem::create_directories(staging);
  const std::string chunk = (staging / "18EA5F509AFF0001.dat").native();
  const std::string other = (staging / "precious").native();
  for (const std::string& file : {chunk, other}) std::ofstream(file) << "x";
  const auto refused = RangeExport::open(root);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kNotEmpty);
  EXPECT_NE(refused.error().context.find("precious"), std::string::npos);
  EXPECT_TRUE(boost::filesystem::exists(other));
  boost::filesystem::remove(other);
  EXPECT_TRUE(RangeExport::open(root));
  EXPECT_FALSE(boost::filesystem::exists(staging));
}

TEST_F(Exchange, OnlyOneExportAtATime) {
  const auto first = RangeExport::open(work_.path() / "out");
  ASSERT_TRUE(first);
  const auto second = RangeExport::open(work_.path() / "out");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kLocked);
}

TEST_F(Exchange, ExportKeepsALineWithoutItsEnd) {
  ASSERT_TRUE((*store_->create("app", {}))->append(as_bytes("one\ntw")));
  auto target = RangeExport::open(work_.path() / "range");
  const auto exported = target->export_journal(*store_, "app", "app");
  ASSERT_TRUE(exported) << to_string(exported.error());
  EXPECT_EQ(exported->notes.size(), 1U);
  const auto other = open("other");
  ASSERT_TRUE(import_journal(*other, {"app", journal_directory()}));
  EXPECT_EQ(records(*other), (Texts{"one\n", "tw"}));
  EXPECT_TRUE(other->close());
}

TEST_F(Exchange, ImportOfAnExportIsTheSame) {
  StoreOptions options;
  options.chunk_size = 4096;
  const auto small = *open_store(work_.path() / "small", options);
  Texts expected;
  for (size_t i = 0; i < 3000; ++i)
    expected.push_back(std::string(i % 97, 'x') + std::to_string(i));
  for (const std::string& text : expected) {
    ASSERT_TRUE((*small->get_or_create("app"))->append_records({text}));
  }
  auto target = RangeExport::open(work_.path() / "range");
  const auto exported = target->export_journal(*small, "app", "app");
  ASSERT_TRUE(exported) << to_string(exported.error());
  EXPECT_GT(exported->chunks, 10U);
  const ImportedJournal imported = import();
  EXPECT_EQ(imported.chunks, exported->chunks);
  EXPECT_TRUE(imported.notes.empty());
  EXPECT_EQ(records(), expected);
  EXPECT_TRUE(small->close());
}

}  // namespace
}  // namespace range::exchange
