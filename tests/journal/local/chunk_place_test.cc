// Which place a chunk has among the others of its journal, where headers contradict each other or
// cannot be read.

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

class ChunkPlace : public RecoveryTest {
 protected:
  // Lets an intact header say that its chunk begins with a record of the first one.
  void begin_at_record_5(const Path& idx, ByteOffset byte = ByteOffset(500)) {
    std::string bytes = env_->read_all(idx);
    Sector sector{};
    std::memcpy(sector.data(), bytes.data() + kHeaderAt[0], sector.size());
    ChunkHeader header = decode_header(sector).value();
    header.first_record = RecordNumber(5);
    header.first_byte = byte;
    sector = encode(header);
    for (const uint64_t at : kHeaderAt) {
      std::memcpy(bytes.data() + at, sector.data(), sector.size());
    }
    env_->write_raw(idx, bytes);
  }

  // Of 100 lines, only those in the second of three chunks may be missing.
  void expect_all_but_the_second_chunk() {
    const std::vector<std::string> served = found();
    ASSERT_EQ(served.size(), 100U);
    EXPECT_EQ(served[40], line(40));
    EXPECT_EQ(served[41], "(corrupt)");
    EXPECT_EQ(served[82], line(82));
    EXPECT_EQ(served[99], line(99));
  }
};

// As somebody leaves it who puts a file of another store in its place.
TEST_F(ChunkPlace, AChunkThatBeginsBeforeTheOneInFrontOfItIsNotServed) {
  const JournalId id = fill(100, 0);
  reopen();
  begin_at_record_5(files(id, ".idx")[2]);
  EXPECT_EQ(found(), lines(0, 82));
  expect_appends_go_on();
}

TEST_F(ChunkPlace, AChunkWhoseRecordsBeginBeforeThoseInFrontOfItIsNotServed) {
  for (const uint64_t byte : {8200U, 9000U}) {
    store_.reset();
    env_ = std::make_unique<SimEnv>();
    open_store();
    const JournalId id = fill(10, 90);
    kill();
    begin_at_record_5(files(id, ".idx")[2], ByteOffset(byte));
    EXPECT_EQ(found(), lines(0, 82)) << byte;
    expect_appends_go_on();
  }
}

// What cannot be read may be records: such a chunk is not removed.
TEST_F(ChunkPlace, AChunkThatIsSetAsideUnreadIsKept) {
  const JournalId id = fill(10, 90);
  kill();
  const Path idx = files(id, ".idx")[2];
  begin_at_record_5(idx, ByteOffset(8200));
  env_->write_raw(idx, env_->read_all(idx).substr(0, kEntriesAt));
  env_->set_readable(files(id, ".dat")[2], 0, false);
  EXPECT_EQ(found(), lines(0, 82));
  expect_appends_go_on();
  EXPECT_EQ(files(id, ".torn").size(), 2U);
}

TEST_F(ChunkPlace, AChunkThatIsSetAsideUnopenedIsKept) {
  const JournalId id = fill(10, 90);
  kill();
  const Path idx = files(id, ".idx")[2];
  begin_at_record_5(idx, ByteOffset(8200));
  env_->write_raw(idx, env_->read_all(idx).substr(0, kEntriesAt));
  EXPECT_EQ(found(), lines(0, 82));
  env_->set_fault_hook([dat = files(id, ".dat")[2].native()](const Call& call) {
    const bool fails = call.kind == CallKind::kOpen && call.path == dat;
    return fails ? std::optional(Fault{EIO}) : std::nullopt;
  });
  append(*journal(), "more\n");
  env_->set_fault_hook({});
  EXPECT_EQ(files(id, ".torn").size(), 2U);
}

// As long as one copy of its header can be read.
TEST_F(ChunkPlace, AChunkThatCannotBeReadHasItsPlace) {
  const JournalId id = fill(10, 90);
  kill();
  ASSERT_TRUE(env_->remove_file(files(id, ".dat")[2]));
  env_->set_readable(files(id, ".idx")[2], kHeaderAt[0], false);
  EXPECT_EQ(journal()->chunks().size(), 3U);
  EXPECT_EQ(journal()->info()->chunks_left_out, 0U);
}

// Also if nobody knows what was between them: no record is served twice.
TEST_F(ChunkPlace, BehindAChunkThatCannotBeReadNoneIsServedOutOfOrder) {
  for (const uint64_t byte : {500U, 8200U}) {
    store_.reset();
    env_ = std::make_unique<SimEnv>();
    open_store();
    const JournalId id = fill(10, 90);
    kill();
    for (const uint64_t at : kHeaderAt) env_->set_readable(files(id, ".idx")[1], at, false);
    begin_at_record_5(files(id, ".idx")[2], ByteOffset(byte));
    EXPECT_EQ(found(), lines(0, 41)) << byte;
  }
}

// The one before it is not blamed for that.
TEST_F(ChunkPlace, BehindAChunkThatCannotBeReadTheNextHasItsPlace) {
  const JournalId id = fill(10, 90);
  kill();
  for (const uint64_t at : kHeaderAt) env_->set_readable(files(id, ".idx")[1], at, false);
  log_.take();
  expect_all_but_the_second_chunk();
  const std::string log = log_.take_text();
  EXPECT_EQ(log.find("stored bytes have changed"), std::string::npos) << log;
}

// Nor does one that is in front of both keep the damage of the last from being told as that.
TEST_F(ChunkPlace, ADamagedTailBehindAChunkThatCannotBeReadIsNoAppendInFlight) {
  const JournalId id = fill(0, 100);
  kill();
  for (const uint64_t at : kHeaderAt) env_->set_readable(files(id, ".idx")[0], at, false);
  env_->corrupt(files(id, ".idx")[1], kEntriesAt + 40 * kEntryBytes, 0x01);
  log_.take();
  found();
  const std::string log = log_.take_text();
  EXPECT_EQ(log.find("had not returned"), std::string::npos) << log;
  EXPECT_NE(log.find("stored bytes have changed"), std::string::npos) << log;
}

// More was appended to it than its mark tells.
TEST_F(ChunkPlace, BehindAChunkWithoutItsPayloadTheNextHasItsPlace) {
  const JournalId id = fill(50, 50);
  ASSERT_EQ(files(id, ".dat").size(), 3U);
  kill();
  ASSERT_TRUE(env_->remove_file(files(id, ".dat")[1]));
  expect_all_but_the_second_chunk();
  expect_appends_go_on();
}

}  // namespace
}  // namespace range
