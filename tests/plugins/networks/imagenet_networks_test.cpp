#include <deneb/nn/frozen_weights.h>
#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <array>
#include <map>

#include "plugins/plugin_registry.h"

namespace deneb::imagenet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

using Shape = std::vector<std::int64_t>;
using Shapes = std::map<std::string, Shape>;
using State = std::map<std::string, torch::Tensor>;

std::shared_ptr<Network> network(const std::string& type,
                                 const nlohmann::json& options = nlohmann::json::object()) {
  static const auto registry = plugin_test::load({"resnet", "mobilenet_v1"});
  return plugin_test::make<Network>(*registry, type, options);
}

State state_by_name(const Network& net) {
  State state;
  for (const auto& [name, tensor] : state_of(net)) state[name] = tensor;
  return state;
}

std::int64_t count_parameters(const Network& net) {
  std::int64_t n = 0;
  for (const torch::Tensor& p : net.parameters()) n += p.numel();
  return n;
}

void add_batch_norm(Shapes& shapes, const std::string& name, std::int64_t channels) {
  for (const char* tensor : {"weight", "bias", "running_mean", "running_var"}) {
    shapes[name + "." + tensor] = {channels};
  }
  shapes[name + ".num_batches_tracked"] = {};
}

// What state_dict() of torchvision's network has.
Shapes torchvision_resnet(const std::array<int, 4>& blocks, bool bottleneck) {
  Shapes shapes;
  const auto add = [&shapes](const std::string& conv, const std::string& bn, const Shape& weight) {
    shapes[conv + ".weight"] = weight;
    add_batch_norm(shapes, bn, weight[0]);
  };
  add("conv1", "bn1", {64, 3, 7, 7});
  std::int64_t in = 64;
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t width = 64 << stage, out = bottleneck ? 4 * width : width;
    for (int b = 0; b < blocks[stage]; ++b) {
      const std::string at = "layer" + std::to_string(stage + 1) + "." + std::to_string(b) + ".";
      if (bottleneck) {
        add(at + "conv1", at + "bn1", {width, in, 1, 1});
        add(at + "conv2", at + "bn2", {width, width, 3, 3});
        add(at + "conv3", at + "bn3", {out, width, 1, 1});
      } else {
        add(at + "conv1", at + "bn1", {width, in, 3, 3});
        add(at + "conv2", at + "bn2", {width, width, 3, 3});
      }
      // The first block of every stage but that of BasicBlocks that keeps 64 channels.
      if (b == 0 && (stage > 0 || bottleneck)) {
        add(at + "downsample.0", at + "downsample.1", {out, in, 1, 1});
      }
      in = out;
    }
  }
  shapes["fc.weight"] = {1000, in};
  shapes["fc.bias"] = {1000};
  return shapes;
}

Shapes shapes_of(const Network& net) {
  Shapes shapes;
  for (const auto& [name, tensor] : state_of(net)) shapes[name] = tensor.sizes().vec();
  return shapes;
}

/// The forward passes once more, from tensors by name.
struct Reference {
  State state;

  torch::Tensor conv_bn(const torch::Tensor& x, const std::string& conv, const std::string& bn,
                        int stride) const {
    const torch::Tensor& w = state.at(conv + ".weight");
    const auto padding = w.size(2) / 2, groups = x.size(1) / w.size(1);
    const torch::Tensor y = torch::conv2d(x, w, {}, stride, padding, 1, groups);
    const auto own = [&](const char* name) { return state.at(bn + "." + name).view({-1, 1, 1}); };
    return (y - own("running_mean")) / (own("running_var") + 1e-5).sqrt() * own("weight") +
           own("bias");
  }
  torch::Tensor classes(const torch::Tensor& x) const {
    return torch::addmm(state.at("fc.bias"), x.mean({2, 3}), state.at("fc.weight").t());
  }

  torch::Tensor resnet(torch::Tensor x) const {
    x = torch::max_pool2d(conv_bn(x, "conv1", "bn1", 2).relu(), 3, 2, 1);
    for (int stage = 1; stage <= 4; ++stage) {
      for (int b = 0;; ++b) {
        const std::string at = "layer" + std::to_string(stage) + "." + std::to_string(b) + ".";
        if (!state.count(at + "conv1.weight")) break;
        const int stride = stage > 1 && b == 0 ? 2 : 1;
        torch::Tensor y;
        if (state.count(at + "conv3.weight")) {
          y = conv_bn(x, at + "conv1", at + "bn1", 1).relu();
          y = conv_bn(y, at + "conv2", at + "bn2", stride).relu();
          y = conv_bn(y, at + "conv3", at + "bn3", 1);
        } else {
          y = conv_bn(x, at + "conv1", at + "bn1", stride).relu();
          y = conv_bn(y, at + "conv2", at + "bn2", 1);
        }
        if (state.count(at + "downsample.0.weight")) {
          x = conv_bn(x, at + "downsample.0", at + "downsample.1", stride);
        }
        x = (y + x).relu();
      }
    }
    return classes(x);
  }

