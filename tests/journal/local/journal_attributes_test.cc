#include "journal/local/journal_attributes.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>

namespace range {
namespace {

const Error kDamaged{Errc::kCorrupt, 0, "attributes"};
const Error kUnreadable{Errc::kCorrupt, EIO, "attributes"};

Attributes stored() {
  Attributes attributes;
  attributes.mode = 0640;
  attributes.uid = 7;
  attributes.gid = 8;
  attributes.created = Time(std::chrono::milliseconds(1000));
  attributes.framing = Framing::kWrite;
  return attributes;
}

TEST(JournalAttributesTest, WhatTheDiskSaysIsKnown) {
  const JournalAttributes attributes(stored(), Framing::kLine);
  EXPECT_EQ(attributes.get(), stored());
  EXPECT_EQ(*attributes.known(), stored());
  EXPECT_EQ(attributes.framing(), Framing::kWrite);
  EXPECT_FALSE(attributes.may_be_readable());
}

TEST(JournalAttributesTest, WhereTheyAreLostOnlyTheOwnerMayUseTheJournal) {
  const JournalAttributes attributes(kDamaged, Framing::kWrite);
  EXPECT_EQ(attributes.get().mode, 0600U);
  EXPECT_EQ(attributes.get().framing, Framing::kWrite);
  EXPECT_EQ(attributes.framing(), Framing::kWrite);
  EXPECT_EQ(attributes.known().error().code, Errc::kCorrupt);
  EXPECT_FALSE(attributes.may_be_readable());
}

TEST(JournalAttributesTest, LostOnesCanBeSetAnew) {
  JournalAttributes attributes(kDamaged, Framing::kLine);
  Attributes changed = attributes.get();
  changed.mode = 0644;
  EXPECT_EQ(*attributes.rebased(changed), changed);
  attributes.take_stored(changed);
  EXPECT_EQ(*attributes.known(), changed);
}

TEST(JournalAttributesTest, WhatCannotBeReadIsNotWrittenOver) {
  JournalAttributes attributes(kUnreadable, Framing::kLine);
  ASSERT_TRUE(attributes.may_be_readable());
  Attributes changed = attributes.get();
  changed.mode = 0644;
  EXPECT_EQ(attributes.rebased(changed).error().sys_errno, EIO);
}

TEST(JournalAttributesTest, AChangeOfWhatStoodForThemBecomesOneOfWhatWasReadSince) {
  JournalAttributes attributes(kUnreadable, Framing::kLine);
  Attributes changed = attributes.get();
  changed.uid = 99;
  ASSERT_TRUE(attributes.take_read(stored()));
  EXPECT_EQ(attributes.framing(), Framing::kWrite);
  Attributes expected = stored();
  expected.uid = 99;
  EXPECT_EQ(*attributes.rebased(changed), expected);
}

TEST(JournalAttributesTest, AChangeOfWhatWasReadIsTakenAsItIs) {
  JournalAttributes attributes(kUnreadable, Framing::kLine);
  ASSERT_TRUE(attributes.take_read(stored()));
  Attributes changed = attributes.get();
  changed.mode = 0600;  // as in what stood for them
  EXPECT_EQ(*attributes.rebased(changed), changed);
}

TEST(JournalAttributesTest, WhatCouldNotBeReadMayTurnOutToBeDamaged) {
  JournalAttributes attributes(kUnreadable, Framing::kLine);
  EXPECT_FALSE(attributes.take_read(kDamaged));
  EXPECT_FALSE(attributes.may_be_readable());
  EXPECT_EQ(attributes.known().error().sys_errno, 0);
}

TEST(JournalAttributesTest, TimesCanBeSetWhileTheyAreLostAndHoldThen) {
  JournalAttributes attributes(kUnreadable, Framing::kLine);
  Attributes changed = attributes.get();
  changed.changed = Timestamp(std::chrono::nanoseconds(5));
  EXPECT_TRUE(attributes.take_times_if_lost(changed));
  EXPECT_FALSE(attributes.known());
  EXPECT_EQ(attributes.get().changed, changed.changed);
  ASSERT_TRUE(attributes.take_read(stored()));
  Attributes expected = stored();
  expected.changed = changed.changed;
  EXPECT_EQ(*attributes.known(), expected);
}

TEST(JournalAttributesTest, OtherChangesAreNotTakenWhileTheyAreLost) {
  JournalAttributes attributes(kDamaged, Framing::kLine);
  Attributes changed = attributes.get();
  changed.mode = 0644;
  EXPECT_FALSE(attributes.take_times_if_lost(changed));
  EXPECT_EQ(attributes.get().mode, 0600U);
}

TEST(JournalAttributesTest, TimesOfThoseThatAreKnownAreStoredLikeAnything) {
  JournalAttributes attributes(stored(), Framing::kLine);
  Attributes changed = attributes.get();
  changed.changed = Timestamp(std::chrono::nanoseconds(5));
  EXPECT_FALSE(attributes.take_times_if_lost(changed));
}

}  // namespace
}  // namespace range
