// What the tests of Operations share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fs/errno_map.h"
#include "fs/operations.h"
#include "tests/support/memory_store.h"

namespace rangefs {

inline const Caller kRoot{0, 0, {}};
inline const Caller kUser{1000, 1000, {}};

class RecordedNotices final : public Notices {
 public:
  void attributes_changed(NodeId node) override { attributes.push_back(node); }
  void grown(JournalId journal) override { grown_journals.push_back(journal); }
  void name_changed(const Place& place) override { names.push_back(place); }

  std::vector<NodeId> attributes;
  std::vector<Place> names;
  std::vector<JournalId> grown_journals;
};

// The errno of a Result or Status, 0 if it is none.
template <typename R>
int errno_of(const R& result) {
  return result ? 0 : to_errno(result.error());
}

class OperationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ops_ = *Operations::create(store_, FsOptions{"/store", "1.0"}, notices_);
  }

  Created create(std::string_view name, NodeId parent = kRootNode) {
    auto created = ops_->create(parent, name, 0644, false, kUser);
    RANGE_CHECK(created.has_value());
    return *created;
  }
  NodeId make_directory(std::string_view name, uint32_t mode = 0755) {
    return ops_->make_directory(kRootNode, name, mode, kUser)->node;
  }
  void append(HandleId handle, std::string_view text) {
    ASSERT_EQ(errno_of(ops_->append(handle, range::as_bytes(text), 0, true)), 0);
  }
  std::string read_all(HandleId handle) {
    std::string text(1 << 16, '\0');
    const auto bytes = std::as_writable_bytes(std::span(text));
    text.resize(ops_->read(handle, 0, bytes).value());
    return text;
  }
  HandleId open(std::string_view name, NodeId parent = kRootNode) {
    return *ops_->open(ops_->look_up(parent, name)->node, Access{true}, kRoot);
  }
  std::string contents(std::string_view name, NodeId parent = kRootNode) {
    return read_all(open(name, parent));
  }

  range::MemoryStore store_;
  RecordedNotices notices_;
  std::unique_ptr<Operations> ops_;
};

}  // namespace rangefs
