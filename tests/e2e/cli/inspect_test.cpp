#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "program.h"

namespace cli_test {
namespace {

using nlohmann::json;

// ResNet-20 with projection shortcuts at 32x32, counted by hand: 3x3 convolutions of three stages
// and two 1x1 projections.
constexpr long long kMacs = 40813184;
constexpr std::size_t kLayers = 22;

json inspect(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"inspect", "--json"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const Outcome outcome = run(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.exit_code == 0 ? json::parse(outcome.out) : json();
}

const json& cost(const json& facts, const std::string& name) {
  for (const json& item : facts.at("costs")) {
    if (item.at("name") == name) return item;
  }
  throw std::runtime_error("no cost " + name);
}

TEST(Inspect, CountsResNet20) {
  const Folder folder;
  const json facts = inspect({folder.file("p.json", train_pipeline())});
  EXPECT_EQ(facts.at("macs"), kMacs);
  const json& layers = facts.at("network").at("layers");
  ASSERT_EQ(layers.size(), kLayers);
  EXPECT_EQ(layers[0].at("name"), "conv1");
  EXPECT_EQ(layers[0].at("macs"), 3 * 16 * 9 * 32 * 32);
  EXPECT_EQ(layers[0].at("weight_shape"), json({16, 3, 3, 3}));
  EXPECT_EQ(layers[0].at("signed_input"), true);
  EXPECT_EQ(layers[0].at("block"), "stem");
  EXPECT_EQ(layers[1].at("signed_input"), false);
  EXPECT_EQ(layers[1].at("block"), "layer1.0");
  EXPECT_EQ(layers[kLayers - 1].at("name"), "fc");
  EXPECT_EQ(layers[kLayers - 1].at("macs"), 640);
  EXPECT_EQ(cost(facts, "bitops").at("total"), 1024.0 * kMacs);
}

TEST(Inspect, UniformWidthsMayBeFloat) {
  const Folder folder;
  const json facts = inspect({folder.file("p.json", train_pipeline()), "--uniform", "w32a4"});
  EXPECT_EQ(cost(facts, "bitops").at("total"), 32.0 * 4 * kMacs);
}

TEST(Inspect, TableShowsTotalsAndShares) {
  const Folder folder;
  const Outcome outcome = run({"inspect", folder.file("p.json", train_pipeline())});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(holds(outcome.out, "22 layers")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "40,813,184")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "64x10") || holds(outcome.out, "10x64")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "bit operations")) << outcome.out;
  EXPECT_TRUE(holds(outcome.out, "float32 everywhere")) << outcome.out;
}

TEST(Inspect, UniformPolicyCostsAndSharesAddUp) {
  const Folder folder;
  const json facts = inspect({folder.file("p.json", train_pipeline()), "--uniform", "w4a8"});
  EXPECT_EQ(cost(facts, "bitops").at("total"), 32.0 * kMacs);
  EXPECT_EQ(cost(facts, "size").at("total"), 4.0 * facts.at("weights").get<double>());
  for (const char* name : {"bitops", "size"}) {
    double share = 0, value = 0;
    for (const json& layer : cost(facts, name).at("layers")) {
      share += layer.at("share").get<double>();
      value += layer.at("value").get<double>();
    }
    EXPECT_NEAR(share, 1, 1e-12) << name;
    EXPECT_EQ(value, cost(facts, name).at("total")) << name;
  }
  const json& layers = facts.at("policy").at("layers");
  EXPECT_EQ(layers.at(0).at("activation"), "int8");   // the image is signed
  EXPECT_EQ(layers.at(1).at("activation"), "uint8");  // behind a ReLU
}

