#include <deneb/nn/frozen_weights.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/buffer_handover.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/utils.h>

#include "plugins/plugin_registry.h"

namespace deneb {
namespace {

using testing::ElementsAre;
using torch::Tensor;

struct Case {
  std::string type;
  nlohmann::json options;
};

std::vector<Case> all_networks() {
  return {{"MLP", {{"hidden", {12, 8}}}},
          {"MLP", {{"hidden", nlohmann::json::array()}}},
          {"MiniResNet", {{"blocks", 2}}},
          {"ResNetCifar", {{"depth", 14}, {"image_size", 12}}},
          {"ResNetCifar", {{"depth", 14}, {"image_size", 12}, {"shortcut", "zero_padding"}}},
          {"ResNet", {{"depth", 18}, {"image_size", 32}, {"num_classes", 7}}},
          {"ResNet", {{"depth", 50}, {"image_size", 32}, {"num_classes", 7}}},
          {"MobileNetV1", {{"image_size", 32}, {"width_multiplier", 0.25}, {"num_classes", 7}}}};
}

/// In evaluation mode, with batch norms that do something.
std::shared_ptr<Network> make(const Case& c) {
  static const auto registry =
      plugin_test::load({"mlp", "mini_resnet", "resnet_cifar", "resnet", "mobilenet_v1"});
  torch::manual_seed(7);
  const auto net = plugin_test::make<Network>(*registry, c.type, c.options);
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : state_of(*net)) {
    const bool factor = name.find("weight") != std::string::npos;
    if (tensor.dim() != 1) continue;
    if (factor || name.find("running_var") != std::string::npos) {
      tensor.uniform_(0.5, 1.5);
    } else {
      tensor.uniform_(-0.2, 0.2);
    }
  }
  net->eval();
  return net;
}

Batch batch_of(const Network& net) {
  std::vector<std::int64_t> shape = net.input_shape();
  shape.insert(shape.begin(), 2);
  Batch batch;
  batch["input"] = torch::randn(shape);
  return batch;
}

/// Every unit alone on a recorded input, which it must not change.
Tensor run_chain(Network& net, const Batch& batch) {
  Tensor x = batch.input();
  for (const Block& unit : net.blocks()) {
    const Tensor copy = x.detach().clone();
    Tensor y = unit.forward(x, batch);
    EXPECT_TRUE(torch::equal(x, copy)) << unit.name << " changed its input";
    x = y;
  }
  return x;
}

/// Halves, over the memory that it is given where it may.
class Halves final : public Quantizer {
 public:
  void attach(const QuantizerSite&) override {}
  void set_format(const Format&) override {}
  Format format() const override { return Format::integer(4, true); }
  QuantizerTraits traits() const override { return {true, false, /*writes_over=*/true}; }
  Tensor quantize(const Tensor& x) override {
    if (!take_over(x)) return x * 0.5;
    Tensor own = x;
    return own.mul_(0.5);
  }
};

TEST(Blocks, ChainIsTheNetworkBitForBit) {
  for (const Case& c : all_networks()) {
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = make(c);
    const Batch batch = batch_of(*net);
    torch::NoGradGuard no_grad;
    const Tensor expected = net->forward(batch).logits;
    EXPECT_TRUE(torch::equal(run_chain(*net, batch), expected));
    {
      const FrozenWeights frozen(*net);
      EXPECT_TRUE(torch::equal(run_chain(*net, batch), net->forward(batch).logits));
    }
    // With quantizers that write over their inputs.
    for (const auto& named : quant_layers(*net)) {
      named.layer->set_quantizers(std::make_shared<Halves>(), std::make_shared<Halves>());
    }
    const Tensor quantized = net->forward(batch).logits;
    EXPECT_FALSE(torch::equal(quantized, expected));
    EXPECT_TRUE(torch::equal(run_chain(*net, batch), quantized));
  }
}

TEST(Blocks, ChainHasTheGradientsOfTheNetwork) {
  for (const Case& c : all_networks()) {
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = make(c);
    const Batch batch = batch_of(*net);
    net->forward(batch).logits.square().sum().backward();
    std::vector<Tensor> expected;
    for (const auto& p : net->parameters()) expected.push_back(p.grad().clone());
    net->zero_grad();
    run_chain(*net, batch).square().sum().backward();
    const auto parameters = net->named_parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_TRUE(torch::equal(parameters[i].value().grad(), expected[i])) << parameters[i].key();
    }
  }
}

