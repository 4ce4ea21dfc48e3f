#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_options.h"

namespace deneb::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Reads one key of Everything, with the required network there.
std::vector<std::string> read_one(const std::string& key_and_value, Everything& options) {
  return read_text(options, "{\"network\": {\"type\": \"Mlp\"}, " + key_and_value + "}");
}
std::string problem_of(const std::string& key_and_value) {
  Everything options;
  const auto problems = read_one(key_and_value, options);
  if (problems.size() != 1) return std::to_string(problems.size()) + " problems";
  return problems.front();
}

TEST(ReadOptions, MissingKeysKeepDefaults) {
  Everything options;
  EXPECT_THAT(read_text(options, R"({"network": {"type": "Mlp"}})"), IsEmpty());
  const Everything fresh;
  EXPECT_EQ(options.count, fresh.count);
  EXPECT_EQ(options.bits, fresh.bits);
  EXPECT_EQ(options.overrides, fresh.overrides);
  EXPECT_EQ(options.objectives.size(), 1u);
  EXPECT_EQ(options.network.type, "Mlp");
  EXPECT_EQ(options.network.options, nlohmann::ordered_json::object());
  EXPECT_FALSE(options.cost);
  // The default plugin is complete, too.
  EXPECT_EQ(options.optimizer.type, "SGD");
  EXPECT_EQ(options.optimizer.options.dump(), R"({"lr":0.5,"nesterov":false,"momentum":0.9})");
}

TEST(ReadOptions, ReadsEveryType) {
  Everything o;
  EXPECT_THAT(read_text(o, R"({
    "flag": false, "count": 7, "large": -9000000000, "rate": 1, "text": "", "mode": "cosine",
    "bits": [2], "weights": [1, 2.5], "parts": ["head", "backbone"],
    "words": ["int4", "uint8"], "limit": 4, "clip": null,
    "overrides": {"conv*": "int8"}, "extra": [null, {"a": "b"}],
    "policy": {"num_individual": 8},
    "objectives": [{"name": "flops", "direction": "min"}, {}],
    "network": {"type": "ResNetCifar", "depth": 56},
    "optimizer": {"type": "Adam"}})"),
              IsEmpty());
  EXPECT_FALSE(o.flag);
  EXPECT_EQ(o.count, 7);
  EXPECT_EQ(o.large, -9000000000);
  EXPECT_EQ(o.rate, 1.0);
  EXPECT_EQ(o.text, "");
  EXPECT_EQ(o.mode, "cosine");
  EXPECT_EQ(o.bits, std::vector<int>({2}));
  EXPECT_EQ(o.weights, std::vector<double>({1.0, 2.5}));
  EXPECT_EQ(o.parts, std::vector<std::string>({"head", "backbone"}));
  EXPECT_THAT(o.words.list, ElementsAre("int4", "uint8"));
  EXPECT_EQ(o.limit, 4);
  EXPECT_EQ(o.clip, std::nullopt);
  EXPECT_EQ(o.overrides, (std::map<std::string, std::string>{{"conv*", "int8"}}));
  EXPECT_EQ(o.extra.dump(), R"([null,{"a":"b"}])");
  EXPECT_EQ(o.policy.num_individual, 8);
  EXPECT_EQ(o.policy.num_generation, 50);
  ASSERT_EQ(o.objectives.size(), 2u);
  EXPECT_EQ(o.objectives[0].name, "flops");
  EXPECT_EQ(o.objectives[1].name, "accuracy");
  EXPECT_EQ(o.network.options.dump(), R"({"width":16,"depth":56})");
  EXPECT_EQ(o.optimizer.type, "Adam");
  EXPECT_EQ(o.optimizer.options.dump(), "{}");
}

