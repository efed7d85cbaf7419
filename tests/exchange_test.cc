#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "journal/cursor.h"
#include "journal/exchange/export_range.h"
#include "journal/exchange/import_range.h"
#include "journal/store.h"
#include "tests/support/temporary_directory.h"

namespace range::exchange {
namespace {

using Texts = std::vector<std::string>;

// "00 01 ab" as bytes.
std::string hex(std::string_view digits) {
  std::string bytes;
  std::string pair;
  for (const char c : digits) {
    if (c != ' ') pair += c;
    if (pair.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
    pair.clear();
  }
  return bytes;
}

// Records "a", "" and "bc", as Range would write them.
const std::string kThree = hex("00000001 61  00000000  00000002 6263");
const std::string kThreeIndex = hex("0000000000000000 0000000000000005 0000000000000009");
const std::string kOne = hex("00000003 646566");  // "def"

constexpr const char* kFirst = "18EA5F509AFF0001";
constexpr const char* kSecond = "18EA5F609AFF0001";
constexpr const char* kThird = "18EA5F709AFF0001";

class Exchange : public testing::Test {
 protected:
  void SetUp() override { store_ = open("store"); }
  void TearDown() override { EXPECT_TRUE(store_->close()); }

  std::unique_ptr<Store> open(const char* name) {
    auto store = open_store(work_.path() / name, {});
    EXPECT_TRUE(store) << to_string(store.error());
    return *std::move(store);
  }

  Path journal_directory() const { return work_.path() / "range/pp/app"; }

  void write(const std::string& file, std::string_view content) {
    boost::filesystem::create_directories(journal_directory());
    std::ofstream((journal_directory() / file).native(), std::ios::binary) << content;
  }
  void write_data(const char* chunk, std::string_view data) {
    write(std::string(chunk) + ".dat", data);
  }
  void write_index(const char* chunk, std::string_view data) {
    write(std::string(chunk) + ".idx", data);
  }
  std::string read(const Path& path) const {
    std::ifstream file((work_.path() / path).native(), std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
  }

  Result<ImportedJournal> try_import() {
    return import_journal(*store_, {"app", journal_directory()});
  }
  ImportedJournal import() {
    auto imported = try_import();
    EXPECT_TRUE(imported) << to_string(imported.error());
    return imported ? *std::move(imported) : ImportedJournal();
  }

  static Texts records(Store& store, const std::string& path = "app") {
    Texts found;
    auto journal = store.open(path);
    EXPECT_TRUE(journal) << to_string(journal.error());
    Cursor cursor(*journal);
    for (auto record = cursor.next(); record && *record; record = cursor.next()) {
      found.emplace_back(as_text((*record)->bytes));
    }
    return found;
  }
  Texts records() { return records(*store_); }

  TemporaryDirectory work_;
  std::unique_ptr<Store> store_;
};

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

TEST_F(Exchange, LaggingIndexIsNoMatter) {
  write_data(kFirst, kThree);
  for (const size_t size : {0U, 3U, 8U, 12U, 23U}) {
    write_index(kFirst, kThreeIndex.substr(0, size));
    EXPECT_TRUE(import().notes.empty()) << size;
  }
  EXPECT_EQ(records(), (Texts{"a", "", "bc"}));
}

TEST_F(Exchange, WrongIndexIsNotedAndNotUsed) {
  write_data(kFirst, kThree);
  for (const std::string& index :
       {hex("0000000000000000 0000000000000006"), kThreeIndex + hex("0000000000000100"),
        kThreeIndex + hex("000000000000000F 0000000000000020")}) {
    write_index(kFirst, index);
    const ImportedJournal imported = import();
    EXPECT_EQ(imported.notes, Texts{"chunk 18EA5F509AFF0001: its index is wrong, not used"});
    EXPECT_TRUE(imported.damage.empty());
  }
  EXPECT_EQ(records(), (Texts{"a", "", "bc"}));
}

TEST_F(Exchange, EveryTornEndKeepsTheRecordsBefore) {
  const std::string whole = kThree + kOne;
  for (size_t size = kThree.size() + 1; size < whole.size(); ++size) {
    write_data(kFirst, whole.substr(0, size));
    write_index(kFirst, kThreeIndex + hex("000000000000000F"));
    const ImportedJournal imported = import();
    EXPECT_EQ(imported.notes, Texts{"chunk 18EA5F509AFF0001, offset 15: torn last record; " +
                                    std::to_string(size - kThree.size()) + " bytes left out"});
    EXPECT_TRUE(imported.damage.empty());
    EXPECT_EQ(records(), (Texts{"a", "", "bc"}));
  }
}

TEST_F(Exchange, TornLengthBeforeAnotherChunkIsNoDamage) {
  write_data(kFirst, kThree + hex("0000"));
  write_data(kSecond, kOne);
  const ImportedJournal imported = import();
  EXPECT_EQ(imported.notes.size(), 1U);
  EXPECT_TRUE(imported.damage.empty());
  EXPECT_EQ(records(), (Texts{"a", "", "bc", "def"}));
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
  write_data(kFirst, hex("00000001 61  08000001 626364"));
  const ImportedJournal imported = import();
  EXPECT_EQ(imported.damage,
            Texts{"chunk 18EA5F509AFF0001, offset 5: record above the limit; 7 bytes left out"});
  EXPECT_EQ(records(), Texts{"a"});
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

TEST_F(Exchange, NamesThatNoStoreHasAreRefusedWithoutATrace) {
  write_data(kFirst, kOne);
  for (const std::string& name : {std::string("/a"), std::string("x/"), std::string("x//b"),
                                  std::string("x/.."), "x/" + std::string(256, 'y')}) {
    const auto imported = import_journal(*store_, {name, journal_directory()});
    ASSERT_FALSE(imported) << name;
    EXPECT_EQ(imported.error().code, Errc::kInvalid) << name;
  }
  EXPECT_TRUE(store_->list("")->empty());
}

TEST_F(Exchange, ExportWritesTheFormat) {
  ASSERT_TRUE((*store_->create("app_", {}))->append_records({"a", "", "bc"}));
  auto target = RangeExport::open(work_.path() / "out");
  ASSERT_TRUE(target) << to_string(target.error());
  const auto exported = target->export_journal(*store_, "app_");
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
  ASSERT_TRUE(target->export_journal(*store_, "app"));  // it was empty
  const auto again = target->export_journal(*store_, "app");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kNotEmpty);
  EXPECT_FALSE(boost::filesystem::exists(work_.path() / "out/exporting.tmp"));
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
  const auto exported = target->export_journal(*store_, "app");
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
  const auto exported = target->export_journal(*small, "app");
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
