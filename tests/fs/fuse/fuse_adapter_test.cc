// What the kernel is told: answers and notices, byte for byte.
#include "fs/fuse/fuse_adapter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/played_kernel.h"

namespace rangefs {
namespace {

constexpr uint32_t kAppends = O_WRONLY | O_APPEND;

// The body of a request to create what `Struct` stands for.
template <typename Struct>
std::string to_make(std::string_view name, uint32_t mode) {
  Struct made{};
  made.mode = mode;
  return bytes_of(made) + name_sent(name);
}

class FuseAdapterTest : public ::testing::Test {
 public:
  ~FuseAdapterTest() override {
    adapter_->finish();
    adapter_->release_all();
  }

 protected:
  struct Opened {
    uint64_t node = 0;
    uint64_t handle = 0;
  };
  Opened create(std::string_view name) {
    const auto created =
        kernel_.call(FUSE_CREATE, FUSE_ROOT_ID, to_make<fuse_create_in>(name, 0100644));
    EXPECT_EQ(created.error, 0);
    return {struct_of<fuse_entry_out>(created.body).nodeid, opened_by(created).fh};
  }
  // The part of an answer to FUSE_CREATE that is about the open file.
  static fuse_open_out opened_by(const PlayedKernel::Answer& created) {
    return struct_of<fuse_open_out>(created.body.substr(sizeof(fuse_entry_out)));
  }
  uint64_t look_up(std::string_view name) { return kernel_.look_up(FUSE_ROOT_ID, name); }
  uint64_t open_position(std::string_view name) { return kernel_.open(look_up(name), O_WRONLY); }

  void append(const Opened& file, std::string_view data) {
    EXPECT_EQ(kernel_.answer(kernel_.send_write(file.node, file.handle, data, kAppends, 0)).error,
              0);
  }
  // errno of what a write of `position` to the open .pos file answers.
  int move(uint64_t handle, std::string_view position) {
    return kernel_.answer(kernel_.send_write(0, handle, position, O_WRONLY, 0)).error;
  }
  fuse_attr_out attributes(uint64_t node) {
    const auto answer = kernel_.call(FUSE_GETATTR, node, bytes_of(fuse_getattr_in{}));
    EXPECT_EQ(answer.error, 0);
    return struct_of<fuse_attr_out>(answer.body);
  }

  // Of a journal with one line in it: a view that begins with its first byte, and one that begins
  // behind it.
  struct TwoViews {
    Opened first;
    uint64_t second = 0;
  };
  TwoViews two_views() {
    const Opened first = create("app");
    append(first, "one\n");
    EXPECT_EQ(move(open_position("app.pos"), "end"), 0);
    kernel_.take_notices();
    return {first, look_up("app")};
  }
  // The nodes whose attributes the kernel was told to forget.
  std::vector<uint64_t> told_attributes() {
    std::vector<uint64_t> nodes;
    for (const auto& notice : kernel_.take_notices()) {
      EXPECT_EQ(notice.code, FUSE_NOTIFY_INVAL_INODE);
      const auto told = struct_of<fuse_notify_inval_inode_out>(notice.body);
      EXPECT_EQ(told.off, -1) << "only attributes: pages take locks";
      nodes.push_back(told.ino);
    }
    return nodes;
  }

  // The numbers under which somebody was told that there is more; what else was told is left out.
  std::vector<uint64_t> told_polls() {
    std::vector<uint64_t> keys;
    for (const auto& notice : kernel_.take_notices()) {
      if (notice.code != FUSE_NOTIFY_POLL) continue;
      keys.push_back(struct_of<fuse_notify_poll_wakeup_out>(notice.body).kh);
    }
    return keys;
  }

