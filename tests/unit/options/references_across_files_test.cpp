#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sample_options.h"

namespace deneb::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Files in a folder of their own; messages and origins are shown without it.
class RefsAcrossFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("deneb_refs_" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "pipelines");
    fs::create_directories(folder_ / "protocols");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  /// Reads and resolves pipelines/p.json.
  void resolve(const std::string& text, const std::vector<std::string>& assignments = {}) {
    write("pipelines/p.json", text);
    document_ = read_config((folder_ / "pipelines/p.json").string());
    diagnostics_ = {};
    diagnostics_.set_lines(&document_);
    for (const std::string& assignment : assignments) {
      apply_assignment(document_, assignment, diagnostics_);
    }
    resolve_refs(document_, diagnostics_);
  }
  std::string text() const { return short_text(diagnostics_.text(document_.file)); }
  std::string value() const { return diagnostics_.empty() ? document_.value.dump() : text(); }
  std::string origin(const std::string& path) const {
    return short_text(document_.origin_of(path));
  }

  std::string short_text(std::string text) const {
    const std::string prefix = folder_.string() + "/";
    for (std::size_t at; (at = text.find(prefix)) != std::string::npos;) {
      text.erase(at, prefix.size());
    }
    return text;
  }

  fs::path folder_;
  ConfigDocument document_;
  Diagnostics diagnostics_;
};

TEST_F(RefsAcrossFiles, CopiesAndMerges) {
  write("protocols/c.json", R"(// shared
    {"train": {"trainer": {"epochs": 3, "optimizer": {"type": "SGD", "lr": 0.02}}, "w": "../w.st"},
     "list": [{"n": 1}, {"n": 2}]})");
  resolve(R"({"nas": {"ref": "../protocols/c.json#train", "trainer": {"epochs": 1}},
              "all": {"ref": "../protocols/c.json#list[1]"},
              "one": [{"ref": "../protocols/c.json#train.trainer.optimizer", "lr": 1}]})");
  EXPECT_EQ(value(), R"({"nas":{"trainer":{"epochs":1,"optimizer":{"type":"SGD","lr":0.02}},)"
                     R"("w":"../w.st"},"all":{"n":2},"one":[{"type":"SGD","lr":1}]})");
}

TEST_F(RefsAcrossFiles, AbsolutePaths) {
  write("protocols/c.json", R"({"a": {"n": 1}})");
  resolve("{\"b\": {\"ref\": \"" + (folder_ / "protocols/c.json").string() + "#a\"}}");
  EXPECT_EQ(value(), R"({"b":{"n":1}})");
  EXPECT_EQ(document_.origin_of("b.n"), (folder_ / "protocols/c.json").string());
}

TEST_F(RefsAcrossFiles, RefsOfTheOtherFileAreResolvedThere) {
  write("protocols/c.json", R"({
    "base": {"lr": 1, "k": 0},
    "inner": {"o": {"ref": "base", "lr": 2}, "far": {"ref": "deeper/d.json#x"}},
    "unused": {"ref": "nowhere.json#x"}})");
  fs::create_directories(folder_ / "protocols/deeper");
  write("protocols/deeper/d.json", R"({"x": {"y": {"ref": "../c.json#base", "k": 5}}})");
  // `base` here is not the `base` of the other file.
  resolve(R"({"base": {"lr": 9}, "a": {"ref": "../protocols/c.json#inner"},
              "through": {"ref": "a.far.y"}, "passing": {"ref": "../protocols/c.json#inner.far.y"}})");
  EXPECT_EQ(value(), R"({"base":{"lr":9},"a":{"o":{"lr":2,"k":0},"far":{"y":{"lr":1,"k":5}}},)"
                     R"("through":{"lr":1,"k":5},"passing":{"lr":1,"k":5}})");
  EXPECT_EQ(origin("a"), "pipelines/p.json");
  EXPECT_EQ(origin("a.o"), "protocols/c.json");
  EXPECT_EQ(origin("a.far.y.lr"), "protocols/c.json");
  EXPECT_EQ(origin("a.far.y.k"), "protocols/deeper/d.json");
  EXPECT_EQ(origin("through.k"), "protocols/deeper/d.json");
}

