#include "fs/properties.h"

#include <cerrno>
#include <sstream>

#include "tests/support/operations_test.h"

namespace rangefs {
namespace {

constexpr const char* kFraming = "user.range.framing";
constexpr const char* kKeep = "user.range.keep";

using NameSet = std::vector<std::string>;

class PropertiesTest : public OperationsTest {
 protected:
  int set(NodeId node, std::string_view name, std::string_view value,
          SetMode mode = SetMode::kAny) {
    return errno_of(ops_->set_property(node, name, value, mode));
  }
  NameSet listed(NodeId node) { return *ops_->property_names(node); }
};

TEST_F(PropertiesTest, PropertiesAreReadAndSet) {
  const Created created = create("app");
  append(created.handle, "one\ntwo");
  const NodeId node = created.found.node;
  EXPECT_EQ(*ops_->property(node, "user.range.framing"), "line");
  EXPECT_EQ(*ops_->property(node, "user.range.records"), "2");
  EXPECT_EQ(*ops_->property(node, "user.range.open_bytes"), "3");
  EXPECT_EQ(errno_of(ops_->property(node, "user.range.nothing")), ENODATA);
  EXPECT_EQ(errno_of(ops_->property(node, "security.capability")), EOPNOTSUPP);
  const auto set = [&](const char* name, const char* value, SetMode mode = SetMode::kAny) {
    return PropertiesTest::set(node, name, value, mode);
  };
  EXPECT_EQ(set("user.range.framing", "write"), 0);
  EXPECT_EQ(*ops_->property(node, "user.range.framing"), "write");
  EXPECT_EQ(set("user.range.framing", "lines"), EINVAL);
  EXPECT_EQ(set("user.range.keep", "2"), EINVAL);
  EXPECT_EQ(set("user.range.nothing", "1"), EINVAL);
  EXPECT_EQ(set("user.range.id", "1"), EPERM);
  EXPECT_EQ(set("user.other", "1"), EOPNOTSUPP);
  EXPECT_EQ(set("user.range.framing", "line", SetMode::kCreate), EEXIST);
  EXPECT_EQ(set("user.range.keep", "1", SetMode::kReplace), ENODATA);
}

TEST_F(PropertiesTest, AKeyIsReadWithoutTheOthers) {
  int waits = 0;
  store_.on_wait = [&] { ++waits; };
  EXPECT_EQ(*ops_->property(kRootNode, kKeep), "0");
  EXPECT_EQ(waits, 0);
  EXPECT_EQ(*ops_->property(kRootNode, "user.range.journals"), "0");
  EXPECT_GT(waits, 0) << "it was counted";
}

// What .info shows is there by name, too, and can be set or says that it cannot.
TEST_F(PropertiesTest, EveryLineOfInfoCanBeRead) {
  const Created created = create("app");
  append(created.handle, "x\n");
  const std::pair<NodeId, std::string> shown[] = {{created.found.node, contents("app.info")},
                                                  {kRootNode, contents(".info")}};
  for (const auto& [node, info] : shown) {
    std::istringstream lines(info);
    int keys = 0;
    for (std::string line; std::getline(lines, line); ++keys) {
      const size_t colon = line.find(": ");
      const std::string name = "user.range." + line.substr(0, colon);
      EXPECT_EQ(*ops_->property(node, name), line.substr(colon + 2)) << name;
      const int set = errno_of(ops_->set_property(node, name, "?", SetMode::kAny));
      const bool settable = name == kFraming || name == kKeep;
      EXPECT_EQ(set, settable ? EINVAL : EPERM) << name;
    }
    EXPECT_GT(keys, 7);
  }
}

// What programs do that copy extended attributes. They meet no error, and the copy is alike.
TEST_F(PropertiesTest, WhatIsListedCanBeSetOnACopy) {
  const auto copy = [&](NodeId from, NodeId to) {
    for (const std::string& name : listed(from)) {
      const std::string value = *ops_->property(from, name);
      EXPECT_EQ(set(to, name, value, SetMode::kCreate), 0) << name;
    }
    EXPECT_EQ(listed(to), listed(from));
  };
  const NodeId app = create("app").found.node;
  const NodeId web = make_directory("web");
  EXPECT_EQ(listed(app), NameSet());
  EXPECT_EQ(listed(web), NameSet());
  EXPECT_EQ(listed(ops_->look_up(kRootNode, "app.info")->node), NameSet());
  ASSERT_EQ(set(app, kKeep, "0"), 0);
  ASSERT_EQ(set(app, kFraming, "write"), 0);
  ASSERT_EQ(set(web, kKeep, "1"), 0);
  ASSERT_EQ(set(web, kFraming, "line"), 0);
  EXPECT_EQ(listed(app), (NameSet{kFraming, kKeep}));
  EXPECT_EQ(listed(web), (NameSet{kFraming, kKeep}));
  copy(app, create("copy").found.node);
  copy(web, make_directory("directory"));
  EXPECT_EQ(*ops_->property(ops_->look_up(kRootNode, "copy")->node, kFraming), "write");
}

// It would become a setting of the copy.
TEST_F(PropertiesTest, WhatIsInheritedIsNotListed) {
  ASSERT_EQ(set(kRootNode, kKeep, "1"), 0);
  ASSERT_EQ(set(kRootNode, kFraming, "write"), 0);
  EXPECT_EQ(listed(kRootNode), (NameSet{kFraming, kKeep}));
  const NodeId web = make_directory("web");
  EXPECT_EQ(*ops_->property(web, kKeep), "1");
  EXPECT_EQ(*ops_->property(web, kFraming), "write");
  EXPECT_EQ(listed(web), NameSet());
  EXPECT_EQ(*ops_->property(create("log", web).found.node, kKeep), "1");
}

// A copy is made before its directory gets its settings (cp), or after (rsync).
TEST_F(PropertiesTest, AFramingIsListedUnlessAJournalHasItWithoutAnySetting) {
  const NodeId web = make_directory("web");
  const NodeId log = create("log", web).found.node;
  EXPECT_EQ(listed(log), NameSet());
  ASSERT_EQ(set(log, kFraming, "line"), 0);
  EXPECT_EQ(listed(log), NameSet());
  ASSERT_EQ(set(web, kFraming, "write"), 0);
  EXPECT_EQ(*ops_->property(log, kFraming), "line");
  EXPECT_EQ(listed(log), NameSet{kFraming});
  EXPECT_EQ(listed(create("inherits", web).found.node), NameSet{kFraming});
  ASSERT_TRUE(ops_->rename({web, "log"}, {kRootNode, "log"}, 0));
  ASSERT_TRUE(ops_->rename({web, "inherits"}, {kRootNode, "inherits"}, 0));
  EXPECT_EQ(listed(log), NameSet());
  EXPECT_EQ(listed(ops_->look_up(kRootNode, "inherits")->node), NameSet{kFraming});
}

TEST_F(PropertiesTest, WhatIsRemovedIsInheritedAgain) {
  const NodeId app = create("app").found.node;
  const NodeId web = make_directory("web");
  for (const NodeId node : {app, web}) {
    for (const char* name : {kFraming, kKeep}) {
      EXPECT_EQ(errno_of(ops_->remove_property(node, name)), ENODATA);
      EXPECT_EQ(set(node, name, "?", SetMode::kReplace), ENODATA);
    }
  }
  EXPECT_EQ(errno_of(ops_->remove_property(app, "user.range.id")), EPERM);
  ASSERT_EQ(set(kRootNode, kFraming, "write"), 0);
  EXPECT_EQ(errno_of(ops_->remove_property(app, kFraming)), 0);
  EXPECT_EQ(*ops_->property(app, kFraming), "write");
  ASSERT_EQ(set(web, kFraming, "line"), 0);
  EXPECT_EQ(errno_of(ops_->remove_property(web, kFraming)), 0);
  EXPECT_EQ(*ops_->property(web, kFraming), "write");
}

TEST_F(PropertiesTest, KeepIsInheritedAndPreventsRemoval) {
  const NodeId web = make_directory("web");
  const Created created = create("log", web);
  append(created.handle, "x\n");
  ASSERT_EQ(errno_of(ops_->set_property(kRootNode, "user.range.keep", "1", SetMode::kAny)), 0);
  EXPECT_EQ(*ops_->property(created.found.node, "user.range.keep"), "1");
  EXPECT_EQ(*ops_->property(web, "user.range.keep"), "1");
  EXPECT_EQ(errno_of(ops_->remove(web, "log")), EPERM);
  ASSERT_EQ(errno_of(ops_->set_property(web, "user.range.keep", "0", SetMode::kAny)), 0);
  EXPECT_EQ(*ops_->property(created.found.node, "user.range.keep"), "0");
  ASSERT_EQ(errno_of(ops_->remove_property(web, "user.range.keep")), 0);
  EXPECT_EQ(*ops_->property(created.found.node, "user.range.keep"), "1");
}

TEST_F(PropertiesTest, FramingOfNewJournalsIsInherited) {
  const NodeId web = make_directory("web");
  ASSERT_EQ(errno_of(ops_->set_property(web, "user.range.framing", "write", SetMode::kAny)), 0);
  EXPECT_EQ(*ops_->property(create("log", web).found.node, "user.range.framing"), "write");
  ASSERT_EQ(errno_of(ops_->remove_property(web, "user.range.framing")), 0);
  EXPECT_EQ(*ops_->property(web, "user.range.framing"), "line");
}

}  // namespace
}  // namespace rangefs