TEST(ReadOptions, Integers) {
  EXPECT_EQ(problem_of(R"("count": "ten")"),
            R"(x.count: got string "ten", expected an integer (1 .. 100000))");
  EXPECT_EQ(problem_of(R"("count": 5.0)"),
            "x.count: got number 5.0, expected an integer (1 .. 100000); write 5");
  EXPECT_EQ(problem_of(R"("count": 2.5)"),
            "x.count: got number 2.5, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": -3)"),
            "x.count: got number -3, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": 0)"),
            "x.count: got number 0, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": 100001)"),
            "x.count: got number 100001, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": 5000000000)"),
            "x.count: got number 5000000000, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": true)"), "x.count: got true, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": null)"), "x.count: got null, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": [1])"),
            "x.count: got list [1], expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("count": {})"),
            "x.count: got an empty object, expected an integer (1 .. 100000)");
  EXPECT_EQ(problem_of(R"("large": 1e300)"), "x.large: got number 1e+300, expected an integer");
  const std::string wide = "expected an integer (-9223372036854775808 .. 9223372036854775807)";
  EXPECT_EQ(problem_of(R"("large": 18446744073709551615)"),
            "x.large: got number 18446744073709551615, " + wide);
  EXPECT_EQ(problem_of(R"("large": 9223372036854775808)"),
            "x.large: got number 9223372036854775808, " + wide);
  Everything options;
  EXPECT_THAT(read_one(R"("count": 1)", options), IsEmpty());
  EXPECT_THAT(read_one(R"("count": 100000)", options), IsEmpty());
  EXPECT_THAT(read_one(R"("large": 9223372036854775807)", options), IsEmpty());
  EXPECT_EQ(options.large, std::numeric_limits<std::int64_t>::max());
}

TEST(ReadOptions, UnlimitedIntegerKeepsToItsType) {
  struct Plain {
    int n = 0;
    void visit(OptionVisitor& v) { v("n", n, "any"); }
  } options;
  EXPECT_THAT(read_text(options, R"({"n": 2147483648})"),
              ElementsAre("x.n: got number 2147483648, expected an integer (-2147483648 .. "
                          "2147483647)"));
  EXPECT_EQ(options.n, 0);
  EXPECT_THAT(read_text(options, R"({"n": -2147483648})"), IsEmpty());
  EXPECT_EQ(options.n, std::numeric_limits<int>::min());
}

TEST(ReadOptions, Numbers) {
  EXPECT_EQ(problem_of(R"("rate": "0.1")"),
            R"(x.rate: got string "0.1", expected a number (0 .. 1))");
  EXPECT_EQ(problem_of(R"("rate": 1.5)"), "x.rate: got number 1.5, expected a number (0 .. 1)");
  EXPECT_EQ(problem_of(R"("rate": -1)"), "x.rate: got number -1, expected a number (0 .. 1)");
  EXPECT_EQ(problem_of(R"("rate": false)"), "x.rate: got false, expected a number (0 .. 1)");
  Everything options;
  EXPECT_THAT(read_one(R"("rate": 0)", options), IsEmpty());
  EXPECT_EQ(options.rate, 0.0);
  // Only C++ code can bring these.
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    Diagnostics diagnostics;
    read_options(walk(options), {{"rate", bad}, {"network", {{"type", "Mlp"}}}}, "x", FakeCatalog(),
                 diagnostics);
    EXPECT_THAT(found(diagnostics),
                ElementsAre("x.rate: got a number that is not finite, expected a finite number"));
  }
}

TEST(ReadOptions, BooleansAndStrings) {
  EXPECT_EQ(problem_of(R"("flag": 1)"), "x.flag: got number 1, expected true or false");
  EXPECT_EQ(problem_of(R"("flag": "true")"),
            R"(x.flag: got string "true", expected true or false)");
  EXPECT_EQ(problem_of(R"("text": 5)"), R"(x.text: got number 5, expected a string; write "5")");
  EXPECT_EQ(problem_of(R"("text": true)"), R"(x.text: got true, expected a string; write "true")");
  EXPECT_EQ(problem_of(R"("text": null)"), "x.text: got null, expected a string");
  EXPECT_EQ(problem_of(R"("text": ["a"])"), R"(x.text: got list ["a"], expected a string)");
  EXPECT_EQ(
      problem_of(R"("mode": "setp")"),
      R"(x.mode: got string "setp", expected one of reset, step, cosine; did you mean "step"?)");
  EXPECT_EQ(problem_of(R"("mode": "linear")"),
            R"(x.mode: got string "linear", expected one of reset, step, cosine)");
  EXPECT_EQ(problem_of(R"("mode": 1)"),
            R"(x.mode: got number 1, expected one of reset, step, cosine; write "1")");
}

