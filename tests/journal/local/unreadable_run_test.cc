// What reading past unreadable pages costs: what they hold, whatever else is in the chunk.

#include <gtest/gtest.h>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

constexpr uint64_t kLines = 20'000;
constexpr uint64_t kLineBytes = 100;
constexpr uint64_t kBadAt = 200 * kCachePageBytes;
constexpr uint64_t kBadIndexAt = 20 * kCachePageBytes;

struct Case {
  std::string name;
  bool mapped = false;
  bool one_each = true;  // whether each record of the chunk is one fragment
  uint64_t pages = 1;    // that cannot be read
  bool index = false;    // of the index file, else of the payload
};

// One chunk, much larger than what is unreadable in it.
class UnreadableRun : public RecoveryTest, public testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    options_.chunk_size = 16 << 20;
    open_store();
    fill();
    MappingSizes mapping;
    mapping.read_bytes_min = GetParam().mapped ? 1 : UINT64_MAX;
    store_.reset();
    auto store = LocalStore::open(*env_, "/store", options_, /*background=*/false, mapping);
    ASSERT_TRUE(store) << to_string(store.error());
    store_ = *std::move(store);
    env_->set_fault_hook([this](const Call& call) -> std::optional<Fault> {
      reads_ += call.kind == CallKind::kRead || call.kind == CallKind::kMap ? 1 : 0;
      return std::nullopt;
    });
  }

  void fill() {
    const auto app = journal();
    std::string text;
    if (!GetParam().one_each) {
      text = std::string(2 * kFragmentBytesMax - 1, 'l') + '\n';
      ++records_;
    }
    for (uint64_t i = 0; i < kLines; ++i) {
      text += line(static_cast<int>(i));
      ++records_;
      if (text.size() < size_t{200'000} && i + 1 < kLines) continue;
      append(*app, text);
      text.clear();
    }
    file_ = files(app->id(), GetParam().index ? ".idx" : ".dat").front();
    ASSERT_EQ(app->chunks().size(), 1U);
    ASSERT_TRUE(app->sync());
  }

  void set_pages_readable(bool readable) {
    const uint64_t first = GetParam().index ? kBadIndexAt : kBadAt;
    for (uint64_t i = 0; i < GetParam().pages; ++i) {
      env_->set_readable(file_, first + i * kCachePageBytes, readable);
    }
  }

  // Counts what calls to `read` cost from one end to the other, and the records that are damaged.
  template <typename Read>
  uint64_t count_reads(const Read& read, uint64_t& damaged) {
    damaged = 0;
    const uint64_t before = reads_;
    for (uint64_t i = 0; i <= records_; ++i) {
      const Result<std::optional<Record>> record = read();
      if (record && !*record) break;
      damaged += record ? 0 : 1;
    }
    return reads_ - before;
  }

  uint64_t records_ = 0;
  uint64_t reads_ = 0;
  Path file_;  // what cannot be read is in
};

TEST_P(UnreadableRun, CostsReadsForWhatIsInItOnly) {
  constexpr uint64_t kReadsPerRecord = 12;
  for (const bool forward : {true, false}) {
    uint64_t damaged = 0;
    const auto all = [&] {
      Cursor cursor(journal());
      if (!forward) {
        EXPECT_TRUE(cursor.seek(AtEnd()));
      }
      return count_reads([&] { return forward ? cursor.next() : cursor.previous(); }, damaged);
    };
    const uint64_t intact = all();
    EXPECT_EQ(damaged, 0U);
    set_pages_readable(false);
    const uint64_t broken = all();
    const uint64_t bytes = GetParam().pages * kCachePageBytes;
    const uint64_t held = bytes / (GetParam().index ? kEntryBytes : kLineBytes);
    EXPECT_GE(damaged, held);
    EXPECT_LE(damaged, held + 2);
    // Behind it, the rest of the chunk is read without being mapped.
    EXPECT_LE(broken, intact + damaged * kReadsPerRecord + 400) << (forward ? "forward" : "back");
    set_pages_readable(true);
  }
}

// What a cursor remembers of the run must not outlive the next seek.
TEST_P(UnreadableRun, IsReadAgainAfterASeekOnceItCanBeRead) {
  Cursor cursor(journal());
  set_pages_readable(false);
  Result<std::optional<Record>> record = cursor.next();
  while (record && *record) record = cursor.next();
  ASSERT_FALSE(record);
  const RecordNumber lost = cursor.record() - 1;
  ASSERT_FALSE(cursor.next());
  set_pages_readable(true);
  ASSERT_TRUE(cursor.seek(lost));
  EXPECT_TRUE(cursor.next());
}

INSTANTIATE_TEST_SUITE_P(
    Chunks, UnreadableRun,
    testing::Values(Case{"OnePage", false, true, 1}, Case{"OnePageMapped", true, true, 1},
                    Case{"ManyPages", false, true, 64}, Case{"OnePageAmongParts", false, false, 1},
                    Case{"ManyPagesAmongParts", false, false, 64},
                    Case{"ManyPagesAmongPartsMapped", true, false, 64},
                    Case{"Entries", false, true, 1, true},
                    Case{"EntriesMapped", true, true, 1, true},
                    Case{"EntriesAmongParts", false, false, 1, true},
                    Case{"ManyEntriesAmongParts", false, false, 16, true},
                    Case{"ManyEntriesAmongPartsMapped", true, false, 16, true}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace range
