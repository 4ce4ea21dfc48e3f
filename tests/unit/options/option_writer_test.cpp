#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_options.h"

namespace deneb::testing {
namespace {

using ::testing::IsEmpty;

TEST(WriteOptions, DefaultsInDeclarationOrder) {
  Everything options;
  EXPECT_EQ(write_options(walk(options)).dump(),
            R"({"flag":true,"count":3,"large":5000000000,"rate":0.1,"text":"word","mode":"step",)"
            R"("bits":[4,8],"weights":[0.5,1.0],"parts":["backbone"],"words":"int8",)"
            R"("limit":null,"clip":5.0,)"
            R"("overrides":{"layer1.0.conv1":"int4"},"extra":{"free":1},)"
            R"("policy":{"num_generation":50,"num_individual":16},)"
            R"("objectives":[{"name":"accuracy","direction":"max"}],)"
            R"("optimizer":{"type":"SGD","lr":0.5}})");
  NoOptions none;
  EXPECT_EQ(write_options(walk(none)).dump(), "{}");
}

TEST(WriteOptions, RoundTrip) {
  Everything options;
  ASSERT_THAT(read_text(options, R"({
    "flag": false, "count": 7, "large": 9223372036854775807, "rate": 0.30000000000000004,
    "text": "\u00e4 \"quoted\"\n", "mode": "reset", "bits": [], "weights": [1e-300, 3],
    "parts": [], "words": ["a", "b"], "limit": 2, "clip": null, "overrides": {}, "extra": null,
    "policy": {"num_individual": 8}, "objectives": [{}, {"direction": "min"}],
    "network": {"type": "Wrapper", "inner": {"type": "ResNetCifar", "width": 3}},
    "optimizer": {"type": "Adam"}})"),
              IsEmpty());
  const nlohmann::ordered_json written = write_options(walk(options));
  Everything again;
  // Through text, as config.resolved.json goes.
  ASSERT_THAT(read_text(again, written.dump(2)), IsEmpty());
  EXPECT_EQ(write_options(walk(again)).dump(), written.dump());
  EXPECT_EQ(written["network"].dump(),
            R"({"type":"Wrapper","inner":{"type":"ResNetCifar","width":3,"depth":20},)"
            R"("optimizer":{"type":"SGD","lr":0.1,"nesterov":false,"momentum":0.9}})");
  EXPECT_EQ(written["words"].dump(), R"(["a","b"])");
  EXPECT_EQ(again.weights[0], 1e-300);
  EXPECT_EQ(again.rate, 0.30000000000000004);
}

TEST(OptionRows, OneForEachKey) {
  Everything options;
  std::string table;
  for (const OptionRow& row : option_rows(walk(options))) {
    table += row.key + " | " + row.type + " | " + row.value + " | " + row.range + " | " + row.help +
             "\n";
  }
  EXPECT_EQ(table, R"(flag | boolean | true |  | a switch
count | integer | 3 | 1 .. 100000 | how many
large | integer | 5000000000 |  | a wide integer
rate | number | 0.1 | 0 .. 1 | a fraction
text | string | "word" |  | any text
mode | string | "step" | one of reset, step, cosine | a choice
bits | list of integers | [4,8] | 1 .. 16 | bit widths
weights | list of numbers | [0.5,1.0] | >= 0 | weights
parts | list of strings | ["backbone"] | one of backbone, head | parts
words | string or list of strings | "int8" |  | a word or several
limit | integer or null | null | 1 .. 10 | optional integer
clip | number or null | 5.0 | 0 .. 1000 | optional number
overrides | object of strings | {"layer1.0.conv1":"int4"} |  | format by layer name
extra | any JSON value | {"free":1} |  | anything
policy | group |  |  | a group
policy.num_generation | integer | 50 | 1 .. 1000000 | generations to run
policy.num_individual | integer | 16 | 4 .. 100000 | individuals kept
objectives | list of groups | [{"name":"accuracy","direction":"max"}] |  | a list of groups
objectives[].name | string | "accuracy" |  | metric
objectives[].direction | string | "max" | one of max, min | which way is better
network | network plugin |  | required | required plugin
optimizer | optimizer plugin | "SGD" |  | plugin with a default
cost | cost_model plugin |  |  | optional plugin
)");
}

TEST(OptionRows, Ranges) {
  struct Ranges {
    double low = 0, high = 0, tiny = 0, huge = 0, wide = 0;
    void visit(OptionVisitor& v) {
      const double infinity = std::numeric_limits<double>::infinity();
      v("low", low, "", {-2.5});
      v("high", high, "", {-infinity, 7});
      v("tiny", tiny, "", {1e-9, 0.5});
      v("huge", huge, "", {0, 1e30});
      v("wide", wide, "", {-9e15, 9e15});
    }
  } options;
  const std::vector<OptionRow> rows = option_rows(walk(options));
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].range, ">= -2.5");
  EXPECT_EQ(rows[1].range, "<= 7");
  EXPECT_EQ(rows[2].range, "1e-09 .. 0.5");
  EXPECT_EQ(rows[3].range, "0 .. 1e+30");
  EXPECT_EQ(rows[4].range, "-9000000000000000 .. 9000000000000000");
}

/// A group that may hold groups of its own kind ends somewhere.
struct Tree {
  int value = 1;
  std::vector<Tree> children;
  template <class V>
  void visit(V& v) {
    v("value", value, "a number");
    v("children", children, "subtrees");
  }
};

TEST(OptionRows, RecursiveGroupsEnd) {
  Tree tree;
  EXPECT_EQ(option_rows(walk(tree)).size(), 18u);  // nine levels of two keys
  EXPECT_EQ(options_schema(walk(tree))["type"], "object");
  EXPECT_THAT(read_text(tree, R"({"children": [{"children": [{"value": 5}]}]})"), IsEmpty());
  EXPECT_EQ(tree.children[0].children[0].value, 5);
  EXPECT_EQ(write_options(walk(tree)).dump(),
            R"({"value":1,"children":[{"value":1,"children":[{"value":5,"children":[]}]}]})");
}

}  // namespace
}  // namespace deneb::testing
