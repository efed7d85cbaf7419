#include "fs/attributes.h"

#include <gtest/gtest.h>

#include <set>

namespace rangefs {
namespace {

// What SQLite, JavaScript and others that count with doubles can tell from its neighbours.
constexpr uint64_t kExactEnd = uint64_t{1} << 53;

TEST(InodeNumbers, AreExactInADoubleAndDifferByKindAndId) {
  constexpr uint64_t kIdMax = (uint64_t{1} << range::kIdBits) - 1;
  std::set<uint64_t> seen;
  for (const uint64_t id : {uint64_t{1}, uint64_t{2}, uint64_t{3}, kIdMax - 1, kIdMax}) {
    std::set<uint64_t> of_id{journal_inode(JournalId(id)), directory_inode(id)};
    for (const ControlTraits& control : kControls) of_id.insert(control_inode(id, control.kind));
    EXPECT_EQ(of_id.size(), 2 + kControls.size());
    for (const uint64_t inode : of_id) {
      EXPECT_LT(inode, kExactEnd);
      EXPECT_GT(inode, 0U);
      EXPECT_EQ(static_cast<uint64_t>(static_cast<double>(inode)), inode);
      EXPECT_TRUE(seen.insert(inode).second) << inode;
    }
  }
}

}  // namespace
}  // namespace rangefs