  torch::Tensor mobilenet(torch::Tensor x) const {
    x = conv_bn(x, "stem.conv", "stem.bn", 2).relu();
    const std::array<int, 13> strides = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};
    for (std::size_t i = 0; i < strides.size(); ++i) {
      const std::string at = "blocks." + std::to_string(i) + ".";
      x = conv_bn(x, at + "depthwise", at + "depthwise_bn", strides[i]).relu();
      x = conv_bn(x, at + "pointwise", at + "pointwise_bn", 1).relu();
    }
    return classes(x);
  }
};

/// In evaluation, with batch norms that do something; also with these folded.
void expect_computes(Network& net, torch::Tensor (Reference::*expected_of)(torch::Tensor) const) {
  torch::NoGradGuard no_grad;
  net.eval();
  const Reference reference{state_by_name(net)};
  for (const auto& [name, tensor] : reference.state) {
    if (!tensor.is_floating_point() || tensor.dim() != 1) continue;
    const bool factor =
        name.find("weight") != std::string::npos || name.find("running_var") != std::string::npos;
    const torch::Tensor noise = torch::rand(tensor.sizes());
    tensor.copy_(factor ? noise + 0.5 : 0.4 * noise - 0.2);
  }
  const torch::Tensor x = net.example_batch().input();
  const torch::Tensor before = x.clone();
  const torch::Tensor expected = (reference.*expected_of)(x);
  const double tolerance = 1e-4 * expected.abs().max().item<double>();
  EXPECT_GT(tolerance, 0);
  EXPECT_LT((net.forward(x) - expected).abs().max().item<double>(), tolerance);
  for (const auto& module : net.modules(/*include_self=*/false)) {
    const auto* norm = dynamic_cast<nn::BatchNorm2dImpl*>(module.get());
    if (norm) {
      EXPECT_TRUE(norm->before());
    }
  }
  const FrozenWeights frozen(net);
  EXPECT_LT((net.forward(x) - expected).abs().max().item<double>(), tolerance);
  EXPECT_TRUE(torch::equal(x, before));
}

/// Fits one batch of noise: forward, backward and all parameters work.
void expect_trains(Network& net) {
  Shape shape = net.input_shape();
  shape.insert(shape.begin(), 8);
  const torch::Tensor x = torch::randn(shape);
  const torch::Tensor target = torch::arange(8) % net.num_classes();
  torch::optim::SGD sgd(net.parameters(), torch::optim::SGDOptions(0.02).momentum(0.9));
  double first = 0, last = 0;
  for (int i = 0; i < 60 && last >= 0.3 * first; ++i) {
    sgd.zero_grad();
    const torch::Tensor logits = net.forward(x);
    ASSERT_EQ(logits.sizes(), (Shape{8, net.num_classes()}));
    const torch::Tensor loss = torch::cross_entropy_loss(logits, target);
    loss.backward();
    sgd.step();
    last = loss.item<double>();
    if (i == 0) first = last;
  }
  EXPECT_LT(last, 0.3 * first);
  for (const auto& p : net.named_parameters()) {
    EXPECT_TRUE(p.value().grad().defined()) << p.key();
  }
}

/// A copy of the weights under the names that a data-parallel wrapper gives them.
void expect_loads_parallel_weights(Network& from, Network& to) {
  std::vector<std::pair<std::string, torch::Tensor>> saved;
  for (const auto& [name, tensor] : state_of(from)) {
    saved.emplace_back("module." + name, tensor.detach().clone());
  }
  const LoadReport report = load_state(to, saved, "w.safetensors");
  EXPECT_THAT(report.missing, IsEmpty());
  EXPECT_THAT(report.unused, IsEmpty());
  const State loaded = state_by_name(to);
  for (const auto& [name, tensor] : state_of(from)) {
    EXPECT_TRUE(torch::equal(tensor, loaded.at(name))) << name;
  }
}

void expect_refused(const std::string& type, const std::string& option,
                    const nlohmann::json& value) {
  EXPECT_THAT(([&] {
                network(type, {{option, value}});
              }),
              ThrowsMessage<ConfigError>(HasSubstr(option)))
      << type << " " << value;
}

struct Costs {
  std::size_t searched_layers;
  std::int64_t searched_macs, first_macs, linear_macs, searched_weights, first_weights;
};