TEST(ReadOptions, Lists) {
  EXPECT_EQ(problem_of(R"("bits": 4)"),
            "x.bits: got number 4, expected a list of integers; write [4]");
  EXPECT_EQ(problem_of(R"("bits": {"a": 4})"),
            "x.bits: got an object, expected a list of integers");
  EXPECT_EQ(problem_of(R"("bits": null)"), "x.bits: got null, expected a list of integers");
  EXPECT_EQ(problem_of(R"("weights": [1, -0.5])"),
            "x.weights[1]: got number -0.5, expected a number (>= 0)");
  EXPECT_EQ(problem_of(R"("parts": "head")"),
            R"(x.parts: got string "head", expected a list of strings; write ["head"])");
  EXPECT_EQ(
      problem_of(R"("parts": ["haed"])"),
      R"(x.parts[0]: got string "haed", expected one of backbone, head; did you mean "head"?)");
  Everything options;
  EXPECT_THAT(read_one(R"("bits": [4, 17, "8", 0])", options),
              ElementsAre("x.bits[1]: got number 17, expected an integer (1 .. 16)",
                          "x.bits[2]: got string \"8\", expected an integer (1 .. 16)",
                          "x.bits[3]: got number 0, expected an integer (1 .. 16)"));
  EXPECT_EQ(options.bits, std::vector<int>({4, 8}));  // untouched
  EXPECT_THAT(read_one(R"("bits": [])", options), IsEmpty());
  EXPECT_TRUE(options.bits.empty());
}

TEST(ReadOptions, WordsAreOneOrSeveral) {
  Everything options;
  EXPECT_THAT(read_one(R"("words": "e2m1")", options), IsEmpty());
  EXPECT_THAT(options.words.list, ElementsAre("e2m1"));
  EXPECT_THAT(read_one(R"("words": [])", options), IsEmpty());
  EXPECT_THAT(options.words.list, IsEmpty());
  EXPECT_EQ(problem_of(R"("words": 8)"),
            R"(x.words: got number 8, expected a string or a list of strings; write "8")");
  EXPECT_EQ(problem_of(R"("words": {"a": 1})"),
            "x.words: got an object, expected a string or a list of strings");
  EXPECT_EQ(problem_of(R"("words": ["a", 8])"),
            R"(x.words[1]: got number 8, expected a string; write "8")");
}

TEST(ReadOptions, OptionalsAndMaps) {
  EXPECT_EQ(problem_of(R"("limit": 11)"), "x.limit: got number 11, expected an integer (1 .. 10)");
  EXPECT_EQ(problem_of(R"("clip": "none")"),
            R"(x.clip: got string "none", expected a number (0 .. 1000))");
  EXPECT_EQ(problem_of(R"("overrides": ["a"])"),
            R"(x.overrides: got list ["a"], expected an object of strings)");
  EXPECT_EQ(problem_of(R"("overrides": {"conv1": 4})"),
            R"(x.overrides.conv1: got number 4, expected a string; write "4")");
  EXPECT_EQ(problem_of(R"("policy": null)"), "x.policy: got null, expected an object { ... }");
  EXPECT_EQ(problem_of(R"("network2": null)"), "x.network2: unknown key; did you mean 'network'?");
}

TEST(ReadOptions, LongValuesAreCut) {
  const std::string problem = problem_of("\"count\": \"" + std::string(500, 'y') + "\"");
  EXPECT_EQ(problem, "x.count: got string \"" + std::string(59, 'y') +
                         "..., expected an integer (1 .. 100000)");
  // Not in the middle of a character.
  std::string accents = "\"";
  for (int i = 0; i < 100; ++i) accents += "\u00e4";
  EXPECT_THAT(problem_of("\"count\": " + accents + "\""),
              ::testing::HasSubstr("\u00e4..., expected"));
}

TEST(ReadOptions, UnknownKeys) {
  ResNetOptions options;
  EXPECT_THAT(read_text(options, R"({"widht": 3, "batch": 1})", "nas.model"),
              ElementsAre("nas.model.batch: unknown key; expected one of width, depth",
                          "nas.model.widht: unknown key; did you mean 'width'?"));
  EXPECT_THAT(read_text(options, R"({"widht": 3})", ""),
              ElementsAre("widht: unknown key; did you mean 'width'?"));
  NoOptions none;
  EXPECT_THAT(read_text(none, R"({"a": 3})"),
              ElementsAre("x.a: unknown key; there are no options here, remove it"));
  EXPECT_EQ(problem_of(R"("policy": {"num_generations": 3})"),
            "x.policy.num_generations: unknown key; did you mean 'num_generation'?");
}

TEST(ReadOptions, IgnoredKeys) {
  ResNetOptions options;
  Diagnostics diagnostics;
  read_options(walk(options), {{"type", "ResNetCifar"}, {"width", 8}, {"note", 1}}, "x",
               FakeCatalog(), diagnostics, {"type", "note"});
  EXPECT_TRUE(diagnostics.empty());
  EXPECT_EQ(options.width, 8);
}

