// Attributes that a disk does not give: nothing stands in for them for good.

#include <gtest/gtest.h>

#include "tests/support/recovery_test.h"

namespace range {
namespace {

class UnreadableAttributes : public RecoveryTest {
 protected:
  void SetUp() override {
    wanted_.uid = 7;
    wanted_.gid = 8;
    wanted_.framing = Framing::kWrite;
    open_store();
  }

  // Creates journal "app" with a record and the attributes wanted_, in a file that cannot be read.
  void set_attributes() {
    create();
    append(*journal(), "record");
    kill();
    env_->set_readable(attributes_file(), 0, false);
  }

  void create() {
    Attributes first;
    first.framing = Framing::kWrite;
    const auto app = store_->create("app", first);
    ASSERT_TRUE(app);
    id_ = (*app)->id();
    wanted_.created = (*app)->attributes().created;
    ASSERT_TRUE((*app)->set_attributes(wanted_));
  }

  Path attributes_file() const { return directory_of(id_) / "attributes"; }

  // Whether the directory of the journal can be read.
  void set_listable(bool listable) {
    kill();
    if (listable) return;
    env_->set_fault_hook([path = directory_of(id_).native()](const Call& call) {
      const bool fails = call.kind == CallKind::kList && call.path == path;
      return fails ? std::optional(Fault()) : std::nullopt;
    });
  }

  // One from which what may have said that it is kept can be removed.
  void make_free_directory(std::string_view path) {
    Attributes free;
    free.keep = false;
    ASSERT_TRUE(store_->make_directory(path, free));
  }

