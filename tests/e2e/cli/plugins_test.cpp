#include <deneb/io/files.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "program.h"

namespace cli_test {
namespace {

using nlohmann::json;

TEST(Plugins, JsonListsWhatEachBrings) {
  const Outcome outcome = run({"plugins", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json list = json::parse(outcome.out);
  EXPECT_EQ(list.at("skipped"), json::array());
  bool core = false, resnet = false;
  for (const json& plugin : list.at("plugins")) {
    for (const json& entry : plugin.at("registers")) {
      if (plugin.at("name") == "core") core |= entry.at("name") == "SearchPipeStep";
      if (entry.at("name") == "ResNetCifar") {
        resnet = true;
        EXPECT_EQ(entry.at("kind"), "network");
        EXPECT_EQ(plugin.at("name"), "resnet_cifar");
        EXPECT_EQ(plugin.at("path"), DENEB_PLUGIN_DIR "/resnet_cifar.so");
      }
    }
  }
  EXPECT_TRUE(core);
  EXPECT_TRUE(resnet);
}

TEST(Plugins, KindFilters) {
  const Outcome outcome = run({"plugins", "--kind", "network"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(holds(outcome.out, "network ResNetCifar"));
  EXPECT_FALSE(holds(outcome.out, "dataset"));
  const Outcome unknown = run({"plugins", "--kind", "netwrk"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_TRUE(holds(unknown.err, "did you mean 'network'?")) << unknown.err;
}

TEST(Plugins, ABadFileOfAFolderIsSkippedANamedOneIsAnError) {
  const Folder folder;
  const std::string bad = folder.file("bad.so", "this is no shared object");
  const Outcome named = run({"plugins", "--plugin", bad});
  EXPECT_EQ(named.exit_code, 3);
  EXPECT_TRUE(holds(named.err, bad)) << named.err;

  const Outcome scanned = run({"plugins", "--json", "--plugin", folder.path()});
  ASSERT_EQ(scanned.exit_code, 0) << scanned.err;
  const json skipped = json::parse(scanned.out).at("skipped");
  ASSERT_EQ(skipped.size(), 1u);
  EXPECT_EQ(skipped[0].at("path"), bad);
  EXPECT_FALSE(skipped[0].at("reason").get<std::string>().empty());
  EXPECT_TRUE(holds(run({"plugins", "--plugin", folder.path()}).out, "skipped:\n  plugin '" + bad));
}

TEST(Plugins, TheEnvironmentNamesFolders) {
  const Folder folder;
  folder.file("bad.so", "x");
  Call call;
  call.arguments = {"plugins", "--json"};
  call.environment = {"DENEB_PLUGIN_PATH=" + folder.path()};
  EXPECT_EQ(json::parse(run(call).out).at("skipped").size(), 1u);
  call.environment = {"DENEB_PLUGIN_PATH=relative/folder"};
  EXPECT_EQ(run(call).exit_code, 3);
}

TEST(Describe, TellsTypeDefaultRangeAndMeaning) {
  const Outcome outcome = run({"describe", "network", "ResNetCifar"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(holds(outcome.out, "network ResNetCifar (resnet_cifar)")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "integer, default 20, 8 .. 1202")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "layers: 6n + 2")) << outcome.out;

  const json subject = json::parse(run({"describe", "network", "ResNetCifar", "--json"}).out);
  const json& depth = subject.at("options").at(0);
  EXPECT_EQ(depth.at("key"), "depth");
  EXPECT_EQ(depth.at("default"), 20);
  EXPECT_EQ(depth.at("type"), "integer");
}

TEST(Describe, GeneralSectionAndSteps) {
  EXPECT_TRUE(holds(run({"describe", "general"}).out, "task.local_base_path"));
  const json step = json::parse(run({"describe", "pipe_step", "TrainPipeStep", "--json"}).out);
  std::map<std::string, json> defaults;
  for (const json& option : step.at("options")) defaults[option.at("key")] = option.at("default");
  EXPECT_EQ(defaults["trainer"], "Trainer");
  EXPECT_EQ(defaults["criterion"], "CrossEntropy");
  const json trainer = json::parse(run({"describe", "trainer", "Trainer", "--json"}).out);
  bool epochs = false;
  for (const json& option : trainer.at("options")) epochs |= option.at("key") == "epochs";
  EXPECT_TRUE(epochs);
}

TEST(Describe, ListsNames) {
  const Outcome all = run({"describe"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_TRUE(holds(all.out, "network:\n")) << all.out;
  EXPECT_TRUE(holds(all.out, "  ResNetCifar: "));
  const Outcome one = run({"describe", "quantizer"});
  EXPECT_TRUE(holds(one.out, "  LSQ: ")) << one.out;
  EXPECT_FALSE(holds(one.out, "ResNetCifar"));
}

TEST(Describe, UnknownNamesGetASuggestion) {
  const Outcome name = run({"describe", "network", "ResnetCifar"});
  EXPECT_EQ(name.exit_code, 3);
  EXPECT_TRUE(holds(name.err, "ResNetCifar")) << name.err;
  const Outcome kind = run({"describe", "networks"});
  EXPECT_EQ(kind.exit_code, 2);
  EXPECT_TRUE(holds(kind.err, "did you mean 'network'?")) << kind.err;
  EXPECT_EQ(run({"describe", "network", "--json"}).exit_code, 2);
}

TEST(Describe, AllIsAMarkdownPage) {
  const Outcome outcome = run({"describe", "--all"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part :
       {"# Options\n", "\n## General\n", "\n## Networks\n", "\n### ResNetCifar\n",
        "\n### SearchPipeStep\n", "| `task.task_id` | string |", "`depth`"}) {
    EXPECT_TRUE(holds(outcome.out, part)) << part;
  }
  EXPECT_FALSE(holds(outcome.out, DENEB_PLUGIN_DIR)) << "the page must not depend on the machine";
}

TEST(Schema, HoldsEveryPluginAndGoesToAFile) {
  const Folder folder;
  const Outcome outcome = run({"schema"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json schema = json::parse(outcome.out);
  EXPECT_EQ(schema.at("$schema"), "http://json-schema.org/draft-07/schema#");
  EXPECT_TRUE(schema.at("properties").at("general").at("properties").contains("seed"));
  EXPECT_TRUE(holds(schema.at("definitions").at("network").dump(), "ResNetCifar"));
  // Blocks without a type are held against the default plugin, which is there.
  EXPECT_TRUE(holds(schema.dump(), "#/definitions/trainer/definitions/Trainer"));
  EXPECT_TRUE(schema.at("definitions").at("trainer").at("definitions").contains("Trainer"));

  const std::string file = folder.path() + "/deneb.schema.json";
  const Outcome written = run({"schema", "--output", file});
  EXPECT_EQ(written.exit_code, 0) << written.err;
  EXPECT_EQ(written.out, "");
  EXPECT_EQ(deneb::read_file(file), outcome.out);
  EXPECT_EQ(run({"schema", "--output", "/proc/no/such.json"}).exit_code, 1);
}

}  // namespace
}  // namespace cli_test
