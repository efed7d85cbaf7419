#include "tests/support/operations_test.h"

#include <stdio.h>

#include <array>
#include <cerrno>

namespace rangefs {
namespace {

TEST_F(OperationsTest, WhatIsAppendedIsReadBack) {
  const HandleId handle = create("app").handle;
  append(handle, "one\n");
  append(handle, "two\n");
  EXPECT_EQ(read_all(handle), "one\ntwo\n");
  std::array<std::byte, 3> part{};
  EXPECT_EQ(*ops_->read(handle, 4, part), 3U);
  EXPECT_EQ(range::as_text(part), "two");
  EXPECT_EQ(*ops_->read(handle, 8, part), 0U);
}

TEST_F(OperationsTest, WriteWithoutAppendIsAcceptedOnlyExactlyAtTheEnd) {
  append(create("app").handle, "abc");
  const HandleId handle = open("app");
  const auto data = range::as_bytes("def");
  EXPECT_EQ(errno_of(ops_->append(handle, data, 0, false)), EPERM);
  EXPECT_EQ(errno_of(ops_->append(handle, data, 2, false)), EPERM);
  EXPECT_EQ(errno_of(ops_->append(handle, data, 4, false)), EPERM);
  EXPECT_EQ(errno_of(ops_->append(handle, data, 3, false)), 0);
  EXPECT_EQ(read_all(handle), "abcdef");
}

TEST_F(OperationsTest, OffsetsCountFromTheBaseOfTheView) {
  append(create("app").handle, "one\ntwo\n");
  ASSERT_EQ(errno_of(ops_->command(open("app.pos"), "1", kRoot)), 0);
  const HandleId handle = open("app");
  EXPECT_EQ(read_all(handle), "two\n");
  EXPECT_EQ(ops_->look_up(kRootNode, "app")->attributes.st_size, 4);
  EXPECT_EQ(errno_of(ops_->append(handle, range::as_bytes("x"), 8, false)), EPERM);
  EXPECT_EQ(errno_of(ops_->append(handle, range::as_bytes("x"), 4, false)), 0);
}

TEST_F(OperationsTest, OpenFileKeepsItsViewWhenTheNameLeadsToAnother) {
  const Created old_view = create("app");
  append(old_view.handle, "one\ntwo\n");
  ASSERT_EQ(errno_of(ops_->command(open("app.pos"), "end", kRoot)), 0);
  EXPECT_EQ(read_all(old_view.handle), "one\ntwo\n");
  const Found new_view = *ops_->look_up(kRootNode, "app");
  EXPECT_NE(new_view.node, old_view.found.node);
  EXPECT_EQ(new_view.attributes.st_ino, old_view.found.attributes.st_ino);
  EXPECT_EQ(new_view.attributes.st_size, 0);
}

TEST_F(OperationsTest, AppendInvalidatesOtherViewsThatWereAnswered) {
  const Created first = create("app");
  append(first.handle, "one\n");
  ASSERT_EQ(errno_of(ops_->command(open("app.pos"), "end", kRoot)), 0);
  const NodeId second = ops_->look_up(kRootNode, "app")->node;
  append(first.handle, "two\n");
  EXPECT_TRUE(notices_.attributes.empty());  // a look-up's attributes are not kept
  ASSERT_EQ(errno_of(ops_->attributes(second, kRoot)), 0);
  ASSERT_EQ(errno_of(ops_->attributes(first.found.node, kRoot)), 0);
  append(first.handle, "three\n");
  append(first.handle, "four\n");
  EXPECT_EQ(notices_.attributes, std::vector{second});
}

TEST_F(OperationsTest, NewEntriesBelongToTheCallerOrToASetGroupIdDirectory) {
  const Created created = create("app");
  EXPECT_EQ(created.found.attributes.st_uid, 1000U);
  EXPECT_EQ(created.found.attributes.st_mode, S_IFREG | 0644U);
  AttributeChange group;
  group.gid = 50;
  const NodeId shared = make_directory("shared", 02775);
  ASSERT_EQ(errno_of(ops_->set_attributes(shared, group)), 0);
  EXPECT_EQ(create("app", shared).found.attributes.st_gid, 50U);
  const auto below = ops_->make_directory(shared, "d", 0755, kUser);
  EXPECT_EQ(below->attributes.st_gid, 50U);
  EXPECT_EQ(below->attributes.st_mode, S_IFDIR | 02755U);
}

TEST_F(OperationsTest, CreatingWhatIsThereOpensItUnlessExclusive) {
  append(create("app").handle, "one\n");
  EXPECT_EQ(read_all(create("app").handle), "one\n");
  EXPECT_EQ(errno_of(ops_->create(kRootNode, "app", 0644, true, kUser)), EEXIST);
}

TEST_F(OperationsTest, ReservedNamesCannotBeMade) {
  create("app");
  const NodeId directory = make_directory("web");
  for (const char* name :
       {"x.pos", "x.sync", "x.follow", "x.info", "x.stamped", ".pos", ".at", ".cursor", ".stats"}) {
    EXPECT_EQ(errno_of(ops_->create(kRootNode, name, 0644, false, kUser)), EINVAL) << name;
    EXPECT_EQ(errno_of(ops_->make_directory(kRootNode, name, 0755, kUser)), EINVAL) << name;
    EXPECT_EQ(errno_of(ops_->rename({kRootNode, "app"}, {kRootNode, name}, 0)), EINVAL) << name;
  }
  EXPECT_EQ(errno_of(ops_->create(directory, ".at", 0644, false, kUser)), 0);
  for (const char* name :
       {"app.follow", ".follow", ".at", ".cursor", ".stats", "no.pos", "web.pos", "app.pos.info"}) {
    EXPECT_EQ(errno_of(ops_->look_up(kRootNode, name)), ENOENT) << name;
  }
}

TEST_F(OperationsTest, NamesOf255BytesAreFineAndLongerOnesAreRefused) {
  const std::string longest(255, 'a');
  create(longest);
  EXPECT_EQ(errno_of(ops_->look_up(kRootNode, longest + ".pos")), 0);
  EXPECT_EQ(errno_of(ops_->create(kRootNode, longest + 'a', 0644, false, kUser)), ENAMETOOLONG);
  EXPECT_EQ(errno_of(ops_->look_up(kRootNode, longest + 'a')), ENAMETOOLONG);
  EXPECT_EQ(errno_of(ops_->rename({kRootNode, longest}, {kRootNode, longest + 'a'}, 0)),
            ENAMETOOLONG);
}

TEST_F(OperationsTest, ControlFilesCannotBeRemovedRenamedOrChanged) {
  create("app");
  EXPECT_EQ(errno_of(ops_->remove(kRootNode, "app.pos")), EPERM);
  EXPECT_EQ(errno_of(ops_->remove(kRootNode, ".sync")), EPERM);
  EXPECT_EQ(errno_of(ops_->rename({kRootNode, "app.info"}, {kRootNode, "x"}, 0)), EPERM);
  const NodeId control = ops_->look_up(kRootNode, "app.pos")->node;
  AttributeChange mode;
  mode.mode = 0777;
  EXPECT_EQ(errno_of(ops_->set_attributes(control, mode)), EPERM);
  AttributeChange size;
  size.size = 0;  // O_TRUNC
  EXPECT_EQ(errno_of(ops_->set_attributes(control, size)), 0);
}

TEST_F(OperationsTest, ControlFilesHaveTheModesOfTheirJournal) {
  const Created app = create("app");
  AttributeChange change;
  change.mode = 0751;
  ASSERT_EQ(errno_of(ops_->set_attributes(app.found.node, change)), 0);
  const Found position = *ops_->look_up(kRootNode, "app.pos");
  EXPECT_EQ(position.attributes.st_mode, S_IFREG | 0640U);
  EXPECT_EQ(position.attributes.st_uid, 1000U);
  EXPECT_FALSE(position.lasting);
  EXPECT_EQ(ops_->look_up(kRootNode, "app.info")->attributes.st_mode, S_IFREG | 0440U);
  EXPECT_NE(position.attributes.st_ino, app.found.attributes.st_ino);
  EXPECT_NE(position.attributes.st_ino, ops_->look_up(kRootNode, "app.sync")->attributes.st_ino);
}

TEST_F(OperationsTest, RemovedJournalGoesOnWorkingWhereItIsOpen) {
  const Created created = create("app");
  append(created.handle, "one\n");
  ASSERT_EQ(errno_of(ops_->remove(kRootNode, "app")), 0);
  EXPECT_EQ(errno_of(ops_->look_up(kRootNode, "app")), ENOENT);
  append(created.handle, "two\n");
  EXPECT_EQ(read_all(created.handle), "one\ntwo\n");
  EXPECT_EQ(ops_->attributes(created.found.node, kRoot)->st_nlink, 0U);
  EXPECT_NE(create("app").found.attributes.st_ino, created.found.attributes.st_ino);
}

TEST_F(OperationsTest, RenameKeepsTheViewAndItsControlFiles) {
  const Created created = create("app");
  append(created.handle, "one\ntwo\n");
  ASSERT_EQ(errno_of(ops_->command(open("app.pos"), "1", kRoot)), 0);
  const NodeId view = ops_->look_up(kRootNode, "app")->node;
  const NodeId web = make_directory("web");
  ASSERT_EQ(errno_of(ops_->rename({kRootNode, "app"}, {web, "log"}, 0)), 0);
  EXPECT_EQ(ops_->look_up(web, "log")->node, view);
  EXPECT_EQ(contents("log", web), "two\n");
  EXPECT_EQ(ops_->nodes().place(JournalId(created.found.attributes.st_ino)), (Place{web, "log"}));
}

TEST_F(OperationsTest, RenameRefusesWhatWouldLoseRecords) {
  create("empty");
  create("other");
  append(create("full").handle, "x\n");
  EXPECT_EQ(errno_of(ops_->rename({kRootNode, "empty"}, {kRootNode, "full"}, 0)), EPERM);
  EXPECT_EQ(errno_of(ops_->rename({kRootNode, "full"}, {kRootNode, "empty"}, RENAME_EXCHANGE)),
            EINVAL);
  EXPECT_EQ(errno_of(ops_->rename({kRootNode, "full"}, {kRootNode, "empty"}, RENAME_NOREPLACE)),
            EEXIST);
  EXPECT_EQ(errno_of(ops_->rename({kRootNode, "full"}, {kRootNode, "empty"}, 0)), 0);
  EXPECT_EQ(contents("empty"), "x\n");
}

TEST_F(OperationsTest, PathsBelowARenamedDirectoryGoOnWorking) {
  const NodeId web = make_directory("web");
  const HandleId handle = create("log", web).handle;
  ASSERT_EQ(errno_of(ops_->rename({kRootNode, "web"}, {kRootNode, "www"}, 0)), 0);
  append(handle, "x\n");
  EXPECT_EQ(contents("log", web), "x\n");
  create("second", web);
  EXPECT_NE(store_.journal("www/second"), nullptr);
}

TEST_F(OperationsTest, ADirectoryWithTheIdOfAnotherIsNotTakenForIt) {
  const NodeId web = make_directory("web");
  ASSERT_TRUE(store_.make_directory("copy", {}));
  store_.copy_id("web", "copy");
  EXPECT_EQ(errno_of(ops_->look_up(kRootNode, "copy")), EIO);
  create("log", web);
  EXPECT_NE(store_.journal("web/log"), nullptr);
  // One that was moved by hand is itself.
  ASSERT_TRUE(store_.remove("web/log"));
  ASSERT_TRUE(store_.remove_directory("web"));
  EXPECT_EQ(ops_->look_up(kRootNode, "copy")->node, web);
}

TEST_F(OperationsTest, DirectoriesMustBeEmptyToBeRemoved) {
  const NodeId web = make_directory("web");
  create("log", web);
  EXPECT_EQ(errno_of(ops_->remove_directory(kRootNode, "web")), ENOTEMPTY);
  ASSERT_EQ(errno_of(ops_->remove(web, "log")), 0);
  EXPECT_EQ(errno_of(ops_->remove_directory(kRootNode, "web")), 0);
  EXPECT_EQ(errno_of(ops_->create(web, "log", 0644, false, kUser)), ENOENT);
}

TEST_F(OperationsTest, FailuresOfTheStoreAreEioAndNoSpaceIsEnospc) {
  const HandleId handle = create("app").handle;
  const auto data = range::as_bytes("x");
  store_.journal("app")->fail_with(range::system_error(ENOSPC, "append"));
  EXPECT_EQ(errno_of(ops_->append(handle, data, 0, true)), ENOSPC);
  store_.journal("app")->fail_with(range::system_error(EACCES, "append"));
  EXPECT_EQ(errno_of(ops_->append(handle, data, 0, true)), EIO);
  EXPECT_EQ(errno_of(ops_->sync(handle)), EIO);
}

TEST_F(OperationsTest, ReleaseAllLetsGoOfJournalsInOpenFiles) {
  create("app");
  const std::weak_ptr<Journal> journal = store_.journal("app");
  ASSERT_EQ(errno_of(ops_->remove(kRootNode, "app")), 0);
  EXPECT_FALSE(journal.expired());
  ops_->release_all();
  EXPECT_TRUE(journal.expired());
}

TEST_F(OperationsTest, SpaceIsThatOfTheStore) {
  const auto space = *ops_->space();
  EXPECT_EQ(space.f_namemax, 255U);
  EXPECT_EQ(space.f_blocks * space.f_frsize, uint64_t{1} << 40);
}

}  // namespace
}  // namespace rangefs