  JournalId id_;
  Attributes wanted_;
};

// What stands for them must not be written over them.
TEST_F(UnreadableAttributes, AreNotWrittenOver) {
  set_attributes();
  auto app = journal();
  Attributes changed = app->attributes();
  EXPECT_EQ(changed.mode, 0600U);
  EXPECT_EQ(changed.framing, Framing::kWrite) << "as its records are";
  changed.mode = 0640;
  const Status refused = app->set_attributes(changed);
  EXPECT_EQ(code(refused), Errc::kCorrupt);
  EXPECT_EQ(app->info()->attributes_lost, to_string(refused.error()));
  EXPECT_TRUE(app->sync());
  env_->set_readable(attributes_file(), 0, true);
  wanted_.mode = 0640;
  ASSERT_TRUE(app->set_attributes(changed));
  EXPECT_EQ(app->attributes(), wanted_);
  EXPECT_EQ(app->info()->attributes_lost, "");
  app.reset();
  kill();
  EXPECT_EQ(journal()->attributes(), wanted_);
}

TEST_F(UnreadableAttributes, CanBeSetAnyNumberOfTimesOnceTheyAreReadable) {
  set_attributes();
  const auto app = journal();
  env_->set_readable(attributes_file(), 0, true);
  for (const uint32_t mode : {0640U, 0600U, 0644U}) {
    wanted_ = journal()->attributes();
    wanted_.mode = mode;
    ASSERT_TRUE(app->set_attributes(wanted_));
    EXPECT_EQ(app->attributes().mode, mode);
    EXPECT_EQ(app->attributes().uid, 7U);
  }
}

TEST_F(UnreadableAttributes, CanBeSetAnewOnceTheyAreDamage) {
  set_attributes();
  Attributes anew = journal()->attributes();
  anew.keep = false;
  EXPECT_EQ(code(journal()->set_attributes(anew)), Errc::kCorrupt);
  EXPECT_EQ(code(store_->remove("app")), Errc::kCorrupt);
  env_->corrupt(attributes_file(), 3, 0x01);
  env_->set_readable(attributes_file(), 0, true);
  EXPECT_EQ(code(store_->remove("app")), Errc::kCorrupt);
  ASSERT_TRUE(journal()->set_attributes(anew));
  EXPECT_EQ(journal()->attributes(), anew);
  EXPECT_TRUE(store_->remove("app"));
}

TEST_F(UnreadableAttributes, AreReadAgainByWhoOpensTheJournal) {
  set_attributes();
  const auto app = journal();
  Attributes changed = app->attributes();
  changed.gid = 9;
  env_->set_readable(attributes_file(), 0, true);
  EXPECT_EQ(journal()->attributes(), wanted_);
  EXPECT_EQ(app->attributes(), wanted_);
  // Changes that began with what stood for them.
  wanted_.gid = 9;
  ASSERT_TRUE(app->set_attributes(changed));
  EXPECT_EQ(app->attributes(), wanted_);
}

TEST_F(UnreadableAttributes, ForgetNoTimesThatWereSet) {
  set_attributes();
  Attributes changed = journal()->attributes();
  changed.changed = Timestamp(std::chrono::nanoseconds(9));
  changed.modified = {Timestamp(std::chrono::nanoseconds(7)), ByteOffset(20)};
  ASSERT_TRUE(journal()->set_attributes(changed));
  env_->set_readable(attributes_file(), 0, true);
  wanted_.changed = changed.changed;
  wanted_.modified = changed.modified;
  EXPECT_EQ(journal()->attributes(), wanted_);
}

TEST_F(UnreadableAttributes, LimitTheJournalOnceTheyAreReadable) {
  wanted_.max_records = 50;
  set_attributes();
  append_lines(*journal(), 0, 400);
  const auto app = journal();
  ASSERT_TRUE(store_->apply_retention_where_due());
  EXPECT_EQ(app->extent().begin.record, RecordNumber(0));
  env_->set_readable(attributes_file(), 0, true);
  ASSERT_TRUE(store_->apply_retention());
  EXPECT_GT(app->extent().begin.record, RecordNumber(300));
}

// What is to be kept is not removed because that cannot be read, nor is it there for ever.
TEST_F(UnreadableAttributes, MayHaveSaidThatTheJournalIsKept) {
  wanted_.keep = true;
  set_attributes();
  EXPECT_EQ(code(store_->remove("app")), Errc::kCorrupt);
  set_listable(false);
  EXPECT_EQ(code(store_->remove("app")), Errc::kCorrupt);
  env_->set_readable(attributes_file(), 0, true);
  EXPECT_EQ(code(store_->remove("app")), Errc::kNotPermitted) << "its file needs no list";
  set_listable(true);
  EXPECT_EQ(code(store_->remove("app")), Errc::kNotPermitted);
  env_->set_readable(attributes_file(), 0, false);
  kill();
  make_free_directory("free");
  ASSERT_TRUE(store_->rename("app", "free/app", false));
  EXPECT_TRUE(store_->remove("free/app"));
}

TEST_F(UnreadableAttributes, KeepNoJournalWithoutRecords) {
  wanted_.keep = true;
  create();
  kill();
  env_->set_readable(attributes_file(), 0, false);
  EXPECT_TRUE(store_->remove("app"));
}

TEST_F(UnreadableAttributes, OfADirectoryMayHaveSaidThatItsJournalsAreKept) {
  Attributes keep;
  keep.keep = true;
  ASSERT_TRUE(store_->make_directory("d", keep));
  make_directory("d/e");
  append(*journal("d/e/app"), "x\n");
  Attributes free = journal("d/e/app")->attributes();
  sync_all();
  kill();
  env_->set_readable("/store/tree/d/.info", 0, false);
  EXPECT_EQ(code(store_->remove("d/e/app")), Errc::kCorrupt);
  env_->set_readable("/store/tree/d/.info", 0, true);
  EXPECT_EQ(code(store_->remove("d/e/app")), Errc::kNotPermitted);
  env_->set_readable("/store/tree/d/.info", 0, false);
  free.keep = false;
  ASSERT_TRUE(journal("d/e/app")->set_attributes(free));
  EXPECT_TRUE(store_->remove("d/e/app"));
}

TEST_F(UnreadableAttributes, OfADirectoryMayHaveSetAFraming) {
  Attributes write;
  write.framing = Framing::kWrite;
  ASSERT_TRUE(store_->make_directory("d", write));
  make_directory("d/e");
  EXPECT_EQ(store_->framing_in("").value(), Framing::kLine);
  EXPECT_EQ(store_->framing_in("d").value(), Framing::kWrite);
  EXPECT_EQ(store_->framing_in("d/e").value(), Framing::kWrite);
  sync_all();
  kill();
  env_->set_readable("/store/tree/d/.info", 0, false);
  EXPECT_EQ(code(store_->framing_in("d/e")), Errc::kCorrupt);
  env_->set_readable("/store/tree/d/.info", 0, true);
  EXPECT_EQ(store_->framing_in("d/e").value(), Framing::kWrite);
}

// A journal's directory or a directory's attributes.
TEST_F(UnreadableAttributes, OfADirectoryKeepNothingForEver) {
  make_directory("d");
  const JournalId id = journal("d/app")->id();
  sync_all();
  kill();
  env_->set_readable("/store/tree/d/.info", 0, false);
  append(*journal("d/app"), "more\n");
  EXPECT_EQ(store_->directory_attributes("d")->mode, 0700U);
  env_->set_readable("/store/tree/d/.info", 0, true);
  EXPECT_EQ(store_->directory_attributes("d")->mode, 0644U) << "nothing is remembered of it";
  id_ = id;
  set_listable(false);
  EXPECT_EQ(code(store_->open(id, "d/app")), Errc::kIo);
  EXPECT_EQ(code(store_->remove("d/app")), Errc::kIo) << "its chunks may say that it is kept";
  make_free_directory("free");
  env_->set_readable("/store/tree/d/.info", 0, false);
  ASSERT_TRUE(store_->rename("d/app", "free/app", false));
  EXPECT_TRUE(store_->remove("free/app"));
  EXPECT_TRUE(store_->remove_directory("d"));
}

// Who only takes what is open would never have them read again.
TEST_F(UnreadableAttributes, AJournalWithThemHasToBeOpenedAgain) {
  set_attributes();
  const auto app = journal();
  EXPECT_FALSE(store_->find_open(id_, "app").value());
  env_->set_readable(attributes_file(), 0, true);
  EXPECT_FALSE(store_->find_open(id_, "app").value());
  EXPECT_EQ(journal()->attributes().uid, 7U);
  EXPECT_EQ(store_->find_open(id_, "app").value(), app);
}

}  // namespace
}  // namespace range
