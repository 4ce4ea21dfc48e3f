#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>

#include <deneb/nn/walk.h>
#include <deneb/quant/cost_model.h>

#include "plugins/plugin_registry.h"

namespace deneb {
namespace {

using testing::ElementsAre;

const Registry& registry() {
  static const auto loaded =
      plugin_test::load({"mlp", "mini_resnet", "resnet_cifar", "standard_costs"});
  return *loaded;
}

std::shared_ptr<Network> network(const std::string& type,
                                 const nlohmann::json& options = nlohmann::json::object()) {
  return plugin_test::make<Network>(registry(), type, options);
}

std::vector<std::string> layer_names(Network& net) {
  std::vector<std::string> names;
  for (const auto& layer : quant_layers(net)) names.push_back(layer.name);
  return names;
}

std::vector<std::string> parameter_names(Network& net) { return net.named_parameters().keys(); }

/// A few steps on one batch of noise must fit it: forward, backward and all parameters work.
void expect_trains(Network& net) {
  std::vector<std::int64_t> shape = net.input_shape();
  shape.insert(shape.begin(), 16);
  const torch::Tensor x = torch::randn(shape);
  const torch::Tensor target = torch::randint(net.num_classes(), {16});
  torch::optim::Adam adam(net.parameters(), torch::optim::AdamOptions(0.01));
  double first = 0, last = 0;
  for (int i = 0; i < 40; ++i) {
    adam.zero_grad();
    const torch::Tensor logits = net.forward(x);
    ASSERT_EQ(logits.sizes(), (std::vector<std::int64_t>{16, net.num_classes()}));
    const torch::Tensor loss = torch::cross_entropy_loss(logits, target);
    loss.backward();
    adam.step();
    last = loss.item<double>();
    if (i == 0) first = last;
  }
  EXPECT_LT(last, 0.3 * first);
  for (const auto& p : net.named_parameters()) {
    EXPECT_TRUE(p.value().grad().defined()) << p.key();
  }
}

TEST(Mlp, DefaultsFitDigits) {
  torch::manual_seed(1);
  const auto net = network("MLP");
  EXPECT_THAT(net->input_shape(), ElementsAre(1, 8, 8));
  EXPECT_EQ(net->num_classes(), 10);
  EXPECT_THAT(parameter_names(*net),
              ElementsAre("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"));
  const NetworkInfo info = probe(*net, "MLP");
  EXPECT_EQ(info.layers[0].macs, 64 * 64);
  EXPECT_EQ(info.layers[1].macs, 64 * 10);
  EXPECT_TRUE(info.layers[0].signed_input);
  EXPECT_FALSE(info.layers[1].signed_input);
  EXPECT_EQ(info.other_parameters, 74);
  expect_trains(*net);
}

TEST(Mlp, HiddenLayers) {
  const auto deep =
      network("MLP", {{"hidden", {32, 16, 8}}, {"input_shape", {20}}, {"num_classes", 3}});
  EXPECT_THAT(layer_names(*deep), ElementsAre("fc1", "fc2", "fc3", "fc4"));
  EXPECT_EQ(deep->forward(torch::randn({5, 20})).size(1), 3);
  const auto linear = network("MLP", {{"hidden", nlohmann::json::array()}});
  EXPECT_THAT(layer_names(*linear), ElementsAre("fc1"));
  // No ReLU after the last layer.
  EXPECT_LT(linear->forward(torch::randn({64, 1, 8, 8})).min().item<float>(), 0);
}

TEST(Mlp, BadOptions) {
  for (const nlohmann::json& options :
       {nlohmann::json{{"input_shape", nlohmann::json::array()}},
        nlohmann::json{{"input_shape", {65536, 65536, 65536, 65536, 65536}}},
        nlohmann::json{{"hidden", {0}}}, nlohmann::json{{"num_classes", 1}}}) {
    EXPECT_THROW(network("MLP", options), ConfigError) << options;
  }
}

TEST(MiniResNet, DefaultsFitDigits) {
  torch::manual_seed(2);
  const auto net = network("MiniResNet");
  EXPECT_THAT(net->input_shape(), ElementsAre(1, 8, 8));
  EXPECT_THAT(layer_names(*net),
              ElementsAre("conv1", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1",
                          "layer2.0.conv2", "layer2.0.downsample.0", "fc"));
  const auto names = parameter_names(*net);
  for (const char* name :
       {"bn1.weight", "layer1.0.bn2.bias", "layer2.0.downsample.1.weight", "fc.bias"}) {
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;
  }
  const NetworkInfo info = probe(*net, "MiniResNet");
  EXPECT_EQ(info.find("conv1")->macs, 64 * 9 * 8);
  EXPECT_EQ(info.find("layer1.0.conv1")->macs, 64 * 9 * 8 * 8);
  EXPECT_EQ(info.find("layer2.0.conv1")->macs, 16 * 9 * 8 * 16);
  EXPECT_EQ(info.find("layer2.0.downsample.0")->macs, 16 * 8 * 16);
  EXPECT_EQ(info.find("fc")->macs, 160);
  EXPECT_EQ(info.find("layer2.0.conv1")->input_group,
            info.find("layer2.0.downsample.0")->input_group);
  EXPECT_EQ(info.pooling_ops, 16 * 17);
  EXPECT_EQ(info.batch_norm_elements, 64 * 8 * 3 + 16 * 16 * 3);
  for (const LayerInfo& layer : info.layers) EXPECT_EQ(layer.signed_input, layer.name == "conv1");
  expect_trains(*net);
}

TEST(MiniResNet, Options) {
  const auto net = network(
      "MiniResNet",
      {{"width", 4}, {"blocks", 2}, {"num_classes", 5}, {"in_channels", 3}, {"image_size", 12}});
  EXPECT_EQ(layer_names(*net).size(), 1u + 4 + 5 + 1);
  EXPECT_THAT(net->input_shape(), ElementsAre(3, 12, 12));
  EXPECT_EQ(net->forward(torch::randn({2, 3, 12, 12})).size(1), 5);
}

// Layer facts and costs of the real network, against the published counts of Vega's ResNet-20.
TEST(ResNetCifar, LayerTableOfResNet20) {
  const auto net = network("ResNetCifar");
  const NetworkInfo info = probe(*net, "ResNetCifar");
  ASSERT_EQ(info.layers.size(), 22u);
  std::int64_t macs = 0, weights = 0;
  for (std::size_t i = 1; i <= 20; ++i) {
    macs += info.layers[i].macs;
    weights += info.layers[i].weights;
  }
  EXPECT_EQ(macs, 40370176);
  EXPECT_EQ(weights, 269824);
  EXPECT_EQ(info.find("conv1")->macs, 442368);
  EXPECT_EQ(info.find("fc")->macs, 640);
  EXPECT_EQ(info.batch_norm_elements, 200704);
  EXPECT_EQ(info.pooling_ops, 4160);
  EXPECT_EQ(info.other_parameters, 1578);
  const auto flops = plugin_test::make<CostModel>(registry(), "flops", {{"bn_flops", 4}});
  EXPECT_EQ(flops->total(info, {}), 41620160);
  EXPECT_EQ(plugin_test::make<CostModel>(registry(), "params")->total(info, {}), 272474);
}

}  // namespace
}  // namespace deneb