TEST(Blocks, EveryLayerLiesInExactlyOne) {
  for (const Case& c : all_networks()) {
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = make(c);
    std::map<std::string, std::vector<std::string>> units;  // layers in forward order
    for (const LayerInfo& layer : probe(*net, c.type).layers) {
      units[layer.block].push_back(layer.name);
    }
    const std::vector<Block> blocks = net->blocks();
    EXPECT_EQ(units.size(), blocks.size());
    for (const Block& block : blocks) EXPECT_EQ(units[block.name], block.layers) << block.name;
  }
}

TEST(Blocks, AreThoseOfBrecq) {
  const auto names = [](const Case& c) {
    std::vector<std::string> names;
    for (const Block& unit : make(c)->blocks()) names.push_back(unit.name);
    return names;
  };
  const auto net = make({"MiniResNet", nlohmann::json::object()});
  EXPECT_THAT(names({"MiniResNet", nlohmann::json::object()}),
              ElementsAre("stem", "layer1.0", "layer2.0", "head"));
  EXPECT_THAT(net->blocks()[0].layers, ElementsAre("conv1"));
  EXPECT_THAT(net->blocks()[2].layers,
              ElementsAre("layer2.0.conv1", "layer2.0.downsample.0", "layer2.0.conv2"));
  EXPECT_THAT(net->blocks()[3].layers, ElementsAre("fc"));
  EXPECT_THAT(names({"MLP", {{"hidden", {12, 8}}}}), ElementsAre("fc1", "fc2", "fc3"));
  const auto mobile = names({"MobileNetV1", nlohmann::json::object()});
  ASSERT_EQ(mobile.size(), 28u);
  EXPECT_EQ(mobile[1], "blocks.0.depthwise");
  EXPECT_EQ(mobile[2], "blocks.0.pointwise");
  EXPECT_EQ(names({"ResNet", {{"depth", 50}}}).size(), 18u);
}

std::vector<Tensor> gradient(const Tensor& loss, const std::vector<Tensor>& of) {
  return torch::autograd::grad({loss}, of, {}, /*retain_graph=*/true, /*create_graph=*/true);
}

double dot(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] * b[i]).sum().item<double>();
  return sum;
}

/// v'Hv of the loss from the gradient of a gradient, against a difference of two gradients.
void expect_second_derivative(Network& net, const Batch& batch) {
  const std::vector<Tensor> parameters = net.parameters();
  std::vector<Tensor> direction;
  for (const Tensor& p : parameters) {
    direction.push_back(torch::randn_like(p) * p.detach().abs().mean());
  }
  const auto gradient_at_present = [&] {
    return gradient(net.forward(batch).logits.log_softmax(1).square().sum(), parameters);
  };
  const std::vector<Tensor> first = gradient_at_present();
  Tensor along = torch::zeros({}, torch::kFloat64);
  for (std::size_t i = 0; i < first.size(); ++i) along = along + (first[i] * direction[i]).sum();
  const auto product = torch::autograd::grad({along}, parameters);
  const double curvature = dot(product, direction);
  const auto shifted = [&](double step) {
    torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Tensor p = parameters[i];
      p.add_(direction[i], step);
    }
  };
  const double step = 1e-7;
  shifted(step);
  const auto above = gradient_at_present();
  shifted(-2 * step);
  const auto below = gradient_at_present();
  shifted(step);
  const double difference = (dot(above, direction) - dot(below, direction)) / (2 * step);
  EXPECT_GT(std::abs(curvature), 1e-6);
  EXPECT_NEAR(curvature, difference, 1e-4 * std::abs(curvature));
}

TEST(SecondDerivative, OfEveryFloatNetwork) {
  for (const Case& c : all_networks()) {
    if (c.options.value("depth", 0) == 50) continue;  // as 18, but slow
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = make(c);
    net->to(torch::kFloat64);
    Batch batch = batch_of(*net);
    batch["input"] = batch.input().to(torch::kFloat64);
    { const FrozenWeights frozen(*net); }
    expect_second_derivative(*net, batch);
  }
}

}  // namespace
}  // namespace deneb
