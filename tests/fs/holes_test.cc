// Holes of files that are copied into journals: writing behind the end, and growing.

#include <fcntl.h>

#include <cerrno>
#include <string>

#include "tests/support/operations_test.h"

namespace rangefs {
namespace {

class HolesTest : public OperationsTest {
 protected:
  void SetUp() override {
    OperationsTest::SetUp();
    app_ = create("app");
  }

  int write(HandleId handle, uint64_t offset, std::string_view text) {
    return errno_of(ops_->append(handle, range::as_bytes(text), offset, /*at_end=*/false));
  }
  int resize(NodeId node, uint64_t size, std::optional<HandleId> through) {
    AttributeChange change;
    change.size = size;
    return errno_of(ops_->set_attributes(node, change, through));
  }

  Created app_;
};

TEST_F(HolesTest, AreFilledThroughTheOpenThatFoundTheJournalEmpty) {
  EXPECT_EQ(write(app_.handle, 2, "ab"), 0);
  EXPECT_EQ(write(app_.handle, 4, "c"), 0);
  append(app_.handle, "d");
  EXPECT_EQ(write(app_.handle, 8, "e\n"), 0);
  EXPECT_EQ(resize(app_.found.node, 12, app_.handle), 0);
  EXPECT_EQ(write(app_.handle, 13, "f"), 0);
  EXPECT_EQ(read_all(app_.handle), std::string("\0\0abcd\0\0e\n\0\0\0f", 14));
  EXPECT_EQ(store_.journal("app")->extent().end.record, range::RecordNumber(2));
}

TEST_F(HolesTest, WithTheirWriteAreOneRecordInWriteFraming) {
  Attributes attributes = store_.journal("app")->attributes();
  attributes.framing = range::Framing::kWrite;
  ASSERT_TRUE(store_.journal("app")->set_attributes(attributes));
  EXPECT_EQ(write(app_.handle, 2, "a\nb"), 0);
  EXPECT_EQ(resize(app_.found.node, 7, app_.handle), 0);
  EXPECT_EQ(store_.journal("app")->extent().end.record, range::RecordNumber(2));
}

TEST_F(HolesTest, AreGrowthThatIsTold) {
  EXPECT_EQ(resize(app_.found.node, 5, app_.handle), 0);
  EXPECT_EQ(resize(create("second").found.node, 5, std::nullopt), 0);
  EXPECT_EQ(write(app_.handle, 7, "e"), 0);
  const JournalId app = store_.journal("app")->id();
  EXPECT_EQ(notices_.grown_journals, (std::vector{app, store_.journal("second")->id(), app}));
}

TEST_F(HolesTest, AreNoneBehindWhatSomebodyElseAppended) {
  EXPECT_EQ(write(app_.handle, 0, "ab"), 0);
  append(open("app"), "cd");
  EXPECT_EQ(write(app_.handle, 6, "e"), EPERM);
  EXPECT_EQ(resize(app_.found.node, 6, app_.handle), EPERM);
  EXPECT_EQ(write(app_.handle, 4, "e"), 0) << "the end is for everybody";
  EXPECT_EQ(write(app_.handle, 6, "f"), EPERM) << "for good";
  EXPECT_EQ(resize(app_.found.node, 6, app_.handle), EPERM);
  EXPECT_EQ(read_all(app_.handle), "abcde");
}

// The journal is appended to when everything was looked at, just before the zeros are.
TEST_F(HolesTest, AreNoneBehindWhatSomebodyElseAppendsMeanwhile) {
  store_.journal("app")->before_append = [&] { append(open("app"), "x"); };
  EXPECT_EQ(write(app_.handle, 5, "e"), EPERM);
  EXPECT_EQ(read_all(app_.handle), "x");
  const Created second = create("second");
  store_.journal("second")->before_append = [&] { append(open("second"), "y"); };
  EXPECT_EQ(resize(second.found.node, 5, second.handle), EPERM);
  const Created third = create("third");
  store_.journal("third")->before_append = [&] { append(open("third"), "z"); };
  EXPECT_EQ(resize(third.found.node, 5, std::nullopt), EPERM);
  EXPECT_EQ(read_all(second.handle) + read_all(third.handle), "yz");
}

// As of a program that goes on where it was when its daemon died, and the tail was lost with power.
TEST_F(HolesTest, AreNoneThroughAnOpenThatFoundRecords) {
  append(app_.handle, "ab\n");
  const HandleId later = open("app");
  EXPECT_EQ(write(later, 5, "e"), EPERM);
  EXPECT_EQ(resize(app_.found.node, 5, later), EPERM);
  EXPECT_EQ(write(later, 3, "c"), 0);
  EXPECT_EQ(write(later, 5, "e"), EPERM);
}

TEST_F(HolesTest, HaveALimitEach) {
  EXPECT_EQ(write(app_.handle, Operations::kHoleBytesMax + 1, "a"), EFBIG);
  EXPECT_EQ(resize(app_.found.node, Operations::kHoleBytesMax + 1, app_.handle), EFBIG);
  EXPECT_EQ(resize(app_.found.node, UINT64_MAX / 2, std::nullopt), EFBIG);
  EXPECT_EQ(ops_->attributes(app_.found.node, kRoot)->st_size, 0);
  EXPECT_EQ(write(app_.handle, Operations::kHoleBytesMax, "a"), 0);
  EXPECT_EQ(ops_->attributes(app_.found.node, kRoot)->st_size, Operations::kHoleBytesMax + 1);
}

TEST_F(HolesTest, AnEmptyFileGrowsByItsNameOnce) {
  EXPECT_EQ(resize(app_.found.node, 3, std::nullopt), 0);
  EXPECT_EQ(resize(app_.found.node, 5, std::nullopt), EPERM);
  EXPECT_EQ(read_all(app_.handle), std::string(3, '\0'));
}

TEST_F(HolesTest, AllocationIsThatOfWhatIsThere) {
  const int keep = FALLOC_FL_KEEP_SIZE;
  append(app_.handle, "abc\n");
  EXPECT_EQ(errno_of(ops_->allocate(app_.handle, 0, 4, 0)), 0);
  EXPECT_EQ(errno_of(ops_->allocate(app_.handle, 2, 2, 0)), 0);
  EXPECT_EQ(errno_of(ops_->allocate(app_.handle, 0, 100, keep)), 0);
  // glibc writes a NUL byte for EOPNOTSUPP, and callers take EINVAL for a mistake of theirs.
  EXPECT_EQ(errno_of(ops_->allocate(app_.handle, 0, 5, 0)), EPERM);
  EXPECT_EQ(errno_of(ops_->allocate(app_.handle, 0, 1, keep | FALLOC_FL_PUNCH_HOLE)), EOPNOTSUPP);
  EXPECT_EQ(errno_of(ops_->allocate(app_.handle, 0, 1, FALLOC_FL_ZERO_RANGE)), EOPNOTSUPP);
  EXPECT_EQ(read_all(app_.handle), "abc\n");
}

}  // namespace
}  // namespace rangefs
