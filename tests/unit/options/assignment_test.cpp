#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_options.h"

namespace deneb::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const char* const kText = R"({
  "general": {},
  "nas": {
    "trainer": {"type": "Trainer", "epochs": 1},
    "objectives": [{"name": "accuracy"}, {"name": "flops"}],
    "grid": [[1, 2], [3]]
  },
  "fully_train": {"trainer": {"ref": "nas.trainer"}}
})";

struct Changed {
  ConfigDocument document;
  std::vector<std::string> problems;
};

Changed set(const std::vector<std::string>& assignments) {
  Changed result;
  result.document = parse_config(kText, "p.json");
  Diagnostics diagnostics;
  diagnostics.set_lines(&result.document);
  for (const std::string& one : assignments) apply_assignment(result.document, one, diagnostics);
  for (const Problem& problem : diagnostics.problems()) {
    EXPECT_TRUE(problem.assigned);
    EXPECT_EQ(problem.line, 0);
  }
  result.problems = found(diagnostics);
  return result;
}
nlohmann::ordered_json value_at(const std::string& assignment, const std::string& pointer) {
  const Changed result = set({assignment});
  EXPECT_THAT(result.problems, IsEmpty());
  return result.document.value.at(nlohmann::ordered_json::json_pointer(pointer));
}
std::string assignment_problem(const std::string& assignment) {
  const Changed result = set({assignment});
  EXPECT_EQ(result.document.value, parse_config(kText, "").value) << "changed all the same";
  EXPECT_EQ(result.document.lines, parse_config(kText, "").lines);
  return result.problems.size() == 1 ? result.problems[0]
                                     : std::to_string(result.problems.size()) + " problems";
}
std::string assignment_error(const std::string& assignment) {
  try {
    set({assignment});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ApplyAssignment, Values) {
  EXPECT_EQ(value_at("nas.trainer.epochs=5", "/nas/trainer/epochs").dump(), "5");
  EXPECT_EQ(value_at("nas.trainer.epochs=0.5", "/nas/trainer/epochs").dump(), "0.5");
  EXPECT_EQ(value_at("nas.trainer.epochs=true", "/nas/trainer/epochs").dump(), "true");
  EXPECT_EQ(value_at("nas.trainer.epochs=null", "/nas/trainer/epochs").dump(), "null");
  EXPECT_EQ(value_at("nas.trainer.type=Other", "/nas/trainer/type").dump(), "\"Other\"");
  EXPECT_EQ(value_at("nas.trainer.type=\"5\"", "/nas/trainer/type").dump(), "\"5\"");
  EXPECT_EQ(value_at("nas.trainer.type=a=b c", "/nas/trainer/type").dump(), "\"a=b c\"");
  EXPECT_EQ(value_at("nas.trainer.type=", "/nas/trainer/type").dump(), "\"\"");
  EXPECT_EQ(value_at("nas.trainer.type=/data/x", "/nas/trainer/type").dump(), "\"/data/x\"");
  EXPECT_EQ(value_at("nas.trainer.bits=[4, 8]", "/nas/trainer/bits").dump(), "[4,8]");
  EXPECT_EQ(value_at("nas.trainer={\"type\": \"T\"}", "/nas/trainer").dump(), "{\"type\":\"T\"}");
  // Not JSON, so text; the reader then says what was expected.
  EXPECT_EQ(value_at("nas.trainer.epochs=NaN", "/nas/trainer/epochs").dump(), "\"NaN\"");
  EXPECT_EQ(value_at("nas.trainer.epochs=1e999", "/nas/trainer/epochs").dump(), "\"1e999\"");
  EXPECT_EQ(value_at("nas.trainer.epochs=[4,", "/nas/trainer/epochs").dump(), "\"[4,\"");
  const std::string deep(100000, '[');
  EXPECT_EQ(value_at("nas.trainer.epochs=" + deep, "/nas/trainer/epochs"), deep);
}

TEST(ApplyAssignment, Lists) {
  EXPECT_EQ(value_at("nas.objectives[1].name=size", "/nas/objectives").dump(),
            R"([{"name":"accuracy"},{"name":"size"}])");
  EXPECT_EQ(value_at("nas.objectives.0.name=size", "/nas/objectives").dump(),
            R"([{"name":"size"},{"name":"flops"}])");
  EXPECT_EQ(value_at("nas.grid[0][1]=9", "/nas/grid").dump(), "[[1,9],[3]]");
  EXPECT_EQ(value_at("nas.grid.1=null", "/nas/grid").dump(), "[[1,2],null]");
  EXPECT_EQ(assignment_problem("nas.objectives[2].name=x"),
            "nas.objectives[2]: no list element '2'; expected 0 .. 1, or give the whole list");
  EXPECT_EQ(assignment_problem("nas.objectives.name=x"),
            "nas.objectives.name: no list element 'name'; expected 0 .. 1, or give the whole list");
  EXPECT_EQ(assignment_problem("nas.objectives.99999999999999999999=x"),
            "nas.objectives.99999999999999999999: no list element '99999999999999999999'; expected "
            "0 .. 1, or give the whole list");
  EXPECT_EQ(assignment_problem("nas.trainer[0]=x"),
            "nas.trainer[0]: 'nas.trainer' is an object, which has no element [0]; set "
            "'nas.trainer' as a whole");
}

TEST(ApplyAssignment, NewKeys) {
  EXPECT_EQ(value_at("seed=3", "/seed").dump(), "3");
  EXPECT_EQ(value_at("nas.trainer.lr=0.1", "/nas/trainer").dump(),
            R"({"type":"Trainer","epochs":1,"lr":0.1})");
  // A block that the file leaves to its defaults.
  EXPECT_EQ(
      value_at("nas.search_algorithm.policy.num_generation=2", "/nas/search_algorithm").dump(),
      R"({"policy":{"num_generation":2}})");
  EXPECT_EQ(value_at("general.task.id=x", "/general").dump(), R"({"task":{"id":"x"}})");
  // A block that comes by ref.
  EXPECT_EQ(value_at("fully_train.trainer.types.a=1", "/fully_train/trainer").dump(),
            R"({"ref":"nas.trainer","types":{"a":1}})");
}

TEST(ApplyAssignment, UnknownSteps) {
  EXPECT_EQ(assignment_problem("nas.trianer.epochs=5"),
            "nas.trianer: unknown key; did you mean 'trainer'?");
  EXPECT_EQ(assignment_problem("fullytrain.trainer.epochs=5"),
            "fullytrain: unknown key; did you mean 'fully_train'?");
  EXPECT_EQ(assignment_problem("quux.epochs=5"),
            "quux: unknown key; expected one of general, nas, fully_train");
  EXPECT_EQ(assignment_problem("nas.trainer.epochs.x=5"),
            "nas.trainer.epochs.x: 'nas.trainer.epochs' is number 1, which has no key 'x'; set "
            "'nas.trainer.epochs' as a whole");
  EXPECT_EQ(assignment_problem("nas.new.objectives[0].x=5"),
            "nas.new.objectives[0]: 'nas.new.objectives' is an empty object, which has no element "
            "[0]; set 'nas.new.objectives' as a whole");
}

TEST(ApplyAssignment, Malformed) {
  EXPECT_EQ(assignment_error("nas.trainer.epochs"),
            "--set nas.trainer.epochs: has no '='; write --set nas.trainer.epochs=1");
  const auto malformed = [](const std::string& path, const std::string& why) {
    EXPECT_EQ(assignment_error(path + "=1"), "--set " + path + "=1: '" + path + "' is no path: " +
                                                 why + "; write --set nas.trainer.epochs=1");
  };
  malformed("", "it begins with no key");
  malformed(".nas", "it begins with no key");
  malformed("[0]", "it begins with no key");
  malformed("nas..epochs", "a key is empty");
  malformed("nas.", "a key is empty");
  malformed("nas.grid[", "list elements are written [0], [1], ...");
  malformed("nas.grid[]", "list elements are written [0], [1], ...");
  malformed("nas.grid[-1]", "list elements are written [0], [1], ...");
  malformed("nas.grid[x]", "list elements are written [0], [1], ...");
  malformed("nas.grid[0]x", "a '.' is missing after ']'");
  EXPECT_THAT(assignment_error("nas.trainer.type=caf\xE9"), HasSubstr("not UTF-8"));
}

TEST(ApplyAssignment, LinesAreThoseOfTheCommandLine) {
  const Changed result =
      set({"nas.trainer={\"type\": \"T\", \"epochs\": \"ten\"}", "nas.objectives[0].x.y=1"});
  EXPECT_EQ(result.document.line_of("nas"), 3);
  EXPECT_EQ(result.document.line_of("nas.trainer"), 0);
  EXPECT_EQ(result.document.line_of("nas.trainer.epochs"), 0);
  EXPECT_EQ(result.document.line_of("nas.objectives[0].name"), 5);
  EXPECT_EQ(result.document.line_of("nas.objectives[0].x.y"), 0);
  EXPECT_EQ(result.document.line_of("nas.objectives[0].x"), 0);
}

TEST(ApplyAssignment, DoesNotForgetLinesOfNamesThatBeginAlike) {
  ConfigDocument document =
      parse_config("{\n\"a\": {\"b\": 1},\n\"a_b\": 1,\n\"ab\": 2,\n\"a-c\": 3}", "p.json");
  Diagnostics diagnostics;
  apply_assignment(document, "a=5", diagnostics);
  EXPECT_EQ(document.lines,
            (std::map<std::string, int>{{"", 1}, {"a", 0}, {"a_b", 3}, {"ab", 4}, {"a-c", 5}}));
}

TEST(ApplyAssignment, ReaderNamesTheOrigin) {
  ConfigDocument document =
      parse_config("{\n\"network\": {\"type\": \"Mlp\"},\n\"rate\": 2}", "p.json");
  Diagnostics diagnostics;
  diagnostics.set_lines(&document);
  apply_assignment(document, "count=ten", diagnostics);
  apply_assignment(document, "network.widht=3", diagnostics);
  Everything options;
  read_options(walk(options), document.value, "", FakeCatalog(), diagnostics);
  EXPECT_EQ(diagnostics.text("p.json"),
            "p.json:3: rate: got number 2, expected a number (0 .. 1)\n"
            "--set count: got string \"ten\", expected an integer (1 .. 100000)\n"
            "--set network.widht: unknown key; there are no options here, remove it");
}

TEST(ApplyAssignment, BeforeAndAfterReferences) {
  Diagnostics diagnostics;
  ConfigDocument before = parse_config(kText, "p.json");
  apply_assignment(before, "nas.trainer.epochs=7", diagnostics);
  resolve_refs(before, diagnostics);
  EXPECT_EQ(before.value["fully_train"]["trainer"]["epochs"], 7);
  EXPECT_EQ(before.line_of("fully_train.trainer.epochs"), 0);

  ConfigDocument after = parse_config(kText, "p.json");
  resolve_refs(after, diagnostics);
  apply_assignment(after, "nas.trainer.epochs=7", diagnostics);
  apply_assignment(after, "fully_train.trainer.type=X", diagnostics);
  EXPECT_EQ(after.value["nas"]["trainer"]["epochs"], 7);
  EXPECT_EQ(after.value["fully_train"]["trainer"].dump(), R"({"type":"X","epochs":1})");
  EXPECT_TRUE(diagnostics.empty());
}

TEST(Substitute, ReplacesNames) {
  auto value = nlohmann::ordered_json::parse(R"({
    "folder": "{base}/output/nas/", "list": ["{base}", "{task}-{base}", 5, {"x": "{{task}}"}],
    "{base}": "{unknown} {base", "empty": "{}", "plain": "text"})");
  substitute(value, {{"base", "/tmp/{task}"}, {"task", "t1"}});
  EXPECT_EQ(value.dump(),
            R"({"folder":"/tmp/{task}/output/nas/","list":["/tmp/{task}","t1-/tmp/{task}",5,)"
            R"({"x":"{t1}"}],"{base}":"{unknown} {base","empty":"{}","plain":"text"})");
  nlohmann::ordered_json text = "{task}";
  substitute(text, {{"task", "t1"}});
  EXPECT_EQ(text, "t1");
  substitute(text, {});
  EXPECT_EQ(text, "t1");
}

}  // namespace
}  // namespace deneb::testing