TEST(Inspect, PinnedLayersKeepTheirFormats) {
  const Folder folder;
  const json facts = inspect({folder.file("p.json", search_pipeline()), "--uniform", "w4a4"});
  std::vector<std::string> pinned;
  long long bitops = 0;
  for (const json& layer : facts.at("network").at("layers")) {
    const std::string name = layer.at("name");
    const long long macs = layer.at("macs");
    if (layer.at("pinned")) pinned.push_back(name);
    const bool end = name == "conv1" || name == "fc";
    bitops += macs * (end ? 1024 : layer.at("pinned") ? 64 : 16);
  }
  EXPECT_EQ(pinned, (std::vector<std::string>{"conv1", "layer2.0.downsample.0",
                                              "layer3.0.downsample.0", "fc"}));
  EXPECT_EQ(cost(facts, "bitops").at("total"), double(bitops));
}

TEST(Inspect, PolicyFile) {
  const Folder folder;
  const std::string file = folder.file("p.json", train_pipeline());
  const std::string policy =
      folder.file("policy.json",
                  R"({"format": "deneb-policy", "version": 1, "model": {}, "layers": [
          {"name": "layer1.0.conv1", "weight": "int2", "activation": "uint4"}]})");
  const json facts = inspect({file, "--policy", policy});
  const double macs = 16 * 16 * 9 * 32 * 32;
  EXPECT_EQ(cost(facts, "bitops").at("total"), 1024.0 * (kMacs - macs) + 8 * macs);

  const std::string wrong =
      folder.file("wrong.json",
                  R"({"format": "deneb-policy", "version": 1, "model": {}, "layers": [
          {"name": "layer1.0.conv9", "weight": "int2", "activation": "uint4"}]})");
  const Outcome outcome = run({"inspect", file, "--policy", wrong});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(holds(outcome.err, "layer1.0.conv9")) << outcome.err;
}

// A policy that EdMIPS found, with the figures that its authors print for it; shares of a cost that
// does not add up.
TEST(Inspect, PolicyOfEdmips) {
  const Folder folder;
  const std::string file = folder.file("p.json", R"({
    "pipeline": ["train"],
    "train": {
      "pipe_step": {"type": "TrainPipeStep"},
      "network": {"type": "ResNet", "depth": 18, "order": "edmips"},
      "dataset": {"type": "ImageFolder"},
      "cost_models": [
        {"name": "bit", "model": {"type": "average_bits", "counting": "edmips"}}
      ]
    }
  })");
  const std::string policy = std::string(DENEB_ALLOCATIONS) + "/resnet18.json";
  const json facts = inspect({file, "--policy", policy});
  EXPECT_EQ(facts.at("network").at("layers").size(), 21u);
  EXPECT_NEAR(cost(facts, "bit").at("total"), 1.9924, 5e-5);
  double share = 0, value = 0;
  for (const json& layer : cost(facts, "bit").at("layers")) {
    share += layer.at("share").get<double>();
    value += layer.at("value").get<double>();
  }
  EXPECT_NEAR(share, 1, 1e-12);
  EXPECT_NEAR(value, 6730.81e6, 5e3);
  const Outcome table = run({"inspect", file, "--policy", policy});
  EXPECT_TRUE(holds(table.out, "bits on average")) << table.out;
  EXPECT_TRUE(holds(table.out, "1.992")) << table.out;
}

TEST(Inspect, OptionsOfTheFileCanBeChanged) {
  const Folder folder;
  const json facts = inspect(
      {folder.file("p.json", train_pipeline()), "--set", "train.network.shortcut=zero_padding"});
  EXPECT_EQ(facts.at("network").at("layers").size(), 20u);
}

TEST(Inspect, WrongArguments) {
  const Folder folder;
  const std::string file = folder.file("p.json", train_pipeline());
  for (const char* word : {"w4a", "w4a4x", "w0a4"}) {
    const Outcome outcome = run({"inspect", file, "--uniform", word});
    EXPECT_EQ(outcome.exit_code, 2) << word << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  const Outcome step = run({"inspect", file, "--step", "nas"});
  EXPECT_EQ(step.exit_code, 2);
  EXPECT_TRUE(holds(step.err, "its steps are train")) << step.err;
  EXPECT_EQ(run({"inspect", file, "--uniform", "w4a4", "--policy", file}).exit_code, 2);
  EXPECT_EQ(run({"inspect", folder.path()}).exit_code, 2);
}

}  // namespace
}  // namespace cli_test
