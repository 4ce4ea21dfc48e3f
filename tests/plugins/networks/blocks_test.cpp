#include <deneb/nn/fold_batch_norms.h>
#include <deneb/nn/frozen_weights.h>
#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/buffer_handover.h>
#include <deneb/train/evaluator.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <set>

#include "plugins/plugin_registry.h"
#include "small_transformers.h"
#include "support/second_derivative.h"

namespace deneb {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;
using torch::Tensor;

struct Case {
  std::string type;
  nlohmann::json options;
};

nlohmann::json with(nlohmann::json options, const char* key, const char* value) {
  options[key] = value;
  return options;
}

std::vector<Case> all_networks() {
  return {{"MLP", {{"hidden", {12, 8}}}},
          {"MLP", {{"hidden", nlohmann::json::array()}}},
          {"MiniResNet", {{"blocks", 2}}},
          {"ResNetCifar", {{"depth", 14}, {"image_size", 12}}},
          {"ResNetCifar", {{"depth", 14}, {"image_size", 12}, {"shortcut", "zero_padding"}}},
          {"ResNet", {{"depth", 18}, {"image_size", 32}, {"num_classes", 7}}},
          {"ResNet", {{"depth", 50}, {"image_size", 32}, {"num_classes", 7}}},
          {"MobileNetV1", {{"image_size", 32}, {"width_multiplier", 0.25}, {"num_classes", 7}}},
          {"ResNetCifar", {{"depth", 14}, {"image_size", 12}, {"order", "edmips"}}},
          {"ResNetCifar",
           {{"depth", 14}, {"image_size", 12}, {"order", "edmips"}, {"shortcut", "zero_padding"}}},
          {"ResNet", {{"depth", 18}, {"image_size", 32}, {"num_classes", 7}, {"order", "edmips"}}},
          {"GoogLeNet", {{"image_size", 32}, {"num_classes", 7}, {"order", "edmips"}}},
          {"InceptionV3", {{"image_size", 75}, {"num_classes", 7}, {"order", "edmips"}}},
          {"GoogLeNet", {{"image_size", 32}, {"num_classes", 7}, {"transform_input", true}}},
          {"InceptionV3", {{"image_size", 75}, {"num_classes", 7}}},
          {"MobileNetV1", {{"image_size", 16}, {"width_multiplier", 0.25}, {"stem_stride", 1}}},
          {"MobileNetV2", {{"image_size", 32}, {"width", 0.25}, {"num_classes", 7}}},
          {"EfficientNet", {{"image_size", 32}, {"num_classes", 7}, {"convention", "google"}}},
          {"VGG", {{"depth", 11}, {"num_classes", 7}, {"hidden", {16}}}},
          {"DeiT", {{"variant", "tiny"}, {"image_size", 32}, {"num_classes", 7}}},
          {"Bert", plugin_test::small_options("Bert")},
          {"Bert", with(plugin_test::small_options("Bert"), "pooler", "mean")},
          {"Roberta", plugin_test::small_options("Roberta")},
          {"Gpt2", plugin_test::small_options("Gpt2")},
          {"Gpt2", with(plugin_test::small_options("Gpt2"), "head", "language_model")}};
}

/// In evaluation mode, with batch norms that do something.
std::shared_ptr<Network> make(const Case& c) {
  static const auto registry = plugin_test::load(
      {"mlp", "mini_resnet", "resnet_cifar", "resnet", "mobilenet_v1", "mobilenet_v2",
       "efficientnet", "vgg", "googlenet", "inception_v3", "deit", "bert", "roberta", "gpt2"});
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
  if (net.example_batch().input().scalar_type() == torch::kInt64) {
    return plugin_test::padded_batch(net, /*padding=*/1);
  }
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
  bool accepts(const Format&) const override { return true; }
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

TEST(Blocks, RunOnFoldedNetworks) {
  for (const Case& c : all_networks()) {
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = make(c);
    const Batch batch = batch_of(*net);
    torch::NoGradGuard no_grad;
    const Tensor before = net->forward(batch).logits;
    fold_batch_norms(*net);
    const Tensor after = net->forward(batch).logits;
    EXPECT_LT((after - before).abs().max().item<double>(),
              1e-4 * before.abs().max().item<double>());
    EXPECT_TRUE(torch::equal(run_chain(*net, batch), after));
    for (const auto& module : net->modules(/*include_self=*/false)) {
      const auto* norm = dynamic_cast<nn::BatchNorm2dImpl*>(module.get());
      // Norms before a convolution stay, where the tensor that they read is not one convolution's.
      if (!norm || !norm->before()) continue;
      EXPECT_EQ(norm->folding(), nn::BatchNorm2dImpl::Folding::kForGood);
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
    for (const Block& block : blocks) {
      EXPECT_EQ(units[block.name], block.layers) << block.name;  // may have none
    }
    EXPECT_EQ(units.size(), blocks.size());
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
  const Case mobile2 = {"MobileNetV2", {{"width", 0.25}}};
  EXPECT_THAT(names(mobile2), IsSupersetOf({"stem", "features.1", "features.17", "features.18"}));
  EXPECT_EQ(names(mobile2).size(), 20u);
  const auto efficient = make({"EfficientNet", nlohmann::json::object()});
  EXPECT_EQ(efficient->blocks().size(), 19u);
  EXPECT_EQ(efficient->blocks()[2].name, "features.2.0");
  EXPECT_THAT(
      efficient->blocks()[2].layers,
      ElementsAre("features.2.0.block.0.0", "features.2.0.block.1.0", "features.2.0.block.2.fc1",
                  "features.2.0.block.2.fc2", "features.2.0.block.3.0"));
  EXPECT_EQ(names({"VGG", nlohmann::json::object()}).size(), 16u);
}

TEST(SecondDerivative, OfEveryFloatNetwork) {
  for (const Case& c : all_networks()) {
    // As ResNet-18, GoogLeNet and GPT-2, but slow.
    if (c.options.value("depth", 0) == 50 || c.type == "InceptionV3" || c.type == "DeiT") continue;
    // As ResNet-18 and a linear layer, but with many weights.
    if (c.type == "VGG") continue;
    // The same operators in another order.
    if (c.options.contains("order") && c.type != "ResNetCifar") continue;
    SCOPED_TRACE(c.type + c.options.dump());
    const auto net = make(c);
    net->to(torch::kFloat64);
    Batch batch = batch_of(*net);
    if (batch.input().is_floating_point()) batch["input"] = batch.input().to(torch::kFloat64);
    { const EvaluationMode mode(*net); }
    const auto loss = [&] { return net->forward(batch).logits.log_softmax(1).square().sum(); };
    for (const bool folded : {false, true}) {
      if (folded) fold_batch_norms(*net);
      std::set<const void*> without;  // what folded norms do not read any more
      for (const auto& module : net->modules(/*include_self=*/false)) {
        const auto* norm = dynamic_cast<const nn::BatchNorm2dImpl*>(module.get());
        if (folded && norm && norm->before()) without.insert(norm->weight.unsafeGetTensorImpl());
      }
      std::vector<Tensor> parameters;
      for (const Tensor& p : net->parameters()) {
        if (!without.count(p.unsafeGetTensorImpl())) parameters.push_back(p);
      }
      const Curvature found = curvature(loss, parameters);
      EXPECT_GT(std::abs(found.by_autograd), 1e-6);
      EXPECT_NEAR(found.by_autograd, found.by_difference, 1e-4 * std::abs(found.by_autograd));
    }
  }
}

}  // namespace
}  // namespace deneb