/// Searched are all convolutions but the first.
void expect_costs(const NetworkInfo& info, const Costs& expected) {
  ASSERT_EQ(info.layers.size(), expected.searched_layers + 2);
  std::int64_t macs = 0, weights = 0;
  for (std::size_t i = 1; i + 1 < info.layers.size(); ++i) {
    EXPECT_EQ(info.layers[i].op, "conv2d");
    EXPECT_FALSE(info.layers[i].signed_input) << info.layers[i].name;
    macs += info.layers[i].macs;
    weights += info.layers[i].weights;
  }
  EXPECT_EQ(macs, expected.searched_macs);
  EXPECT_EQ(weights, expected.searched_weights);
  EXPECT_EQ(info.layers.front().macs, expected.first_macs);
  EXPECT_EQ(info.layers.front().weights, expected.first_weights);
  EXPECT_TRUE(info.layers.front().signed_input);
  EXPECT_EQ(info.layers.back().name, "fc");
  EXPECT_EQ(info.layers.back().macs, expected.linear_macs);
}

/// As LIMPQ's code counts.
void expect_unrounded(const NetworkInfo& info, std::int64_t searched, std::int64_t first) {
  std::int64_t macs = 0;
  for (std::size_t i = 1; i + 1 < info.layers.size(); ++i) macs += unrounded_macs(info.layers[i]);
  EXPECT_EQ(macs, searched);
  EXPECT_EQ(unrounded_macs(info.layers.front()), first);
  EXPECT_EQ(unrounded_macs(info.layers.back()), info.layers.back().macs);
}

std::vector<std::string> first_names(const NetworkInfo& info, std::size_t n) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < n; ++i) names.push_back(info.layers.at(i).name);
  return names;
}

TEST(ResNet, Depth18IsTorchvisions) {
  const auto net = network("ResNet", {{"depth", 18}});
  EXPECT_EQ(count_parameters(*net), 11689512);
  EXPECT_EQ(shapes_of(*net), torchvision_resnet({2, 2, 2, 2}, false));
  const NetworkInfo info = probe(*net, "ResNet");
  expect_costs(info, {19, 1695547392, 118013952, 512000, 11157504, 9408});
  expect_unrounded(info, 1711603712, 119067648);
  EXPECT_EQ(info.pooling_ops, 512 * 50);
}

TEST(ResNet, Depth50IsTorchvisions) {
  const auto net = network("ResNet");  // the default
  EXPECT_THAT(net->input_shape(), ElementsAre(3, 224, 224));
  EXPECT_EQ(count_parameters(*net), 25557032);
  EXPECT_EQ(shapes_of(*net), torchvision_resnet({3, 4, 6, 3}, true));
  const NetworkInfo info = probe(*net, "ResNet");
  expect_costs(info, {52, 3969122304, 118013952, 2048000, 23445504, 9408});
  expect_unrounded(info, 4023713792, 119067648);
  EXPECT_THAT(first_names(info, 5), ElementsAre("conv1", "layer1.0.conv1", "layer1.0.conv2",
                                                "layer1.0.conv3", "layer1.0.downsample.0"));
  EXPECT_EQ(info.find("layer1.0.conv1")->input_group,
            info.find("layer1.0.downsample.0")->input_group);
  // The stride sits in conv2.
  EXPECT_THAT(info.find("layer2.0.conv1")->output_shape, ElementsAre(128, 56, 56));
  EXPECT_THAT(info.find("layer2.0.conv2")->output_shape, ElementsAre(128, 28, 28));
}

TEST(ResNet, Depths34And101) {
  const auto net34 = network("ResNet", {{"depth", 34}});
  EXPECT_EQ(count_parameters(*net34), 21797672);
  expect_costs(probe(*net34, "ResNet"), {35, 3545235456, 118013952, 512000, 21258240, 9408});
  const auto net101 = network("ResNet", {{"depth", 101}});
  EXPECT_EQ(count_parameters(*net101), 44549160);
  expect_costs(probe(*net101, "ResNet"), {103, 7681343488, 118013952, 2048000, 42385408, 9408});
}

TEST(ResNet, ComputesWhatTheTensorsSay) {
  torch::manual_seed(1);
  for (const int depth : {18, 50}) {
    SCOPED_TRACE(depth);
    const auto net = network("ResNet", {{"depth", depth}, {"image_size", 64}, {"num_classes", 7}});
    expect_computes(*net, &Reference::resnet);
  }
}

