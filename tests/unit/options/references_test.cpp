#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_options.h"

namespace deneb::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Resolved {
  ConfigDocument document;
  std::vector<std::string> problems;
  std::string text;
};

Resolved resolve(const std::string& text) {
  Resolved result;
  result.document = parse_config(text, "p.json");
  Diagnostics diagnostics;
  diagnostics.set_lines(&result.document);
  resolve_refs(result.document, diagnostics);
  result.problems = found(diagnostics);
  result.text = diagnostics.text("p.json");
  return result;
}
std::string value_of(const std::string& text) {
  const Resolved result = resolve(text);
  return result.problems.empty() ? result.document.value.dump() : result.text;
}

TEST(ResolveRefs, NothingToDo) {
  const std::string text = "{\"a\":{\"b\":[1,{\"c\":\"ref\"}]}}";
  EXPECT_EQ(value_of(text), text);
  EXPECT_EQ(resolve(text).document.lines, parse_config(text, "").lines);
}

TEST(ResolveRefs, LocalKeysOverride) {
  EXPECT_EQ(value_of(R"({
    "nas": {"trainer": {"type": "Trainer", "epochs": 1, "data": {"batch": 8, "seed": 1}}},
    "fully_train": {"trainer": {"ref": "nas.trainer", "epochs": 400, "data": {"batch": 64}, "n": 1}}
  })"),
            R"({"nas":{"trainer":{"type":"Trainer","epochs":1,"data":{"batch":8,"seed":1}}},)"
            R"("fully_train":{"trainer":{"type":"Trainer","epochs":400,)"
            R"("data":{"batch":64,"seed":1},"n":1}}})");
}

TEST(ResolveRefs, ListsAndPlainValuesReplace) {
  EXPECT_EQ(value_of(R"({"a": {"l": [1, 2], "o": {"x": 1}, "p": 3},
                        "b": {"ref": "a", "l": [], "o": 5, "p": {"y": 2}}})"),
            R"({"a":{"l":[1,2],"o":{"x":1},"p":3},"b":{"l":[],"o":5,"p":{"y":2}}})");
}

TEST(ResolveRefs, NestedBlockOfAnotherTypeReplaces) {
  EXPECT_EQ(value_of(R"({
    "a": {"optimizer": {"type": "SGD", "momentum": 0.9}, "data": {"type": "D", "n": 1}},
    "b": {"ref": "a", "optimizer": {"type": "Adam"}, "data": {"type": "D", "m": 2}}})"),
            R"({"a":{"optimizer":{"type":"SGD","momentum":0.9},"data":{"type":"D","n":1}},)"
            R"("b":{"optimizer":{"type":"Adam"},"data":{"type":"D","n":1,"m":2}}})");
}

TEST(ResolveRefs, AnyDepthAndLists) {
  EXPECT_EQ(value_of(R"({"d": [{"n": 1}, {"n": 2, "k": 0}],
                        "e": {"f": [0, {"ref": "d[1]", "n": 3}, [{"ref": "d.0"}]]}})"),
            R"({"d":[{"n":1},{"n":2,"k":0}],"e":{"f":[0,{"n":3,"k":0},[{"n":1}]]}})");
}

TEST(ResolveRefs, ChainsInAnyOrder) {
  EXPECT_EQ(value_of(R"({"a": {"ref": "b", "x": 1}, "b": {"ref": "c", "y": 2}, "c": {"z": 3}})"),
            R"({"a":{"z":3,"y":2,"x":1},"b":{"z":3,"y":2},"c":{"z":3}})");
  EXPECT_EQ(value_of(R"({"c": {"z": 3}, "b": {"ref": "c"}, "a": {"ref": "b", "z": 4}})"),
            R"({"c":{"z":3},"b":{"z":3},"a":{"z":4}})");
}

TEST(ResolveRefs, TargetsInsideOtherReferences) {
  // The target exists only once another ref is resolved.
  EXPECT_EQ(value_of(R"({"a": {"opt": {"lr": 1}}, "b": {"ref": "a"}, "c": {"ref": "b.opt"}})"),
            R"({"a":{"opt":{"lr":1}},"b":{"opt":{"lr":1}},"c":{"lr":1}})");
  // The target holds a ref itself.
  EXPECT_EQ(value_of(R"({"a": {"opt": {"ref": "o", "m": 2}}, "o": {"lr": 1}, "c": {"ref": "a"}})"),
            R"({"a":{"opt":{"lr":1,"m":2}},"o":{"lr":1},"c":{"opt":{"lr":1,"m":2}}})");
  // A local block with a ref is resolved before it is merged.
  EXPECT_EQ(value_of(R"({"a": {"opt": {"lr": 1, "k": 0}}, "o": {"lr": 5},
                        "c": {"ref": "a", "opt": {"ref": "o"}}})"),
            R"({"a":{"opt":{"lr":1,"k":0}},"o":{"lr":5},"c":{"opt":{"lr":5,"k":0}}})");
  // A sibling below the same parent is no cycle.
  EXPECT_EQ(value_of(R"({"nas": {"a": {"x": 1}, "b": {"ref": "nas.a"}}})"),
            R"({"nas":{"a":{"x":1},"b":{"x":1}}})");
}