TEST(ReadOptions, GroupsAndLists) {
  EXPECT_EQ(problem_of(R"("policy": 5)"), "x.policy: got number 5, expected an object { ... }");
  EXPECT_EQ(problem_of(R"("objectives": {"name": "flops"})"),
            "x.objectives: got an object, expected a list of objects [{ ... }]");
  EXPECT_EQ(problem_of(R"("objectives": ["flops"])"),
            R"(x.objectives[0]: got string "flops", expected an object { ... })");
  Everything options;
  EXPECT_THAT(
      read_one(R"("objectives": [{}, {"nam": 1, "direction": "mix"}])", options),
      ElementsAre(R"(x.objectives[1].direction: got string "mix", expected one of max, min; )"
                  R"(did you mean "max"?)",
                  "x.objectives[1].nam: unknown key; did you mean 'name'?"));
  EXPECT_THAT(read_one(R"("objectives": [])", options), IsEmpty());
  EXPECT_TRUE(options.objectives.empty());
}

TEST(ReadOptions, ObjectExpected) {
  ResNetOptions options;
  EXPECT_THAT(read_text(options, "[1]", "nas.model"),
              ElementsAre("nas.model: got list [1], expected an object { ... }"));
  Everything everything;  // no complaint about the missing network on top
  EXPECT_THAT(read_text(everything, "null", ""),
              ElementsAre("got null, expected an object { ... }"));
}

TEST(ReadOptions, ChecksRunOnlyOnWellReadStructs) {
  EXPECT_EQ(problem_of(R"("policy": {"num_individual": 10})"),
            "x.policy.num_individual: 10 is not a multiple of 4; use 8 or 12");
  EXPECT_EQ(problem_of(R"("policy": {"num_individual": 10, "num_generation": "x"})"),
            R"(x.policy.num_generation: got string "x", expected an integer (1 .. 1000000))");
  EXPECT_EQ(problem_of(R"("optimizer": {"type": "SGD", "nesterov": true, "momentum": 0})"),
            "x.optimizer: nesterov without momentum; set momentum");
  // An unknown key does not hide the rules.
  Everything options;
  EXPECT_THAT(read_one(R"("policy": {"num_individual": 10, "zzz": 1})", options),
              ElementsAre("x.policy.num_individual: 10 is not a multiple of 4; use 8 or 12",
                          "x.policy.zzz: unknown key; expected one of num_generation, "
                          "num_individual"));
}

TEST(ReadOptions, RulesOfAnOuterStructWaitForItsGroups) {
  struct Outer {
    Policy policy;
    PluginSpec network{"Mlp", {}};
    mutable int checks = 0;
    void visit(OptionVisitor& v) {
      v("policy", policy, "group");
      v.plugin("network", network, "network", "plugin");
    }
    void check(OptionErrors&) const { ++checks; }
  };
  Outer outer;
  read_text(outer, "{}");
  EXPECT_EQ(outer.checks, 1);
  read_text(outer, R"({"policy": {"num_individual": 0}})");
  EXPECT_EQ(outer.checks, 1);
  read_text(outer, R"({"policy": {"num_individual": 10}})");  // its own rule failed
  EXPECT_EQ(outer.checks, 1);
  read_text(outer, R"({"network": {"type": "Nope"}})");
  EXPECT_EQ(outer.checks, 1);
  outer.policy = Policy();
  // Mistakes inside a plugin are no concern of the outer rules.
  EXPECT_EQ(read_text(outer, R"({"network": {"type": "Mlp", "a": 1}})").size(), 1u);
  EXPECT_EQ(outer.checks, 2);
}

