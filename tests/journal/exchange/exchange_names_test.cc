// Names that only one of the two can have: refused with their reason, or mapped, there and back.
#include <algorithm>
#include <map>

#include "journal/exchange/name_map.h"
#include "journal/exchange/range_chunk_writer.h"
#include "journal/local/local_store.h"
#include "tests/support/exchange_test.h"
#include "tests/support/sim_env.h"

namespace range::exchange {
namespace {

constexpr const char* kMap = "/map";

class ExchangeNames : public testing::Test {
 protected:
  // A journal of Range's, with its name as its only record.
  void make_source(const std::string& name) {
    const auto place = place_of(name);
    ASSERT_TRUE(place) << to_string(place.error());
    const Path directory = "/range" / *place;
    static_cast<void>(env_.make_directory("/range"));
    static_cast<void>(env_.make_directory(directory.parent_path()));
    ASSERT_TRUE(env_.make_directory(directory));
    auto writer = RangeChunkWriter::create(env_, directory, ChunkId(0x18EA5F509AFF0001));
    ASSERT_TRUE(writer && writer->append(as_bytes(name)) && writer->finish());
  }

  std::unique_ptr<LocalStore> open(const char* path) {
    auto store = LocalStore::open(env_, path, {}, /*background=*/false);
    EXPECT_TRUE(store) << to_string(store.error());
    return *std::move(store);
  }

  Texts names_below(const char* root) {
    Texts names;
    const auto found = list_journals(root, env_);
    EXPECT_TRUE(found) << to_string(found.error());
    EXPECT_TRUE(found->problems.empty());
    for (const RangeJournal& journal : found->journals) names.push_back(journal.name);
    return names;
  }

  static Texts paths_in(Store& store) {
    Texts paths;
    EXPECT_TRUE(store.visit("", [&](const std::string& path, JournalId) {
      paths.push_back(path);
      return true;
    }));
    std::ranges::sort(paths);
    return paths;
  }

  NameMap load() {
    auto map = NameMap::load(kMap, env_);
    EXPECT_TRUE(map) << to_string(map.error());
    return map ? *std::move(map) : NameMap();
  }

  void import_all(const char* root, Store& store) {
    NameMap map = load();
    const Texts there = paths_in(store);
    map.add_paths(names_below(root), {there.begin(), there.end()});
    ASSERT_TRUE(map.save(env_));
    const auto found = list_journals(root, env_);
    for (const RangeJournal& journal : found->journals) {
      const auto imported =
          import_journal(store, {map.path_of(journal.name), journal.directory}, {}, env_);
      ASSERT_TRUE(imported) << journal.name << ": " << to_string(imported.error());
      EXPECT_TRUE(imported->damage.empty());
    }
  }

  void export_all(Store& store, const char* root) {
    NameMap map = load();
    map.add_names(paths_in(store));
    ASSERT_TRUE(map.save(env_));
    auto target = RangeExport::open(root, env_);
    ASSERT_TRUE(target) << to_string(target.error());
    for (const std::string& path : paths_in(store)) {
      const auto exported = target->export_journal(store, path, map.name_of(path));
      ASSERT_TRUE(exported) << path << ": " << to_string(exported.error());
    }
  }

  // The bytes of each journal below `root`, by name.
  std::map<std::string, std::string> contents(const char* root) {
    std::map<std::string, std::string> all;
    const auto found = list_journals(root, env_);
    for (const RangeJournal& journal : found->journals) {
      const auto listed = list_chunks(journal.directory, env_);
      for (const RangeChunk& chunk : listed->chunks) {
        all[journal.name] += env_.read_all(chunk.data) + env_.read_all(chunk.index);
      }
    }
    return all;
  }