  range::MemoryStore store_;
  std::unique_ptr<FuseAdapter> adapter_ = *FuseAdapter::create(store_, FsOptions{"/store", "1.0"});
  PlayedKernel kernel_{*adapter_};
};

TEST_F(FuseAdapterTest, TakesNothingFromTheKernelThatHarmsAppends) {
  const fuse_init_out& connection = kernel_.connection();
  const uint64_t taken = connection.flags | uint64_t{connection.flags2} << 32;
  // `>` must come as a truncation, which can be refused.
  EXPECT_EQ(taken & FUSE_ATOMIC_O_TRUNC, 0U);
  // The parts of a large write must come one after the other.
  EXPECT_EQ(taken & FUSE_ASYNC_DIO, 0U);
  // The kernel would rewrite what was appended.
  EXPECT_EQ(taken & FUSE_WRITEBACK_CACHE, 0U);
  // splice(2) would read zeros behind an old end.
  EXPECT_EQ(taken & FUSE_EXPLICIT_INVAL_DATA, 0U);
  // One write(2) of up to 1 MiB - 4 KiB is one request.
  EXPECT_EQ(connection.max_write, 1U << 20);
  EXPECT_NE(taken & FUSE_BIG_WRITES, 0U);
}

TEST_F(FuseAdapterTest, OpensAreDirectAndNeedNoFlush) {
  constexpr uint32_t kExpected = FOPEN_DIRECT_IO | FOPEN_NOFLUSH;
  const auto created =
      kernel_.call(FUSE_CREATE, FUSE_ROOT_ID, to_make<fuse_create_in>("app", 0100644));
  EXPECT_EQ(opened_by(created).open_flags, kExpected);
  const uint64_t node = look_up("app");
  for (const uint32_t flags : {uint32_t{O_RDONLY}, kAppends, uint32_t{O_RDWR}}) {
    const auto opened = kernel_.answer(kernel_.send_open(node, flags, 0));
    EXPECT_EQ(struct_of<fuse_open_out>(opened.body).open_flags, kExpected) << flags;
  }
}

// An invalidation that is sent while the kernel makes an inode is lost.
TEST_F(FuseAdapterTest, TheKernelMayKeepNoAttributesThatComeWithAName) {
  const auto expect_none = [&](fuse_opcode operation, const std::string& body) {
    const auto answer = kernel_.call(operation, FUSE_ROOT_ID, body);
    ASSERT_EQ(answer.error, 0) << operation;
    const auto entry = struct_of<fuse_entry_out>(answer.body);
    EXPECT_EQ(entry.attr_valid, 0U) << operation;
    EXPECT_EQ(entry.attr_valid_nsec, 0U) << operation;
    EXPECT_GT(entry.entry_valid, 60U) << operation;  // the name is another matter
  };
  expect_none(FUSE_CREATE, to_make<fuse_create_in>("app", 0100644));
  expect_none(FUSE_LOOKUP, name_sent("app"));
  expect_none(FUSE_MKNOD, to_make<fuse_mknod_in>("made", 0100644));
  expect_none(FUSE_MKDIR, to_make<fuse_mkdir_in>("web", 0755));
  expect_none(FUSE_LOOKUP, name_sent("web"));
}

TEST_F(FuseAdapterTest, TheKernelKeepsAttributesThatItAskedFor) {
  const uint64_t node = create("app").node;
  EXPECT_GE(attributes(node).attr_valid, 60U);
  fuse_setattr_in change{};
  change.valid = FATTR_MODE;
  change.mode = 0600;
  const auto changed = kernel_.call(FUSE_SETATTR, node, bytes_of(change));
  EXPECT_GE(struct_of<fuse_attr_out>(changed.body).attr_valid, 60U);
}

// Nobody tells the kernel when they change.
TEST_F(FuseAdapterTest, TheKernelKeepsNothingAboutControlFiles) {
  create("app");
  const auto found = kernel_.call(FUSE_LOOKUP, FUSE_ROOT_ID, name_sent("app.pos"));
  const auto entry = struct_of<fuse_entry_out>(found.body);
  EXPECT_EQ(entry.entry_valid, 0U);
  EXPECT_EQ(entry.attr_valid, 0U);
  const fuse_attr_out asked_for = attributes(entry.nodeid);
  EXPECT_EQ(asked_for.attr_valid, 0U);
  EXPECT_EQ(asked_for.attr_valid_nsec, 0U);
}

TEST_F(FuseAdapterTest, AnAppendTellsOfOtherViewsOnceAndNeverOfItsOwn) {
  const TwoViews views = two_views();
  attributes(views.first.node);
  attributes(views.second);
  append(views.first, "two\n");
  append(views.first, "three\n");
  EXPECT_EQ(told_attributes(), std::vector{views.second});
}

TEST_F(FuseAdapterTest, AnAppendDuringAnAnswerOfAttributesTellsThatTheyAreOld) {
  const TwoViews views = two_views();
  const auto journal = store_.journal("app");
  journal->on_extent = [&] {
    journal->on_extent = nullptr;
    append(views.first, "two\n");
  };
  EXPECT_EQ(attributes(views.second).attr.size, 0U);  // as it was before
  EXPECT_EQ(told_attributes(), std::vector{views.second});
}

TEST_F(FuseAdapterTest, OnlyAMoveToAnotherByteTellsOfAName) {
  const Opened app = create("app");
  append(app, "one\ntwo\n");
  const uint64_t position = open_position("app.pos");
  EXPECT_EQ(move(position, "0"), 0);
  EXPECT_EQ(move(position, "9"), ERANGE);
  append(app, "three\n");
  EXPECT_TRUE(kernel_.take_notices().empty());
  EXPECT_EQ(move(position, "1"), 0);
  const auto notices = kernel_.take_notices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices.front().code, FUSE_NOTIFY_INVAL_ENTRY);
  const auto told = struct_of<fuse_notify_inval_entry_out>(notices.front().body);
  EXPECT_EQ(told.parent, uint64_t{FUSE_ROOT_ID});
  EXPECT_EQ(notices.front().body.substr(sizeof told), name_sent("app"));
}

TEST_F(FuseAdapterTest, AnAppendIgnoresTheOffsetThatTheKernelBelieves) {
  const Opened app = create("app");
  append(app, "one\n");
  append(app, "two\n");  // at 0, as the kernel may believe
  EXPECT_EQ(attributes(app.node).attr.size, 8U);
}

TEST_F(FuseAdapterTest, AWriteWithoutAppendIsTakenOnlyAtTheEnd) {
  const Opened app = create("app");
  append(app, "one\n");
  const auto write = [&] {  // at 0
    return kernel_.answer(kernel_.send_write(app.node, app.handle, "two\n", O_WRONLY, 0)).error;
  };
  EXPECT_EQ(write(), EPERM);
  EXPECT_EQ(attributes(app.node).attr.size, 4U);
  ASSERT_EQ(move(open_position("app.pos"), "end"), 0);
  const uint64_t empty = look_up("app");
  const uint64_t handle = kernel_.open(empty, O_WRONLY);
  EXPECT_EQ(kernel_.answer(kernel_.send_write(empty, handle, "two\n", O_WRONLY, 0)).error, 0);
  EXPECT_EQ(attributes(app.node).attr.size, 8U);
}

// Edge-triggered epoll(7) tells its caller of news only.
TEST_F(FuseAdapterTest, WhoLooksAtAJournalIsToldOnceThatItGrew) {
  const Opened app = create("app");
  const Opened other = create("other");
  EXPECT_EQ(kernel_.poll(app.node, app.handle, 77) & POLLIN, POLLIN) << "as of a plain file";
  append(other, "x\n");
  EXPECT_EQ(told_polls(), std::vector<uint64_t>());
  append(app, "one\n");
  append(app, "two\n");
  EXPECT_EQ(told_polls(), std::vector<uint64_t>{77}) << "once, until it looks again";
  kernel_.poll(app.node, app.handle, 77);
  append(app, "three\n");
  EXPECT_EQ(told_polls(), std::vector<uint64_t>{77});
}

TEST_F(FuseAdapterTest, WhoLooksThroughAnotherViewIsToldThatAJournalGrewToo) {
  const TwoViews views = two_views();
  const uint64_t handle = kernel_.open(views.second, O_RDONLY);
  kernel_.poll(views.first.node, views.first.handle, 1);
  kernel_.poll(views.second, handle, 2);
  append(views.first, "two\n");
  std::vector<uint64_t> told = told_polls();
  std::ranges::sort(told);
  EXPECT_EQ(told, (std::vector<uint64_t>{1, 2}));
}

TEST_F(FuseAdapterTest, WhoHasClosedAFileIsToldNothing) {
  const TwoViews views = two_views();
  const uint64_t handle = kernel_.open(views.second, O_RDONLY);
  kernel_.poll(views.second, handle, 2);
  fuse_release_in closed{};
  closed.fh = handle;
  EXPECT_EQ(kernel_.call(FUSE_RELEASE, views.second, bytes_of(closed)).error, 0);
  append(views.first, "two\n");
  EXPECT_EQ(told_polls(), std::vector<uint64_t>());
}

}  // namespace
}  // namespace rangefs
