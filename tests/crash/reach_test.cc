// How far a failure of the engine reaches.

#include "tests/crash/reach.h"

namespace range {
namespace {

class ReachOfFailures : public ReachTest {
 protected:
  Status open_and_append() {
    RETURN_IF_ERROR(open_store());
    return append("hit", 10);
  }
  Status append_one() { return append("hit", 10); }
  Status append_into_a_new_chunk() { return append("hit", 1500); }
  Status sync_one() { return sync("hit"); }
  Status sync_all() { return sync_store(); }
  Status trim_one() { return trim("hit"); }
  Status close() {
    journals_.clear();
    Status closed = store_->close();
    store_.reset();
    if (closed) {
      for (auto& [path, expected] : expected_) expected.synced = expected.acknowledged.size();
    }
    return closed;
  }
  Status create_and_sync() {
    ASSIGN_OR_RETURN(const auto created, store_->create("fresh", {}));
    const auto synced = created->sync();
    return synced ? Status() : Status(synced.error());
  }
  Status make_directory_and_sync() {
    RETURN_IF_ERROR(store_->make_directory("e", {}));
    return sync_store();
  }
  Status remove_directory_and_sync() {
    RETURN_IF_ERROR(store_->remove_directory("empty"));
    return sync_store();
  }
  Status rename_and_sync(const std::string& to) {
    journals_.clear();
    RETURN_IF_ERROR(store_->rename("hit", to, /*replace=*/true));
    return sync_moved("hit", to);
  }
  Status rename_directory_and_sync(const std::string& to) {
    journals_.clear();
    RETURN_IF_ERROR(store_->rename("d", to, /*replace=*/true));
    return sync_moved("d/third", to + "/third");
  }
  Status sync_moved(const std::string& from, const std::string& to) {
    expected_[to] = expected_.at(from);
    expected_[to].before = from;
    expected_.erase(from);
    RETURN_IF_ERROR(sync_store());
    expected_[to].before.clear();
    return {};
  }
  // One that is there, and is not open, and one that is not.
  Status get_or_create() {
    for (const char* path : {"hit", "fresh"}) {
      ASSIGN_OR_RETURN(journals_[path], store_->get_or_create(path));
    }
    return {};
  }
  Status read_and_seek() {
    ASSIGN_OR_RETURN(const auto hit, journal("hit"));
    const Extent extent = hit->extent();
    std::string text(extent.end.offset.value(), '\0');
    ASSIGN_OR_RETURN(const size_t got,
                     hit->read(ByteOffset(0), std::as_writable_bytes(std::span(text))));
    EXPECT_EQ(text.substr(0, got), expected_["hit"].acknowledged.substr(0, got));
    RecordBatch batch;
    RETURN_IF_ERROR(hit->read_records(RecordNumber(0), 10, 10'000, batch));
    for (const PositionSpec& spec : {PositionSpec(RecordNumber(1)), PositionSpec(ByteOffset(2000)),
                                     PositionSpec(extent.last_time), PositionSpec(AtEnd())}) {
      if (const auto found = hit->seek(spec); !found) return found.error();
    }
    return {};
  }
  Status append_and_apply_retention() {
    for (int i = 0; i < 4; ++i) RETURN_IF_ERROR(append_into_a_new_chunk());
    return store_->apply_retention();
  }
  Status set_modified_and_sync() {
    RETURN_IF_ERROR(store_->set_directory_modified("d", Timestamp(std::chrono::seconds(5))));
    return sync_store();
  }
  Status set_attributes_and_sync() {
    ASSIGN_OR_RETURN(const auto hit, journal("hit"));
    Attributes attributes = hit->attributes();
    attributes.mode = kNewMode;
    RETURN_IF_ERROR(hit->set_attributes(attributes));
    RETURN_IF_ERROR(sync("hit"));
    mode_ = "hit";
    return {};
  }
  Status set_directory_attributes_and_sync() {
    ASSIGN_OR_RETURN(Attributes attributes, store_->directory_attributes("d"));
    attributes.mode = kNewMode;
    RETURN_IF_ERROR(store_->set_directory_attributes("d", attributes));
    RETURN_IF_ERROR(sync_store());
    mode_ = "d";
    return {};
  }
  // So much that one sync of the whole file system is less work.
  Status create_many_and_sync() {
    for (int i = 0; i < 20; ++i) {
      const std::string path = "many " + std::to_string(i);
      ASSIGN_OR_RETURN(journals_[path], store_->create(path, {}));
      RETURN_IF_ERROR(append(path, 10));
    }
    return sync_store();
  }
  Status remove_and_reclaim() {
    Status removed = store_->remove("hit");
    if (!removed) return removed;
    remove_expected("hit");
    return sync_store();
  }
};

TEST_F(ReachOfFailures, IsNoWiderThanItsCause) {
  sweep("open", Begin::kClosed, [this] { return open_and_append(); });
  sweep("append", Begin::kInUse, [this] { return append_one(); });
  sweep("roll", Begin::kInUse, [this] {
    Status done;
    for (int i = 0; i < 4 && done; ++i) done = append_into_a_new_chunk();
    return done;
  });
  sweep("sync", Begin::kInUse, [this] { return sync_one(); });
  sweep("sync of the store", Begin::kInUse, [this] { return sync_all(); });
  sweep("trim", Begin::kInUse, [this]() -> Status {
    for (int i = 0; i < 4; ++i) RETURN_IF_ERROR(append_into_a_new_chunk());
    return trim_one();
  });
  sweep("read and seek", Begin::kOpen, [this] { return read_and_seek(); });
  sweep("retention", Begin::kInUse, [this] { return append_and_apply_retention(); });
  sweep("get or create", Begin::kOpen, [this] { return get_or_create(); });
  sweep("create", Begin::kInUse, [this] { return create_and_sync(); });
  sweep("make directory", Begin::kInUse, [this] { return make_directory_and_sync(); });
  sweep("rename", Begin::kInUse, [this] { return rename_and_sync("moved"); });
  sweep("rename over", Begin::kInUse, [this] { return rename_and_sync("vacant"); });
  sweep("rename directory", Begin::kInUse,
        [this] { return rename_directory_and_sync("elsewhere"); });
  sweep("rename directory over", Begin::kInUse,
        [this] { return rename_directory_and_sync("empty"); });
  sweep("set time of a directory", Begin::kInUse, [this] { return set_modified_and_sync(); });
  sweep("remove directory", Begin::kInUse, [this] { return remove_directory_and_sync(); });
  sweep("set attributes", Begin::kInUse, [this] { return set_attributes_and_sync(); });
  sweep("set attributes of a directory", Begin::kInUse,
        [this] { return set_directory_attributes_and_sync(); });
  sweep("repair", Begin::kInFlight, [this] { return open_and_append(); });
  sweep("remove", Begin::kInUse, [this] { return remove_and_reclaim(); });
  sweep("close", Begin::kInUse, [this] { return close(); });
  print_table();
}

// It can be for something that has nothing to do with the store; what has is told file by file.
TEST_F(ReachOfFailures, OfASyncOfTheWholeFileSystemIsNothing) {
  ASSERT_NO_FATAL_FAILURE(prepare(Begin::kInUse));
  size_t failed = 0;
  env_->set_fault_hook([&](const Call& call) -> std::optional<Fault> {
    if (call.kind != CallKind::kSyncFilesystem) return std::nullopt;
    ++failed;
    return Fault{kElsewhere};
  });
  EXPECT_TRUE(create_many_and_sync());
  env_->set_fault_hook({});
  EXPECT_GT(failed, 0U);
  EXPECT_EQ(measure(false), Reach::kNothing);
  check_what_is_left();
}

}  // namespace
}  // namespace range
