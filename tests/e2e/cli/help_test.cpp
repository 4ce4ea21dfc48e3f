#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "program.h"

namespace cli_test {
namespace {

const std::vector<std::string> kCommands = {"run",     "resume",   "validate", "report",
                                            "compare", "evaluate", "convert",  "inspect",
                                            "plugins", "describe", "schema",   "version"};

TEST(Help, ListsEveryCommandButTheWorker) {
  const Outcome outcome = run({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  for (const std::string& command : kCommands) {
    EXPECT_TRUE(holds(outcome.out, "\n  " + command + " ")) << command << "\n" << outcome.out;
  }
  EXPECT_FALSE(holds(outcome.out, "trial-worker"));
  EXPECT_TRUE(holds(outcome.out, "DENEB_PLUGIN_PATH"));
  EXPECT_EQ(run({"help"}).out, outcome.out);
}

TEST(Help, EveryCommandTeaches) {
  for (const std::string& command : kCommands) {
    const Outcome outcome = run({command, "--help"});
    EXPECT_EQ(outcome.exit_code, 0) << command << outcome.err;
    EXPECT_TRUE(holds(outcome.out, "usage: deneb " + command)) << outcome.out;
    EXPECT_TRUE(holds(outcome.out, "--help")) << outcome.out;
  }
  const Outcome outcome = run({"help", "run"});
  EXPECT_TRUE(holds(outcome.out, "usage: deneb run FILE")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "deneb run pipelines/demo/digits.json")) << outcome.out;
}

TEST(Help, HelpWinsOverMissingArguments) { EXPECT_EQ(run({"evaluate", "-h"}).exit_code, 0); }

TEST(Help, WithoutACommandItIsAnError) {
  const Outcome outcome = run(std::vector<std::string>{});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(holds(outcome.err, "usage: deneb COMMAND"));
}

TEST(Usage, UnknownCommandGetsASuggestion) {
  const Outcome outcome = run({"validte", "x.json"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(holds(outcome.err, "deneb: error: unknown command 'validte'")) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "did you mean 'validate'?")) << outcome.err;
  EXPECT_TRUE(holds(run({"--verbose"}).err, "unknown option '--verbose'"));
}

TEST(Usage, UnknownOptionGetsASuggestion) {
  const Outcome outcome = run({"run", "x.json", "--worker", "2"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(holds(outcome.err, "unknown option '--worker'")) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "did you mean '--workers'?")) << outcome.err;
  EXPECT_TRUE(holds(outcome.err, "`deneb run --help`")) << outcome.err;
}

TEST(Usage, WrongArgumentsAreNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{"run"}, "run: FILE is missing"},
      {{"resume"}, "resume: TASK is missing"},
      {{"run", "a.json", "b.json"}, "run: unexpected argument 'b.json'"},
      {{"run", "a.json", "--set"}, "'--set' is missing"},
      {{"run", "a.json", "--from", "a", "--from", "b"}, "'--from' cannot be specified more than"},
      {{"convert", "a.pth"}, "convert: OUT.safetensors is missing"},
      {{"evaluate", "a.json"}, "evaluate: --weights FILE is missing"}};
  for (const auto& [arguments, message] : mistakes) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << message;
    EXPECT_EQ(outcome.out, "");
    EXPECT_TRUE(holds(outcome.err, message)) << outcome.err;
    EXPECT_EQ(count_lines(outcome.err), 1u) << outcome.err;
  }
}

TEST(Version, TellsWhatPluginsDependOn) {
  const Outcome outcome = own_process({"--version"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out.rfind("deneb " DENEB_VERSION_TEXT "\n", 0), 0u) << outcome.out;
  const auto facts = nlohmann::json::parse(own_process({"version", "--json"}).out);
  EXPECT_EQ(facts.at("deneb"), DENEB_VERSION_TEXT);
  EXPECT_EQ(facts.at("plugin_directory"), DENEB_PLUGIN_DIR);
  EXPECT_GE(facts.at("threads").get<int>(), 1);
  EXPECT_TRUE(holds(facts.at("abi_tag"), "cxx11abi"));
  for (const char* key : {"plugin_api", "libtorch", "compiler"}) {
    EXPECT_FALSE(facts.at(key).get<std::string>().empty()) << key;
  }
}

TEST(Output, AFullDiskIsAFailure) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP();
  Call call;
  call.arguments = {"schema"};
  call.output = "/dev/full";
  call.own_process = true;
  const Outcome outcome = run(call);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(holds(outcome.err, "standard output cannot be written")) << outcome.err;
}

}  // namespace
}  // namespace cli_test