TEST_F(RefsAcrossFiles, FilesMayReferToEachOther) {
  write("protocols/c.json", R"({"a": {"x": {"ref": "../pipelines/p.json#local"}}})");
  resolve(R"({"local": {"n": 1}, "b": {"ref": "../protocols/c.json#a"}})");
  EXPECT_EQ(value(), R"({"local":{"n":1},"b":{"x":{"n":1}}})");
  EXPECT_EQ(origin("b.x.n"), "pipelines/p.json");
  // As it is after assignments, since it is the same document.
  resolve(R"({"local": {"n": 1}, "b": {"ref": "../protocols/c.json#a"}})", {"local.n=2"});
  EXPECT_EQ(value(), R"({"local":{"n":2},"b":{"x":{"n":2}}})");
}

TEST_F(RefsAcrossFiles, OneFileUnderSeveralNames) {
  write("protocols/c.json", R"({"a": {"n": 1}})");
  fs::create_symlink(folder_ / "protocols", folder_ / "link");
  std::string text = "{\"x\": [";  // more names than files may be opened
  for (int i = 0; i < 70; ++i) {
    text += R"({"ref": "../)" + std::string(i % 2 == 0 ? "link/" : "protocols/");
    for (int k = 0; k < i; ++k) text += "../protocols/";
    text += "c.json#a\"}, ";
  }
  resolve(text + "{}]}");
  EXPECT_THAT(diagnostics_.problems(), IsEmpty()) << this->text();
}

TEST_F(RefsAcrossFiles, OriginsAndLines) {
  write("protocols/c.json", "{\"t\": {\n  \"x\": 1,\n  \"deep\": {\"y\": [\n2]}, \"o\": {}}}");
  resolve(R"({
  "a": {"ref": "../protocols/c.json#t",
    "deep": {"z": 3}, "o": 5}, "b": 1
})");
  ASSERT_EQ(value(), R"({"a":{"x":1,"deep":{"y":[2],"z":3},"o":5},"b":1})");
  const auto place = [&](const std::string& path) {
    return origin(path) + ":" + std::to_string(document_.line_of(path));
  };
  EXPECT_EQ(place(""), "pipelines/p.json:1");
  EXPECT_EQ(place("a"), "pipelines/p.json:2");
  EXPECT_EQ(place("a.x"), "protocols/c.json:2");
  EXPECT_EQ(place("a.deep"), "pipelines/p.json:3");
  EXPECT_EQ(place("a.deep.y"), "protocols/c.json:3");
  EXPECT_EQ(place("a.deep.y[0]"), "protocols/c.json:4");
  EXPECT_EQ(place("a.deep.y[7].q"), "protocols/c.json:3");
  EXPECT_EQ(place("a.deep.z"), "pipelines/p.json:3");
  EXPECT_EQ(place("a.o"), "pipelines/p.json:3");
  EXPECT_EQ(place("b"), "pipelines/p.json:3");
  EXPECT_EQ(place("a.absent"), "pipelines/p.json:2");
}

TEST_F(RefsAcrossFiles, OriginsAreThoseOfTheDocumentWithoutThem) {
  resolve(R"({"a": {"w": "x"}, "b": {"ref": "a"}})");
  EXPECT_THAT(document_.origins, IsEmpty());
  EXPECT_EQ(origin("b.w"), "pipelines/p.json");
}

TEST_F(RefsAcrossFiles, ProblemsOfValuesPointToTheirFile) {
  write("protocols/c.json", "{\"t\": {\n\"num_generation\": 0, \"num_individual\": 8}}");
  resolve("{\n\"a\": {\"ref\": \"../protocols/c.json#t\",\n\"num_individual\": 3},\n\"x\": 1}");
  diagnostics_.add("a.num_generation", "too small");
  diagnostics_.add("a.num_individual", "odd");
  diagnostics_.add("x", "unknown");
  EXPECT_EQ(text(),
            "pipelines/p.json:3: a.num_individual: odd\n"
            "pipelines/p.json:4: x: unknown\n"
            "protocols/c.json:2: a.num_generation: too small");
  EXPECT_EQ(short_text(diagnostics_.problems()[0].file), "protocols/c.json");
  EXPECT_EQ(diagnostics_.problems()[1].file, "");
}

TEST_F(RefsAcrossFiles, AssignmentsBelongToTheDocument) {
  write("protocols/c.json", R"({"t": {"w": "a.st", "o": {"p": "b", "q": "c"}}})");
  const std::string text = R"({"a": {"ref": "../protocols/c.json#t"}})";
  resolve(text, {"a.w=x.st"});
  EXPECT_EQ(value(), R"({"a":{"w":"x.st","o":{"p":"b","q":"c"}}})");
  EXPECT_EQ(origin("a.w"), "pipelines/p.json");
  EXPECT_EQ(origin("a.o.p"), "protocols/c.json");
  // Afterwards, too.
  apply_assignment(document_, "a.o.p=y", diagnostics_);
  EXPECT_EQ(origin("a.o.p"), "pipelines/p.json");
  EXPECT_EQ(origin("a.o.q"), "protocols/c.json");
  apply_assignment(document_, R"(a.o={"q": 1})", diagnostics_);
  EXPECT_EQ(origin("a.o.q"), "pipelines/p.json");
  diagnostics_.add("a.o.q", "bad");
  EXPECT_EQ(this->text(), "--set a.o.q: bad");
}

TEST_F(RefsAcrossFiles, MissingFiles) {
  write("protocols/cifar10.json", R"({"t": {}})");
  const auto problem = [&](const std::string& ref) {
    resolve("{\n\"a\": {\"ref\": \"" + ref + "\"}}");
    return text();
  };
  EXPECT_EQ(problem("../protocols/cifra10.json#t"),
            "pipelines/p.json:2: a.ref: protocols/cifra10.json does not exist; did you mean "
            "'../protocols/cifar10.json'?");
  EXPECT_EQ(problem("../protocols/mnist_lenet.json#t"),
            "pipelines/p.json:2: a.ref: protocols/mnist_lenet.json does not exist; the path is "
            "relative to the file that holds the reference");
  EXPECT_EQ(problem("nowhere/cifar10.json#t"),
            "pipelines/p.json:2: a.ref: pipelines/nowhere/cifar10.json does not exist; the path is "
            "relative to the file that holds the reference");
  EXPECT_EQ(problem("../protocols#t"),
            "pipelines/p.json:2: a.ref: protocols is no regular file; name a JSON file");
  EXPECT_EQ(problem("../protocols/cifar10.json"),
            "pipelines/p.json:2: a.ref: '../protocols/cifar10.json' names a file but no block in "
            "it; write \"../protocols/cifar10.json#nas.trainer\" for its block nas.trainer");
  EXPECT_EQ(problem("../protocols/cifar10.json#"),
            "pipelines/p.json:2: a.ref: '../protocols/cifar10.json#' names a file but no block in "
            "it; write \"../protocols/cifar10.json#nas.trainer\" for its block nas.trainer");
  EXPECT_EQ(problem("#t"),
            "pipelines/p.json:2: a.ref: '#t' names no file before '#'; remove the '#'");
  EXPECT_EQ(problem("../protocols/cifar10.json#t..u"),
            "pipelines/p.json:2: a.ref: '../protocols/cifar10.json#t..u' is no path: a key is "
            "empty");
}

TEST_F(RefsAcrossFiles, MissingTargets) {
  write("protocols/c.json", R"({"fully_train": {"trainer": {"epochs": 3}}})");
  const auto problem = [&](const std::string& path) {
    resolve("{\"a\": {\"ref\": \"../protocols/c.json#" + path + "\"}}");
    return text();
  };
  EXPECT_EQ(problem("fully_trian"),
            "pipelines/p.json:1: a.ref: there is no block '../protocols/c.json#fully_trian'; did "
            "you mean '../protocols/c.json#fully_train'?");
  EXPECT_EQ(problem("quux"),
            "pipelines/p.json:1: a.ref: there is no block '../protocols/c.json#quux'; give the "
            "full path of a block in protocols/c.json");
  EXPECT_EQ(problem("fully_train.trainer.epochs"),
            "pipelines/p.json:1: a.ref: '../protocols/c.json#fully_train.trainer.epochs' is number "
            "3, expected an object; name the block around it");
  // In a file that is referred to, the problem stands there.
  write("protocols/d.json", "{\"x\": {\"y\":\n {\"ref\": \"c.json#fully_trian\"}}}");
  resolve(R"({"a": {"ref": "../protocols/d.json#x"}, "b": {"ref": "../protocols/d.json#x"}})");
  EXPECT_EQ(text(),
            "protocols/d.json:2: x.y.ref: there is no block 'c.json#fully_trian'; did you mean "
            "'c.json#fully_train'?");
}

TEST_F(RefsAcrossFiles, BadFilesAreReportedOnceWithTheirLine) {
  write("protocols/c.json", "{\n\"a\": }");
  resolve(R"({"a": {"ref": "../protocols/c.json#a"}, "b": {"ref": "../protocols/c.json#a"}})");
  EXPECT_EQ(text(),
            "pipelines/p.json:1: a.ref: protocols/c.json:2:6: unexpected '}', expected a value");
  write("protocols/c.json", "[]");
  resolve(R"({"a": {"ref": "../protocols/c.json#a"}})");
  EXPECT_THAT(text(), HasSubstr("a.ref: protocols/c.json:1:1: the file holds an empty list"));
}

TEST_F(RefsAcrossFiles, Cycles) {
  write("protocols/c.json", R"({"a": {"ref": "../pipelines/p.json#b"},
                                "c": {"ref": "c"}, "d": {"k": {"ref": "c.json#d"}}})");
  resolve(R"({"b": {"ref": "../protocols/c.json#a"}})");
  EXPECT_EQ(text(),
            "protocols/c.json:1: a.ref: the reference leads back to itself: pipelines/p.json#b -> "
            "protocols/c.json#a -> pipelines/p.json#b; write one of these blocks out");
  resolve(R"({"x": {"ref": "../protocols/c.json#c"}})");
  EXPECT_EQ(text(),
            "protocols/c.json:2: c.ref: the reference leads back to itself: c -> c; write one of "
            "these blocks out");
  resolve(R"({"x": {"ref": "../protocols/c.json#d"}})");
  EXPECT_EQ(text(),
            "protocols/c.json:2: d.k.ref: the reference leads back to itself: d -> d.k -> d; write "
            "one of these blocks out");
  resolve(R"({"x": {"ref": "p.json#x"}})");
  EXPECT_EQ(text(),
            "pipelines/p.json:1: x.ref: the reference leads back to itself: x -> x; write one of "
            "these blocks out");
}

TEST_F(RefsAcrossFiles, NoWholeFiles) {
  write("protocols/c.json", "{\"a\": {\"n\": 1},\n\"ref\": \"a\"}");
  resolve(R"({"x": {"ref": "../protocols/c.json#a"}, "y": {"ref": "../protocols/c.json#a"}})");
  EXPECT_EQ(text(),
            "protocols/c.json:2: ref: a whole file cannot be a reference; put \"ref\" into the "
            "blocks that need it");
}

TEST_F(RefsAcrossFiles, Limits) {
  for (int i = 0; i < 70; ++i) {  // a chain of files
    write("protocols/" + std::to_string(i) + ".json",
          "{\"a\": {\"ref\": \"" + std::to_string(i + 1) + ".json#a\"}}");
  }
  resolve(R"({"x": {"ref": "../protocols/0.json#a"}})");
  EXPECT_EQ(text(),
            "protocols/62.json:1: a.ref: references lead to more than 64 files; put what is shared "
            "into fewer files");
  write("protocols/big.json", "{\"a\": {}, \"b\": \"" + std::string(5 << 20, 'x') + "\"}");
  resolve(R"({"x": {"ref": "../protocols/big.json#a"}})");
  EXPECT_EQ(text(),
            "pipelines/p.json:1: x.ref: protocols/big.json is larger than 4 MiB; keep blocks that "
            "are shared in a small file");
  // Doubles with every level, through another file.
  std::string text = "{";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "{\"ref\": \"c.json#b" + std::to_string(i + 1) + "\"}";
    text += "\"b" + std::to_string(i) + "\": {\"x\": " + next + ", \"y\": " + next + "}, ";
  }
  write("protocols/c.json", text + "\"b40\": {\"z\": 1}}");
  resolve(R"({"x": {"ref": "../protocols/c.json#b0"}})");
  ASSERT_THAT(diagnostics_.problems(), SizeIs(1));
  EXPECT_THAT(this->text(), HasSubstr("references expand to more than 20000 values"));
}

}  // namespace
}  // namespace deneb::testing