  SimEnv env_;
};

TEST_F(ExchangeNames, EachThatCannotBeHasItsReason) {
  const auto store = open("/store");
  make_source("app");
  const Path directory = list_journals("/range", env_)->journals[0].directory;
  ASSERT_TRUE(store->make_directory("web", {}));
  ASSERT_TRUE(store->create("app", {}));
  for (const auto& [name, reason] : std::vector<std::pair<std::string, std::string>>{
           {"", "empty"},
           {"/a", "begins with a slash"},
           {"x/", "ends with a slash"},
           {"x//b", "nothing between two slashes"},
           {"x/.", "'.' is no name"},
           {"x/..", "'..' is no name"},
           {"x/" + std::string(256, 'y'), "longer than 255 bytes"},
           {std::string("x\0y", 3), "NUL"},
           {"x.pos", "'x.pos' is reserved"},
           {"d/x.sync", "'x.sync' is reserved"},
           {"x.follow/y", "'x.follow' is reserved"},
           {"y/.info", "'.info' is reserved"},
           {"x.stamped", "'x.stamped' is reserved"},
           {".at", "'.at' is reserved"},
           {".cursor/x", "'.cursor' is reserved"},
           {".stats", "'.stats' is reserved"},
           {"web", "is a directory"},
           {"app/x", "app is a journal"}}) {
    const auto imported = import_journal(*store, {name, directory}, {}, env_);
    ASSERT_FALSE(imported) << name;
    EXPECT_EQ(imported.error().code, Errc::kInvalid) << name;
    EXPECT_NE(imported.error().context.find(reason), std::string::npos) << imported.error().context;
  }
  EXPECT_EQ(paths_in(*store), Texts{"app"});
  EXPECT_EQ(store->list("")->size(), 2U);
  for (const char* name : {"x.at", "d/.at", "d/.stats", "pos", "a.pos.b", "..."}) {
    EXPECT_TRUE(check_store_name(name)) << name;
  }
}

TEST_F(ExchangeNames, AllOfRangeGetInAndOutAgainByAMap) {
  const Texts names{
      "a//b",       "/a",  "x/",      "x/.",       "x/./y", "/..x/../y",     "x.pos",  ".at",
      ".at/x.info", "web", "web/log", "web/log/x", "web%",  "x.pos%",        "a/%/b",  "a%",
      "//",         "///", "app",     "a\tb\\c",   "\n",    "\x7f\x01.sync", "\xff//", ".x"};
  Texts possible;
  for (const std::string& name : names) {
    if (place_of(name)) possible.push_back(name);
  }
  EXPECT_EQ(possible.size(), names.size() - 1);  // but "\n", of one byte
  for (const std::string& name : possible) make_source(name);
  const auto store = open("/store");
  import_all("/range", *store);
  EXPECT_EQ(paths_in(*store).size(), possible.size());
  for (const std::string& path : paths_in(*store)) EXPECT_TRUE(check_store_name(path)) << path;
  const std::string map = env_.read_all(kMap);
  EXPECT_EQ(Exchange::records(*store, "app"), Texts{"app"});  // what can be, is itself
  EXPECT_EQ(Exchange::records(*store, "web/log/x"), Texts{"web/log/x"});
  import_all("/range", *store);  // the same again
  EXPECT_EQ(env_.read_all(kMap), map);
  export_all(*store, "/back");
  EXPECT_EQ(env_.read_all(kMap), map);
  auto expected = contents("/range");
  auto found = contents("/back");
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, content] : expected) EXPECT_EQ(found[name], content) << name;
}

TEST_F(ExchangeNames, TheSameNamesGetTheSamePaths) {
  const Texts names{"a//b", "web", "web/log", "web%", "x.pos"};
  NameMap first;
  NameMap second;
  first.add_paths(names);
  second.add_paths({names.rbegin(), names.rend()});
  for (const std::string& name : names) EXPECT_EQ(first.path_of(name), second.path_of(name));
  EXPECT_EQ(first.path_of("web%"), "web%");
  EXPECT_EQ(first.path_of("web"), "web%2");
  EXPECT_EQ(first.path_of("a//b"), "a/%/b");
  EXPECT_EQ(first.path_of("x.pos"), "x.pos%");
  EXPECT_EQ(first.size(), 3U);
}

// Range itself answers an error for a name that is shorter than two bytes when escaped.
TEST_F(ExchangeNames, EveryNameOfOneByteIsExportedOrRefused) {
  const auto store = open("/store");
  size_t escaped = 0;
  for (int byte = 1; byte < 256; ++byte) {
    const std::string name(1, static_cast<char>(byte));
    if (name == "/" || name == ".") continue;
    const auto journal = store->create(name, {});
    ASSERT_TRUE(journal) << byte << ": " << to_string(journal.error());
    ASSERT_TRUE((*journal)->append_records({name}));
    const auto place = place_of(name);
    if (place) {
      ++escaped;
    } else {
      EXPECT_NE(place.error().context.find("shorter than two bytes"), std::string::npos);
    }
  }
  EXPECT_EQ(escaped, 9U);  // _ \ ` * | ; " ' :
  export_all(*store, "/range");
  const auto groups = env_.list("/range");
  for (const DirectoryEntry& group : *groups) EXPECT_EQ(group.name.size(), 2U);
  const auto other = open("/other");
  import_all("/range", *other);
  EXPECT_EQ(paths_in(*other), paths_in(*store));
  EXPECT_EQ(paths_in(*other).size(), 253U);
  for (const std::string& path : paths_in(*other)) {
    EXPECT_EQ(Exchange::records(*other, path), Texts{path});
  }
}

TEST_F(ExchangeNames, ThoseThatRangeHasNoPlaceForAreMapped) {
  const auto store = open("/store");
  const std::string slashes = "d/" + std::string(100, '_');
  for (const std::string& path :
       {std::string("log.."), slashes, slashes + "_", std::string(255, 'x'), std::string("a..%")}) {
    for (size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      static_cast<void>(store->make_directory(path.substr(0, slash), {}));
    }
    ASSERT_TRUE(store->create(path, {})) << path;
  }
  export_all(*store, "/range");
  EXPECT_EQ(load().size(), 3U);
  const auto other = open("/other");
  import_all("/range", *other);
  EXPECT_EQ(paths_in(*other), paths_in(*store));
}