TEST(ReadOptions, Plugins) {
  Everything options;
  EXPECT_THAT(
      read_text(options, "{}"),
      ElementsAre(R"(x.network: missing; expected a network block such as {"type": "Mlp"})"));
  EXPECT_EQ(problem_of(R"("optimizer": null)"),
            R"(x.optimizer: got null, expected an optimizer block; write {"type": "Adam"})");
  EXPECT_EQ(problem_of(R"("optimizer": "SGD")"),
            R"(x.optimizer: got string "SGD", expected an optimizer block; write {"type": "SGD"})");
  EXPECT_EQ(
      problem_of(R"("optimizer": "sdg")"),
      R"(x.optimizer: got string "sdg", expected an optimizer block; write {"type": "Adam"})");
  EXPECT_EQ(
      problem_of(R"("optimizer": [])"),
      R"(x.optimizer: got an empty list, expected an optimizer block; write {"type": "Adam"})");
  EXPECT_THAT(read_text(options, R"({"network": {"width": 1}})"),
              ElementsAre(R"(x.network: "type" is missing; name a network as in {"type": "Mlp"})"));
  EXPECT_THAT(read_text(options, R"({"network": {"tpye": "Mlp"}})"),
              ElementsAre(R"(x.network: "type" is missing (misspelled as "tpye"?); name a network )"
                          R"(as in {"type": "Mlp"})"));
  EXPECT_EQ(problem_of(R"("optimizer": {"type": 5})"),
            "x.optimizer.type: got number 5, expected the name of an optimizer");
  EXPECT_EQ(problem_of(R"("cost": {"type": "BitOps"})"),
            R"(x.cost.type: unknown cost_model "BitOps"; no cost_model plugin is loaded, )"
            R"(check "plugins" and --plugin)");
  EXPECT_EQ(read_text(options, R"({"network": {"type": "ResNetCifer"}})").at(0),
            R"(x.network.type: unknown network "ResNetCifer"; did you mean "ResNetCifar"? )"
            R"((one of Mlp, ResNetCifar, Wrapper))");
  EXPECT_EQ(read_text(options, R"({"network": {"type": "Vgg"}})").at(0),
            R"(x.network.type: unknown network "Vgg"; expected one of Mlp, ResNetCifar, Wrapper)");
}

// The member's plugin is SGD with lr 0.5; SGD's own lr is 0.1.
TEST(ReadOptions, BlocksWithoutATypeAreOfTheDefaultPlugin) {
  const auto read = [](const std::string& block) {
    Everything options;
    EXPECT_THAT(read_one("\"optimizer\": " + block, options), IsEmpty()) << block;
    return options.optimizer.type + options.optimizer.options.dump();
  };
  EXPECT_EQ(read(R"({})"), R"(SGD{"lr":0.5,"nesterov":false,"momentum":0.9})");
  EXPECT_EQ(read(R"({"momentum": 0.8})"), R"(SGD{"lr":0.5,"nesterov":false,"momentum":0.8})");
  EXPECT_EQ(read(R"({"lr": 1})"), R"(SGD{"lr":1.0,"nesterov":false,"momentum":0.9})");
  EXPECT_EQ(read(R"({"type": "SGD", "momentum": 0.8})"),
            R"(SGD{"lr":0.1,"nesterov":false,"momentum":0.8})");
  EXPECT_EQ(read(R"({"type": "Adam"})"), "Adam{}");
  EXPECT_EQ(problem_of(R"("optimizer": {"lr": "big"})"),
            R"(x.optimizer.lr: got string "big", expected a number (0 .. 100))");
  EXPECT_EQ(problem_of(R"("optimizer": {"tpye": "Adam"})"),
            "x.optimizer.tpye: unknown key; did you mean 'type'?");
  EXPECT_EQ(problem_of(R"("optimizer": {"widht": 1})"),
            "x.optimizer.widht: unknown key; expected one of lr, nesterov, momentum");
  // An optional plugin without a default is none, either.
  EXPECT_EQ(problem_of(R"("cost": {})"),
            R"(x.cost: "type" is missing; name a cost_model as in {"type": "..."})");
}

TEST(ReadOptions, NestedBlocksWithoutATypeAreLaidOverTheDefault) {
  struct Outer {
    PluginSpec network{"Wrapper",
                       {{"inner", {{"type", "ResNetCifar"}, {"depth", 56}}},
                        {"optimizer", {{"type", "SGD"}, {"momentum", 0.5}}}}};
    void visit(OptionVisitor& v) { v.plugin("network", network, "network", "plugin"); }
  };
  const auto read = [](const std::string& block) {
    Outer outer;
    EXPECT_THAT(read_text(outer, "{\"network\": " + block + "}"), IsEmpty()) << block;
    return outer.network.options.dump();
  };
  EXPECT_EQ(read(R"({"inner": {"width": 4}, "optimizer": {"lr": 1}})"),
            R"({"inner":{"type":"ResNetCifar","width":4,"depth":56},)"
            R"("optimizer":{"type":"SGD","lr":1.0,"nesterov":false,"momentum":0.5}})");
  EXPECT_EQ(read(R"({"inner": {"type": "Mlp"}})"),
            R"({"inner":{"type":"Mlp"},)"
            R"("optimizer":{"type":"SGD","lr":0.1,"nesterov":false,"momentum":0.5}})");
}