TEST(ResNet, TrainsOnOtherImages) {
  torch::manual_seed(2);
  const auto net = network(
      "ResNet", {{"depth", 18}, {"image_size", 33}, {"in_channels", 1}, {"num_classes", 5}});
  EXPECT_THAT(net->input_shape(), ElementsAre(1, 33, 33));
  EXPECT_EQ(net->num_classes(), 5);
  expect_trains(*net);
}

TEST(ResNet, LoadsWeightsOfAParallelWrapper) {
  const auto from = network("ResNet", {{"depth", 18}}), to = network("ResNet", {{"depth", 18}});
  expect_loads_parallel_weights(*from, *to);
}

TEST(ResNet, BadOptions) {
  for (const int depth : {17, 20, 152}) expect_refused("ResNet", "depth", depth);
  expect_refused("ResNet", "image_size", 31);
  expect_refused("ResNet", "num_classes", 1);
  expect_refused("ResNet", "in_channels", 0);
}

TEST(MobileNetV1, LayerTable) {
  const auto net = network("MobileNetV1");
  EXPECT_THAT(net->input_shape(), ElementsAre(3, 224, 224));
  EXPECT_EQ(count_parameters(*net), 4231976);
  const NetworkInfo info = probe(*net, "MobileNetV1");
  expect_costs(info, {26, 556878336, 10838016, 1024000, 3184224, 864});
  expect_unrounded(info, 557007360, 10934784);
  EXPECT_THAT(first_names(info, 5),
              ElementsAre("stem.conv", "blocks.0.depthwise", "blocks.0.pointwise",
                          "blocks.1.depthwise", "blocks.1.pointwise"));
  EXPECT_EQ(info.find("blocks.12.depthwise")->groups, 1024);
  EXPECT_THAT(info.find("blocks.12.pointwise")->output_shape, ElementsAre(1024, 7, 7));
}

TEST(MobileNetV1, NamesAreThoseOfTheReadme) {
  Shapes expected;
  expected["stem.conv.weight"] = {32, 3, 3, 3};
  add_batch_norm(expected, "stem.bn", 32);
  std::int64_t in = 32;
  int block = 0;
  for (const std::int64_t out :
       {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024}) {
    const std::string at = "blocks." + std::to_string(block++) + ".";
    expected[at + "depthwise.weight"] = {in, 1, 3, 3};
    add_batch_norm(expected, at + "depthwise_bn", in);
    expected[at + "pointwise.weight"] = {out, in, 1, 1};
    add_batch_norm(expected, at + "pointwise_bn", out);
    in = out;
  }
  expected["fc.weight"] = {1000, 1024};
  expected["fc.bias"] = {1000};
  EXPECT_EQ(shapes_of(*network("MobileNetV1")), expected);
}

TEST(MobileNetV1, WidthMultiplier) {
  const auto quarter = network("MobileNetV1", {{"width_multiplier", 0.25}});
  EXPECT_EQ(count_parameters(*quarter), 470072);
  expect_costs(probe(*quarter, "MobileNetV1"), {26, 38064768, 2709504, 256000, 207384, 216});
  // Rounded, and never below 8.
  const auto shapes = shapes_of(*network("MobileNetV1", {{"width_multiplier", 0.11}}));
  EXPECT_THAT(shapes.at("blocks.0.pointwise.weight"), ElementsAre(8, 8, 1, 1));
  EXPECT_THAT(shapes.at("blocks.12.pointwise.weight"), ElementsAre(113, 113, 1, 1));
}

TEST(MobileNetV1, ComputesWhatTheTensorsSay) {
  torch::manual_seed(3);
  const auto net = network("MobileNetV1", {{"image_size", 64}, {"num_classes", 7}});
  expect_computes(*net, &Reference::mobilenet);
}

TEST(MobileNetV1, TrainsOnOtherImages) {
  torch::manual_seed(4);
  const auto net = network(
      "MobileNetV1",
      {{"width_multiplier", 0.5}, {"image_size", 33}, {"in_channels", 1}, {"num_classes", 5}});
  EXPECT_THAT(net->input_shape(), ElementsAre(1, 33, 33));
  EXPECT_EQ(net->num_classes(), 5);
  expect_trains(*net);
}

TEST(MobileNetV1, LoadsWeightsOfAParallelWrapper) {
  const auto from = network("MobileNetV1"), to = network("MobileNetV1");
  expect_loads_parallel_weights(*from, *to);
}

TEST(MobileNetV1, BadOptions) {
  expect_refused("MobileNetV1", "width_multiplier", 0);
  expect_refused("MobileNetV1", "width_multiplier", 5);
  expect_refused("MobileNetV1", "image_size", 31);
  expect_refused("MobileNetV1", "num_classes", 1);
  expect_refused("MobileNetV1", "in_channels", 0);
}

}  // namespace
}  // namespace deneb::imagenet
