#include "journal/chunk/entry_builder.h"

#include <gtest/gtest.h>

#include <string>

#include "journal/journal.h"

namespace range {
namespace {

constexpr ChunkSeed kChunk(7);

// The entries in `bytes`, each of which must be valid for its part of `payload`, which begins at
// `start` with entry number `index`.
std::vector<FragmentEntry> decode(ConstBytes bytes, std::string_view payload, uint64_t start = 0,
                                  uint32_t index = 0) {
  std::vector<FragmentEntry> entries;
  uint64_t at = start;
  for (size_t i = 0; i < bytes.size(); i += kEntryBytes, ++index) {
    entries.push_back(decode_entry(bytes.subspan(i).first<kEntryBytes>()));
    const FragmentEntry& entry = entries.back();
    const std::string_view part = payload.substr(at - start, entry.end - at);
    EXPECT_EQ(entry.check, fragment_check(kChunk, index, at, entry, as_bytes(part)));
    at = entry.end;
  }
  EXPECT_EQ(at, start + payload.size());
  return entries;
}

// As "record:end", with '+' for open and '.' for last of append.
std::string text_of(const std::vector<FragmentEntry>& entries) {
  std::string text;
  for (const FragmentEntry& entry : entries) {
    text += std::to_string(entry.record) + ':' + std::to_string(entry.end);
    text += (entry.open ? "+" : "");
    text += (entry.last_of_append ? ". " : " ");
  }
  return text;
}

std::string built(std::string_view data, Framing framing = Framing::kLine, ChunkEnd end = {}) {
  std::vector<EntryBytes> entries;
  EntryBuilder builder(kChunk, end, end.last_ms, entries);
  builder.add_framed(framing, as_bytes(data));
  return text_of(decode(builder.entries(), data, end.bytes, end.entries));
}

TEST(EntryBuilder, EveryLineIsARecordAndTheLastEndsTheAppend) {
  EXPECT_EQ(built("a\n"), "0:2. ");
  EXPECT_EQ(built("a\n\nccc\n"), "0:2 1:3 2:7. ");
}

TEST(EntryBuilder, ALineWithoutItsNewlineStaysOpen) { EXPECT_EQ(built("a\nbc"), "0:2 1:4+. "); }

TEST(EntryBuilder, AnOpenRecordIsContinuedUnderItsNumber) {
  const ChunkEnd end{.entries = 2, .records = 2, .bytes = 4, .last_ms = 5, .open_bytes = 2};
  EXPECT_EQ(built("d", Framing::kLine, end), "1:5+. ");
  EXPECT_EQ(built("d\ne\n", Framing::kLine, end), "1:6 2:8. ");
}

TEST(EntryBuilder, WriteFramingMakesOneRecordOfAll) {
  EXPECT_EQ(built("a\nb\n", Framing::kWrite), "0:4. ");
}

TEST(EntryBuilder, LongRecordsAreStoredInFragments) {
  const std::string record(kFragmentBytesMax * 2 + 1, 'x');
  EXPECT_EQ(built(record, Framing::kWrite), "0:65536+ 0:131072+ 0:131073. ");
  EXPECT_EQ(built(std::string(kFragmentBytesMax, 'x'), Framing::kWrite), "0:65536. ");
  EXPECT_EQ(built(std::string(kFragmentBytesMax - 1, 'x') + "\n"), "0:65536. ");
  EXPECT_EQ(built(std::string(kFragmentBytesMax, 'x') + "\n"), "0:65536+ 0:65537. ");
}

TEST(EntryBuilder, CompleteRecordsMayBeEmptyAndCloseAnOpenOne) {
  const ChunkEnd end{.entries = 1, .records = 1, .bytes = 2, .last_ms = 0, .open_bytes = 2};
  std::vector<EntryBytes> buffer;
  EntryBuilder builder(kChunk, end, 3, buffer);
  const std::vector<ConstBytes> records = {{}, as_bytes("x"), {}};
  builder.add_records(records);
  EXPECT_EQ(builder.end(), (ChunkEnd{.entries = 4, .records = 4, .bytes = 3, .last_ms = 3}));
  EXPECT_EQ(text_of(decode(builder.entries(), "x", 2, 1)), "1:2 2:3 3:3. ");
}

TEST(EntryBuilder, AnOpenRecordIsClosedAtItsLimit) {
  const ChunkEnd end{.entries = 1,
                     .records = 1,
                     .bytes = kOpenRecordBytesMax - 1,
                     .last_ms = 0,
                     .open_bytes = kOpenRecordBytesMax - 1};
  EXPECT_EQ(built("x", Framing::kLine, end), "0:16777216. ");
  EXPECT_EQ(built("xy", Framing::kLine, end), "0:16777216 1:16777217+. ");
  EXPECT_EQ(built("xy\n", Framing::kLine, end), "0:16777218. ") << "a line that ends is not cut";
}

TEST(EntryBuilder, WhatWasThereBeforeIsReplaced) {
  std::vector<EntryBytes> buffer(3);
  EntryBuilder builder(kChunk, {}, 0, buffer);
  builder.add_framed(Framing::kLine, as_bytes("x\n"));
  EXPECT_EQ(builder.entries().size(), kEntryBytes);
}

TEST(EntryBuilder, TheLongestRecordCountsWhatItContinues) {
  const ChunkEnd end{.entries = 1, .records = 1, .bytes = 5, .open_bytes = 5};
  std::vector<EntryBytes> buffer;
  EntryBuilder builder(kChunk, end, 0, buffer);
  builder.add_framed(Framing::kLine, as_bytes("67\n123\n"));
  EXPECT_EQ(builder.longest_record(), 8U);
}

}  // namespace
}  // namespace range