TEST(ReadOptions, NestedPluginsAreReadToTheBottom) {
  Everything options;
  EXPECT_THAT(
      read_text(options, R"({"network": {"type": "Wrapper", "inner": {"type": "Wrapper",
        "inner": {"type": "ResNetCifar", "depth": 21, "widht": 4}},
        "optimizer": {"type": "SGD", "lr": "big"}}})"),
      ElementsAre("x.network.inner.inner.depth: 21 is not 6n+2; use 20 or 56",
                  "x.network.inner.inner.widht: unknown key; did you mean 'width'?",
                  R"(x.network.optimizer.lr: got string "big", expected a number (0 .. 100))"));
  EXPECT_THAT(read_text(options, R"({"network": {"type": "Wrapper",
        "inner": {"type": "ResNetCifar", "depth": 56}}})"),
              IsEmpty());
  EXPECT_EQ(options.network.options.dump(),
            R"({"inner":{"type":"ResNetCifar","width":16,"depth":56},)"
            R"("optimizer":{"type":"SGD","lr":0.1,"nesterov":false,"momentum":0.9}})");
}

TEST(ReadOptions, BadPluginKeepsTheOldSpec) {
  Everything options;
  read_one(R"("optimizer": {"type": "Nope"})", options);
  EXPECT_EQ(options.optimizer.type, "SGD");
}

TEST(ReadOptions, PluginThatContainsItself) {
  EndlessOptions options;
  const auto problems = read_text(options, "{}");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0], ::testing::HasSubstr("a plugin contains itself by default"));
}

TEST(ReadOptions, WalksExactlyOnce) {
  for (const char* text : {"{}", "[]", R"({"ref": "a"})", R"({"width": "x"})"}) {
    ResNetOptions options;
    int walks = 0;
    Diagnostics diagnostics;
    read_options(
        [&](OptionVisitor& v) {
          ++walks;
          v.visit(options);
        },
        nlohmann::json::parse(text), "x", FakeCatalog(), diagnostics);
    EXPECT_EQ(walks, 1) << text;
  }
}

TEST(ReadOptions, UnresolvedReferences) {
  Everything options;
  EXPECT_EQ(problem_of(R"("optimizer": {"ref": "nas.optimizer"})"),
            "x.optimizer.ref: a reference that was not resolved; references are only possible in "
            "pipeline files, write the block out");
  EXPECT_EQ(read_text(options, R"({"ref": "nas"})").size(), 1u);
  // Silent where resolve_refs has said what is wrong.
  Diagnostics diagnostics;
  diagnostics.add("x.optimizer.ref", "there is no block");
  read_options(walk(options),
               {{"network", {{"type", "Mlp"}}}, {"optimizer", {{"ref", "a"}, {"lr", 1}}}}, "x",
               FakeCatalog(), diagnostics);
  EXPECT_EQ(diagnostics.problems().size(), 1u);
}

TEST(ReadOptions, FiveMistakesInOneFile) {
  ConfigDocument document = parse_config(R"({
  "count": "ten",
  "network": {
    "type": "ResNetCifer"
  },
  "policy": {
    "num_individual": 10
  },
  "optimizer": {
    "ref": "polcy"
  },
  "bits": [4,
    99],
  "paramters": 1
})",
                                         "pipeline.json");
  Everything options;
  Diagnostics diagnostics;
  diagnostics.set_lines(&document);
  resolve_refs(document, diagnostics);
  read_options(walk(options), document.value, "", FakeCatalog(), diagnostics);
  EXPECT_EQ(
      diagnostics.text(document.file),
      "pipeline.json:2: count: got string \"ten\", expected an integer (1 .. 100000)\n"
      "pipeline.json:4: network.type: unknown network \"ResNetCifer\"; did you mean "
      "\"ResNetCifar\"? (one of Mlp, ResNetCifar, Wrapper)\n"
      "pipeline.json:7: policy.num_individual: 10 is not a multiple of 4; use 8 or 12\n"
      "pipeline.json:10: optimizer.ref: there is no block 'polcy'; did you mean 'policy'?\n"
      "pipeline.json:13: bits[1]: got number 99, expected an integer (1 .. 16)\n"
      "pipeline.json:14: paramters: unknown key; expected one of flag, count, large, rate, text, "
      "mode, bits, weights, parts, words, limit, clip, overrides, extra, policy, objectives, "
      "network, "
      "optimizer, cost");
}

}  // namespace
}  // namespace deneb::testing