// Of one byte, but found in a directory all the same.
TEST_F(ExchangeNames, WhatRangeCannotHaveIsInNoMap) {
  NameMap map = load();
  map.add_paths({"%", "/x", "x.pos"});
  ASSERT_TRUE(map.save(env_));
  const NameMap again = load();
  EXPECT_EQ(again.size(), 2U);
  EXPECT_EQ(again.path_of("%"), "%");
  EXPECT_EQ(again.path_of("/x"), "%%/x");
}

TEST_F(ExchangeNames, MalformedMapsAreRefusedWithTheLine) {
  for (const auto& [text, problem] : std::vector<std::pair<std::string, std::string>>{
           {"a//b\n", "line 1: not a name"},
           {"\n\na//b\tc\td\n", "line 3: not a name"},
           {"a\\\tb\n", "line 1: malformed escape"},
           {"a//b\tx\na//b\ty\n", "line 2: a//b is there twice"},
           {"a//b\tx\nc//d\tx\n", "line 2: x is there twice"},
           {"a//b\tx.pos\n", "line 1: cannot be a name in the store: 'x.pos'"},
           {"a\tx\n", "line 1: a: "},
           {"a//b\tweb\nc//d\tweb/x\n", "line 2: web/x cannot be beside web"},
           {"a//b\tweb/x/y\nc//d\tweb\n", "line 2: web cannot be beside web/x/y"},
           {"xx\tweb\r\n", "line 1: a control character that is not escaped"},
           {"x\x1bx\tweb\n", "line 1: a control character that is not escaped"},
           {"a//b\tx\n\t", "line 2: "}}) {
    env_.write_raw(kMap, text);
    const auto map = NameMap::load(kMap, env_);
    ASSERT_FALSE(map) << text;
    EXPECT_EQ(map.error().code, Errc::kInvalid);
    EXPECT_NE(map.error().context.find("/map, " + problem), std::string::npos)
        << map.error().context;
  }
}

TEST_F(ExchangeNames, MapKeepsWhatItsUserWrote) {
  env_.write_raw(kMap, "x//y\tmine\n\nweb\tother/web");  // the last line has no end
  NameMap map = load();
  EXPECT_EQ(map.path_of("x//y"), "mine");
  // One whose own name is taken by another's path gets another one.
  map.add_paths({"x//y", "mine", "web", "web/log", "a\n//"});
  EXPECT_EQ(map.path_of("web"), "other/web");
  EXPECT_EQ(map.path_of("web/log"), "web/log");
  EXPECT_EQ(map.path_of("mine"), "mine%");
  ASSERT_TRUE(map.save(env_));
  EXPECT_EQ(env_.read_all(kMap), "a\\n//\ta\\n/%/%\nmine\tmine%\nweb\tother/web\nx//y\tmine\n");
  EXPECT_FALSE(env_.exists("/map.new"));
  EXPECT_EQ(load().name_of("a\n/%/%"), "a\n//");
}

TEST_F(ExchangeNames, ChosenPathsAreNotTooLong) {
  const Texts names{std::string(251, 'a') + ".pos", std::string(255, 'b'),
                    std::string(125, 'c') + "/" + std::string(123, 'c') + ".pos",
                    std::string(255, 'b').substr(0, 239) + "%"};
  NameMap map = load();
  map.add_paths(names);
  for (const std::string& name : names) EXPECT_TRUE(check_store_name(map.path_of(name))) << name;
  ASSERT_TRUE(map.save(env_));
  EXPECT_EQ(load().size(), map.size());
  // Also where another one is in the way.
  NameMap other;
  other.add_paths({names[1]}, {names[1] + "/x"});
  EXPECT_TRUE(check_store_name(other.path_of(names[1])));
  EXPECT_NE(other.path_of(names[1]), names[1]);
}

TEST_F(ExchangeNames, MapAfterARefusalKeepsWhatIsInTheStore) {
  for (const char* name : {"web", "web/access", "web/access/old", "x.pos"}) make_source(name);
  const auto store = open("/store");
  ASSERT_TRUE(import_journal(*store, {"web", "/range/eb/web"}, {}, env_));
  ASSERT_TRUE(store->create("x.pos%", {}));  // another's
  import_all("/range", *store);
  EXPECT_EQ(paths_in(*store),
            (Texts{"web", "web%/access", "web%2/access/old", "x.pos%", "x.pos%%"}));
  EXPECT_EQ(Exchange::records(*store, "x.pos%"), Texts());
  EXPECT_EQ(Exchange::records(*store, "web"), Texts{"web"});
  const std::string map = env_.read_all(kMap);
  import_all("/range", *store);
  EXPECT_EQ(env_.read_all(kMap), map);
}

TEST_F(ExchangeNames, DirectoriesOfTheStoreAreNoPathsOfJournals) {
  NameMap map;
  map.add_paths({"web", "web%"}, {"web/access"});
  EXPECT_EQ(map.path_of("web"), "web%2");
  EXPECT_EQ(map.path_of("web%"), "web%");
}

TEST_F(ExchangeNames, PathsOfTheMapAreInNoOnesWay) {
  env_.write_raw(kMap, "xx\tweb\n");
  NameMap map = load();
  map.add_paths({"xx", "web/access"});
  EXPECT_EQ(map.path_of("web/access"), "web%/access");
}

}  // namespace
}  // namespace range::exchange