TEST(ResolveRefs, Lines) {
  const Resolved result = resolve(R"({
  "a": {
    "x": 1,
    "deep": {
      "y": [
        2]}
  },
  "b": {
    "ref": "a",
    "deep": {"z": 3},
    "w": 4
  }
})");
  ASSERT_THAT(result.problems, IsEmpty());
  const std::map<std::string, int> lines = {
      {"", 1},         {"a", 2},   {"a.x", 3},  {"a.deep", 4},  {"a.deep.y", 5}, {"a.deep.y[0]", 6},
      {"b", 8},        {"b.x", 3}, {"b.w", 11}, {"b.deep", 10}, {"b.deep.y", 5}, {"b.deep.y[0]", 6},
      {"b.deep.z", 10}};
  EXPECT_EQ(result.document.lines, lines);
}

TEST(ResolveRefs, MissingTargets) {
  EXPECT_THAT(resolve(R"({"nas": {"trainer": {"a": 1}}, "t": {"ref": "nas.trianer"}})").problems,
              ElementsAre("t.ref: there is no block 'nas.trianer'; did you mean 'nas.trainer'?"));
  EXPECT_THAT(resolve(R"({"nas": {"trainer": {"a": 1}}, "t": {"ref": "quux"}})").problems,
              ElementsAre("t.ref: there is no block 'quux'; give the full path of a block in this "
                          "file"));
  EXPECT_THAT(resolve(R"({"search": {"a": {}}, "t": {"ref": "search.optimizer_block"}})").problems,
              ElementsAre("t.ref: there is no block 'search.optimizer_block'; did you mean "
                          "'search'?"));
  EXPECT_THAT(resolve(R"({"l": [{"x": 1}], "t": {"ref": "l[1]"}})").problems,
              ElementsAre("t.ref: there is no block 'l[1]'; did you mean 'l[0]'?"));
}

// Suggestions are looked for a few times only: each compares with every block. This took minutes.
TEST(ResolveRefs, ManyMissingTargets) {
  std::string text = "{";
  for (int i = 0; i < 1500; ++i) {
    text += (i ? ",\"layer" : "\"layer") + std::to_string(i) +
            ".block.convolution\": {\"ref\": \"layer" + std::to_string(i) +
            ".blocks.convolution\"}";
  }
  const auto problems = resolve(text + "}").problems;
  ASSERT_EQ(problems.size(), 1500u);
  EXPECT_THAT(problems.front(), ::testing::HasSubstr("did you mean"));
  EXPECT_THAT(problems.back(), ::testing::HasSubstr("give the full path of a block"));
}

TEST(ResolveRefs, BadTargets) {
  const auto problem = [](const std::string& ref) {
    const auto problems =
        resolve(R"({"a": {"n": 1, "l": [1]}, "t": {"ref": )" + ref + "}}").problems;
    return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
  };
  EXPECT_EQ(problem("\"a.n\""),
            "t.ref: 'a.n' is number 1, expected an object; name the block around it");
  EXPECT_EQ(problem("\"a.l\""),
            "t.ref: 'a.l' is list [1], expected an object; name the block around it");
  EXPECT_EQ(
      problem("\"a.n.x\""),
      "t.ref: there is no block 'a.n.x' ('a.n' exists); give the full path of a block in this "
      "file");
  EXPECT_EQ(problem("5"),
            "t.ref: got number 5, expected the path of a block, such as \"nas.trainer\" or "
            "\"../other.json#nas.trainer\"");
  EXPECT_EQ(problem("\"\""),
            "t.ref: got string \"\", expected the path of a block, such as \"nas.trainer\" or "
            "\"../other.json#nas.trainer\"");
  EXPECT_EQ(problem("{\"a\": 1}"),
            "t.ref: got an object, expected the path of a block, such as \"nas.trainer\" or "
            "\"../other.json#nas.trainer\"");
  EXPECT_EQ(problem("\"a..n\""), "t.ref: 'a..n' is no path: a key is empty");
  EXPECT_EQ(problem("\"a[x]\""),
            "t.ref: 'a[x]' is no path: list elements are written [0], [1], ...");
}

TEST(ResolveRefs, Cycles) {
  EXPECT_THAT(resolve(R"({"a": {"ref": "a"}})").problems,
              ElementsAre("a.ref: the reference leads back to itself: a -> a; write one of these "
                          "blocks out"));
  EXPECT_THAT(resolve(R"({"a": {"ref": "b"}, "b": {"ref": "c"}, "c": {"ref": "a"}})").problems,
              ElementsAre("c.ref: the reference leads back to itself: a -> b -> c -> a; write one "
                          "of these blocks out"));
  EXPECT_THAT(resolve(R"({"a": {"x": {"ref": "a"}}})").problems,
              ElementsAre("a.x.ref: the reference leads back to itself: a -> a.x -> a; write one "
                          "of these blocks out"));
  EXPECT_THAT(resolve(R"({"a": {"x": {"ref": "b"}}, "b": {"y": {"ref": "a"}}})").problems,
              ElementsAre("b.y.ref: the reference leads back to itself: a -> a.x -> b.y -> a; "
                          "write one of these blocks out"));
  EXPECT_THAT(resolve(R"({"a": {"x": {"ref": "b"}}, "b": {"x": {"ref": "c"}},
                         "c": {"x": {"ref": "b"}}})")
                  .problems,
              ElementsAre("c.x.ref: the reference leads back to itself: b -> b.x -> c.x -> b; "
                          "write one of these blocks out"));
  EXPECT_THAT(resolve(R"({"a": {"ref": "a.b"}})").problems,
              ElementsAre("a.ref: the reference leads back to itself: a -> a; write one of these "
                          "blocks out"));
}

TEST(ResolveRefs, NoWholeDocument) {
  EXPECT_THAT(resolve(R"({"ref": "a", "a": {}})").problems,
              ElementsAre("ref: a whole file cannot be a reference; put \"ref\" into the blocks "
                          "that need it"));
}

TEST(ResolveRefs, FailedBlocksStayAndOthersResolve) {
  const Resolved result =
      resolve(R"({"a": {"x": 1}, "bad": {"ref": "nope", "k": 1}, "worse": {"ref": "bad"},
                  "good": {"ref": "a"}})");
  EXPECT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.document.value.dump(),
            R"({"a":{"x":1},"bad":{"ref":"nope","k":1},"worse":{"ref":"bad"},"good":{"x":1}})");
}

TEST(ResolveRefs, ProblemsHaveTheLineOfTheReference) {
  EXPECT_EQ(resolve("{\n\"a\": {\n\"k\": 1,\n\"ref\": \"quux\"}}").text,
            "p.json:4: a.ref: there is no block 'quux'; give the full path of a block in this "
            "file");
}

TEST(ResolveRefs, ExpansionIsLimited) {
  std::string text = "{";  // doubles with every level
  for (int i = 0; i < 40; ++i) {
    const std::string next = "b" + std::to_string(i + 1);
    text += "\"b" + std::to_string(i) + "\": {\"x\": {\"ref\": \"" + next +
            "\"}, \"y\": {\"ref\": \"" + next + "\"}}, ";
  }
  const auto wide = resolve(text + "\"b40\": {\"z\": 1}}").problems;
  ASSERT_EQ(wide.size(), 1u);
  EXPECT_THAT(wide[0], ::testing::HasSubstr("references expand to more than 20000 values"));

  text = "{\"b0\": {\"z\": 1}";  // one level deeper each time
  for (int i = 1; i < 200; ++i) {
    text +=
        ", \"b" + std::to_string(i) + "\": {\"x\": {\"ref\": \"b" + std::to_string(i - 1) + "\"}}";
  }
  const auto deep = resolve(text + "}").problems;
  ASSERT_FALSE(deep.empty());
  EXPECT_THAT(deep[0], ::testing::HasSubstr("references nest deeper than 100 levels"));

  text = "{";  // a chain that is followed before anything is known
  for (int i = 0; i < 3000; ++i) {
    text += "\"b" + std::to_string(i) + "\": {\"ref\": \"b" + std::to_string(i + 1) + "\"}, ";
  }
  const auto chain = resolve(text + "\"b3000\": {}}").problems;
  ASSERT_FALSE(chain.empty());
  EXPECT_THAT(chain[0], ::testing::HasSubstr("references chain through too many blocks"));
}

}  // namespace
}  // namespace deneb::testing
