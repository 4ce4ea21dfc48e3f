#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/cost_model.h>
#include <deneb/quant/policy_file.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <cmath>
#include <functional>
#include <map>

#include "plugins/plugin_registry.h"

// Networks in EdMIPS' order (Cai and Vasconcelos 2020). Expected numbers: its code, run once.
namespace deneb::edmips {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsSupersetOf;
using torch::Tensor;

const Registry& registry() {
  static const auto loaded = plugin_test::load(
      {"resnet", "resnet_cifar", "googlenet", "inception_v3", "standard_costs", "average_bits"});
  return *loaded;
}

std::shared_ptr<Network> network(const std::string& type, const json& options = json::object()) {
  return plugin_test::make<Network>(registry(), type, options);
}

std::int64_t count_parameters(const Network& net) {
  std::int64_t n = 0;
  for (const Tensor& p : net.parameters()) n += p.numel();
  return n;
}

std::vector<std::string> names_of(const NetworkInfo& info) {
  std::vector<std::string> names;
  for (const LayerInfo& layer : info.layers) names.push_back(layer.name);
  return names;
}

/// Of one network with 1000 classes; sizes in millions.
struct Expected {
  std::string file, type;
  json options;
  /// At this size of the image all layers but fc are `shrink` times smaller than in the paper.
  int image_size;
  double shrink;
  std::int64_t parameters;
  std::size_t searched;
  std::string first;  ///< of the searched layers
  double macs, edmips_sizes, first_size, bits, bit_ops, weight_mbits, activation_kbits;
};

std::vector<Expected> all_expected() {
  const json plain = {{"order", "edmips"}};
  const json deep18 = {{"depth", 18}, {"order", "edmips"}};
  const json deep50 = {{"depth", 50}, {"order", "edmips"}};
  return {{"resnet18", "ResNet", deep18, 32, 49, 11692456, 19, "layer1.0.conv1", 1695.547, 1695.547,
           115.6055, 1.9924, 6730.81, 23.323, 4841.98},
          {"resnet50", "ResNet", deep50, 32, 49, 25583272, 52, "layer1.0.conv1", 3969.122, 3969.122,
           12.84506, 2.0073, 15992.09, 45.707, 26969.6},
          {"googlenet", "GoogLeNet", plain, 32, 49, 7015144, 56, "conv2.conv", 1463.634, 1463.634,
           12.84506, 1.9942, 5820.57, 13.646, 12984.6},
          // Layers without padding: no smaller image has the same proportions.
          {"inception_v3", "InceptionV3", plain, 299, 1, 23850952, 93, "Conv2d_2a_3x3.conv",
           5691.986, 5763.155, 204.6044, 1.9817, 22633.13, 43.831, 39987.2}};
}

// The networks, their sizes as EdMIPS counts them, and the policies that it found.
TEST(EdmipsNetworks, HaveItsSizesAndPolicies) {
  const auto average =
      plugin_test::make<CostModel>(registry(), "average_bits", {{"counting", "edmips"}});
  const auto exact = plugin_test::make<CostModel>(registry(), "average_bits");
  const auto size = plugin_test::make<CostModel>(registry(), "size");
  for (const Expected& expected : all_expected()) {
    SCOPED_TRACE(expected.file);
    json options = expected.options;
    options["image_size"] = expected.image_size;
    const auto net = network(expected.type, options);
    EXPECT_EQ(count_parameters(*net), expected.parameters);
    const NetworkInfo info = probe(*net, expected.type);
    ASSERT_EQ(info.layers.size(), expected.searched + 2);
    EXPECT_EQ(info.layers[1].name, expected.first);
    EXPECT_EQ(info.layers.back().name, "fc");
    EXPECT_TRUE(info.layers.front().signed_input);
    std::vector<std::string> registered;
    for (const NamedQuantLayer& layer : quant_layers(*net)) registered.push_back(layer.name);
    EXPECT_EQ(names_of(info), registered);  // also as they run

    const BitPolicy policy =
        read_policy_file(DENEB_ALLOCATIONS "/" + expected.file + ".json").policy;
    ASSERT_EQ(policy.layers().size(), info.layers.size());
    EXPECT_TRUE(policy.layers().front().second.is_float32());
    EXPECT_TRUE(policy.layers().back().second.is_float32());
    const LayerChoice one_bit = {Format::integer(1, true), Format::integer(1, false)};
    double macs = 0, sizes = 0, bit_ops = 0, weight_bits = 0, activation_bits = 0;
    for (std::size_t i = 1; i + 1 < info.layers.size(); ++i) {
      const LayerInfo& layer = info.layers[i];
      EXPECT_FALSE(layer.signed_input) << layer.name;
      ASSERT_EQ(policy.layers()[i].first, layer.name);
      const LayerChoice& choice = policy.layers()[i].second;
      EXPECT_FALSE(choice.is_float32()) << layer.name;
      EXPECT_FALSE(choice.activation.is_signed()) << layer.name;
      macs += double(layer.macs);
      sizes += average->layer(layer, one_bit);
      bit_ops += average->layer(layer, choice);
      weight_bits += size->layer(layer, choice);
      activation_bits += double(layer.input_shape[0] * layer.input_shape[1] * layer.input_shape[2] *
                                choice.activation.bits);
    }
    const double million = 1e6 / expected.shrink;
    EXPECT_NEAR(macs / million, expected.macs, 5.01e-4);
    EXPECT_NEAR(sizes / million, expected.edmips_sizes, 5.01e-4);
    EXPECT_NEAR(average->layer(info.layers[1], one_bit) / million, expected.first_size, 5.01e-5);
    EXPECT_NEAR(bit_ops / million, expected.bit_ops, 5.01e-3);
    EXPECT_NEAR(weight_bits / 1e6, expected.weight_mbits, 5.01e-4);
    EXPECT_NEAR(activation_bits / million * 1e3, expected.activation_kbits,
                1e-5 * expected.activation_kbits);
    EXPECT_NEAR(average->total(info, policy), expected.bits, 5.01e-5);
    EXPECT_NEAR(average->total(info, policy), std::sqrt(bit_ops / sizes), 1e-12);
    if (macs == sizes) {
      EXPECT_EQ(exact->total(info, policy), average->total(info, policy));
    } else {
      EXPECT_GT(std::abs(exact->total(info, policy) - expected.bits), 1e-4);
    }
  }
}

TEST(EdmipsNetworks, LayersComeInTheOrderOfItsAllocations) {
  const json small = {{"image_size", 32}, {"num_classes", 7}, {"depth", 18}, {"order", "edmips"}};
  const auto resnet = names_of(probe(*network("ResNet", small), "ResNet"));
  ASSERT_EQ(resnet.size(), 21u);
  for (const std::size_t i : {6, 11, 16}) {
    EXPECT_EQ(resnet[i + 1].substr(6), ".0.downsample.0");
    EXPECT_EQ(resnet[i].substr(6), ".0.conv2");
  }
  const auto google = names_of(
      probe(*network("GoogLeNet", {{"image_size", 32}, {"num_classes", 7}, {"order", "edmips"}}),
            "GoogLeNet"));
  ASSERT_EQ(google.size(), 58u);
  EXPECT_THAT(std::vector<std::string>(google.begin(), google.begin() + 9),
              ElementsAre("conv1.conv", "conv2.conv", "conv3.conv", "inception3a.branch1.conv",
                          "inception3a.branch2.0.conv", "inception3a.branch2.1.conv",
                          "inception3a.branch3.0.conv", "inception3a.branch3.1.conv",
                          "inception3a.branch4.1.conv"));
  const NetworkInfo info =
      probe(*network("InceptionV3", {{"image_size", 75}, {"num_classes", 7}, {"order", "edmips"}}),
            "InceptionV3");
  const auto inception = names_of(info);
  ASSERT_EQ(inception.size(), 95u);
  EXPECT_EQ(inception[5], "Mixed_5b.branch1x1.conv");
  const auto last = [&](const std::string& name) { return "Mixed_7c." + name + ".conv"; };
  EXPECT_THAT(
      std::vector<std::string>(inception.end() - 10, inception.end()),
      ElementsAre(last("branch1x1"), last("branch3x3_1"), last("branch3x3_2a"),
                  last("branch3x3_2b"), last("branch3x3dbl_1"), last("branch3x3dbl_2"),
                  last("branch3x3dbl_3a"), last("branch3x3dbl_3b"), last("branch_pool"), "fc"));
  // Branches read one tensor; those behind a norm of their own do not.
  const auto group = [&](const std::string& name) { return info.find(name)->input_group; };
  EXPECT_EQ(group(last("branch1x1")), group(last("branch3x3_1")));
  EXPECT_EQ(group(last("branch1x1")), group(last("branch3x3dbl_1")));
  EXPECT_EQ(group(last("branch3x3_2a")), group(last("branch3x3_2b")));
  EXPECT_NE(group(last("branch1x1")), group(last("branch3x3_2a")));
  EXPECT_NE(group(last("branch1x1")), group(last("branch_pool")));
}

/// The forward passes once more, from tensors by name.
struct Reference {
  explicit Reference(const Network& net, double norm_eps) : eps(norm_eps) {
    for (const auto& [name, tensor] : state_of(net)) state[name] = tensor;
  }
  std::map<std::string, Tensor> state;
  double eps;

  Tensor norm(const Tensor& x, const std::string& bn) const {
    const auto own = [&](const char* name) { return state.at(bn + "." + name).view({-1, 1, 1}); };
    return (x - own("running_mean")) / (own("running_var") + eps).sqrt() * own("weight") +
           own("bias");
  }
  Tensor conv(const Tensor& x, const std::string& name, int stride = 1, bool padded = true) const {
    const Tensor& w = state.at(name + ".weight");
    const std::vector<std::int64_t> padding = {padded ? w.size(2) / 2 : 0,
                                               padded ? w.size(3) / 2 : 0};
    return torch::conv2d(x, w, {}, stride, padding);
  }
  /// Through NAME.bn and NAME.conv.
  Tensor normed(const Tensor& x, const std::string& name, int stride = 1,
                bool padded = true) const {
    return conv(norm(x, name + ".bn").relu(), name + ".conv", stride, padded);
  }
  Tensor classes(const Tensor& x) const {
    return torch::addmm(state.at("fc.bias"), x.mean({2, 3}), state.at("fc.weight").t());
  }

  Tensor resnet(Tensor x, bool large_stem) const {
    x = conv(x, "conv1", large_stem ? 2 : 1);
    if (large_stem) x = torch::max_pool2d(x, 3, 2, 1);
    x = norm(x, "bn1");
    for (int stage = 1; state.count("layer" + std::to_string(stage) + ".0.conv1.weight"); ++stage) {
      for (int b = 0;; ++b) {
        const std::string at = "layer" + std::to_string(stage) + "." + std::to_string(b) + ".";
        if (!state.count(at + "conv1.weight")) break;
        const int stride = stage > 1 && b == 0 ? 2 : 1;
        const bool bottleneck = state.count(at + "conv3.weight") > 0;
        const Tensor z = norm(x, at + "bn0").relu();
        Tensor y = conv(z, at + "conv1", bottleneck ? 1 : stride);
        y = conv(norm(y, at + "bn1").relu(), at + "conv2", bottleneck ? stride : 1);
        y = norm(y, at + "bn2");
        if (bottleneck) y = norm(conv(y.relu(), at + "conv3"), at + "bn3");
        if (state.count(at + "downsample.0.weight")) {
          x = norm(conv(z, at + "downsample.0", stride), at + "downsample.1");
        } else if (y.size(1) != x.size(1)) {
          const auto missing = y.size(1) - x.size(1);
          x = torch::constant_pad_nd(torch::max_pool2d(x, 1, 2),
                                     {0, 0, 0, 0, missing / 2, missing - missing / 2});
        }
        x = x + y;
      }
    }
    return classes(x.relu());
  }

  Tensor googlenet(Tensor x) const {
    const auto halved = [](const Tensor& y, int k) {
      return torch::max_pool2d(y, k, 2, 0, 1, true);
    };
    x = halved(conv(x, "conv1.conv", 2), 3);
    x = halved(normed(normed(x, "conv2"), "conv3"), 3);
    for (const char* name : {"3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"}) {
      const std::string at = std::string("inception") + name + ".";
      const Tensor z = norm(x, at + "bn").relu();
      x = torch::cat(
          {conv(z, at + "branch1.conv"), normed(conv(z, at + "branch2.0.conv"), at + "branch2.1"),
           normed(conv(z, at + "branch3.0.conv"), at + "branch3.1"),
           normed(torch::max_pool2d(x, 3, 1, 1), at + "branch4.1")},
          1);
      if (at == "inception3b.") x = halved(x, 3);
      if (at == "inception4e.") x = halved(x, 2);
    }
    return classes(norm(x, "bn").relu());
  }

  Tensor inception(Tensor x) const {
    const auto halved = [](const Tensor& y) { return torch::max_pool2d(y, 3, 2); };
    x = conv(x, "Conv2d_1a_3x3.conv", 2, false);
    x = halved(normed(normed(x, "Conv2d_2a_3x3", 1, false), "Conv2d_2b_3x3"));
    x = halved(normed(normed(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3", 1, false));
    for (const char* name : {"5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"}) {
      const std::string at = std::string("Mixed_") + name + ".", kind = name;
      const Tensor z = norm(x, at + "bn").relu();
      // Of a chain NAME1, NAME2, ...; the first reads the shared norm.
      const auto chain = [&](const std::string& branch, int n, bool halves = false) {
        Tensor y = conv(z, at + branch + "1.conv");
        for (int i = 2; i <= n; ++i) {
          const bool half = halves && i == n;
          y = normed(y, at + branch + std::to_string(i), half ? 2 : 1, !half);
        }
        return y;
      };
      const auto forked = [&](const Tensor& y, const std::string& branch) {
        const Tensor own = norm(y, at + branch + ".bn").relu();
        return torch::cat({conv(own, at + branch + "a.conv"), conv(own, at + branch + "b.conv")},
                          1);
      };
      std::vector<Tensor> parts;
      if (kind[0] == '5') {
        parts = {conv(z, at + "branch1x1.conv"), chain("branch5x5_", 2), chain("branch3x3dbl_", 3)};
      } else if (kind == "6a") {
        parts = {conv(z, at + "branch3x3.conv", 2, false), chain("branch3x3dbl_", 3, true)};
      } else if (kind[0] == '6') {
        parts = {conv(z, at + "branch1x1.conv"), chain("branch7x7_", 3), chain("branch7x7dbl_", 5)};
      } else if (kind == "7a") {
        parts = {chain("branch3x3_", 2, true), chain("branch7x7x3_", 4, true)};
      } else {
        parts = {conv(z, at + "branch1x1.conv"), forked(chain("branch3x3_", 1), "branch3x3_2"),
                 forked(chain("branch3x3dbl_", 2), "branch3x3dbl_3")};
      }
      parts.push_back(kind == "6a" || kind == "7a"
                          ? halved(x)
                          : normed(torch::avg_pool2d(x, 3, 1, 1), at + "branch_pool"));
      x = torch::cat(parts, 1);
    }
    return classes(norm(x, "bn").relu());
  }
};

/// In evaluation, with batch norms that do something.
void expect_computes(Network& net, double eps,
                     const std::function<Tensor(const Reference&, const Tensor&)>& expected_of) {
  torch::NoGradGuard no_grad;
  net.eval();
  for (const auto& [name, tensor] : state_of(net)) {
    if (!tensor.is_floating_point() || tensor.dim() != 1) continue;
    const bool factor =
        name.find("weight") != std::string::npos || name.find("running_var") != std::string::npos;
    factor ? tensor.uniform_(0.5, 1.5) : tensor.uniform_(-0.2, 0.2);
  }
  const Tensor x = net.example_batch().input();
  const Tensor before = x.clone();
  const Tensor expected = expected_of(Reference(net, eps), x);
  EXPECT_GT(expected.abs().max().item<double>(), 0);
  EXPECT_LT((net.forward(x) - expected).abs().max().item<double>(),
            1e-4 * expected.abs().max().item<double>());
  EXPECT_TRUE(torch::equal(x, before));
}

TEST(EdmipsNetworks, ComputeWhatTheirOrderSays) {
  torch::manual_seed(3);
  const json small = {{"num_classes", 7}, {"order", "edmips"}};
  const auto with = [&](json more) {
    more.update(small);
    return more;
  };
  for (const int depth : {18, 50}) {
    const auto net = network("ResNet", with({{"depth", depth}, {"image_size", 64}}));
    expect_computes(*net, 1e-5,
                    [](const Reference& r, const Tensor& x) { return r.resnet(x, true); });
  }
  for (const char* shortcut : {"projection", "zero_padding"}) {
    const auto net = network("ResNetCifar", with({{"shortcut", shortcut}}));
    expect_computes(*net, 1e-5,
                    [](const Reference& r, const Tensor& x) { return r.resnet(x, false); });
  }
  expect_computes(*network("GoogLeNet", with({{"image_size", 64}})), 1e-3,
                  [](const Reference& r, const Tensor& x) { return r.googlenet(x); });
  expect_computes(*network("InceptionV3", with({{"image_size", 107}})), 1e-3,
                  [](const Reference& r, const Tensor& x) { return r.inception(x); });
}

TEST(EdmipsNetworks, OrderAddsANormToEveryBlock) {
  const auto net = network("ResNetCifar", {{"order", "edmips"}});
  EXPECT_EQ(count_parameters(*net), 273050);
  const NetworkInfo info = probe(*net, "ResNetCifar");
  EXPECT_EQ(names_of(info), names_of(probe(*network("ResNetCifar"), "ResNetCifar")));
  std::vector<std::string> norms;
  for (const auto& module : net->named_modules("", /*include_self=*/false)) {
    if (std::dynamic_pointer_cast<nn::BatchNorm2dImpl>(module.value()))
      norms.push_back(module.key());
  }
  EXPECT_EQ(norms.size(), 21u + 9);
  EXPECT_THAT(norms, IsSupersetOf({"bn1", "layer1.0.bn0", "layer3.2.bn0"}));
  EXPECT_THROW(network("ResNet", {{"order", "edmip"}}), ConfigError);
}

// With batch statistics: all parameters get gradients, and the loss of one batch falls.
TEST(EdmipsNetworks, Train) {
  torch::manual_seed(11);
  const std::vector<std::pair<std::string, json>> small = {
      {"ResNetCifar", {{"depth", 8}, {"image_size", 16}, {"num_classes", 4}, {"order", "edmips"}}},
      {"GoogLeNet", {{"image_size", 64}, {"num_classes", 4}, {"order", "edmips"}}}};
  for (const auto& [type, options] : small) {
    SCOPED_TRACE(type);
    const auto net = network(type, options);
    std::vector<std::int64_t> shape = net->input_shape();
    shape.insert(shape.begin(), 8);
    const Tensor x = torch::randn(shape), target = torch::arange(8) % 4;
    torch::optim::SGD sgd(net->parameters(), torch::optim::SGDOptions(0.02).momentum(0.9));
    double first = 0, last = 0;
    for (int i = 0; i < 40 && last >= 0.5 * first; ++i) {
      sgd.zero_grad();
      const Tensor loss = torch::cross_entropy_loss(net->forward(x), target);
      loss.backward();
      sgd.step();
      last = loss.item<double>();
      if (i == 0) first = last;
    }
    EXPECT_LT(last, 0.5 * first);
    for (const auto& p : net->named_parameters()) {
      EXPECT_TRUE(p.value().grad().defined()) << p.key();
    }
  }
}

// Truncated at twice the deviation a normal distribution has 0.8796 of its deviation.
TEST(EdmipsNetworks, InceptionWeightsBeginTruncated) {
  torch::manual_seed(5);
  for (const auto& [type, deviation] : {std::pair("GoogLeNet", 0.01), {"InceptionV3", 0.1}}) {
    const auto net = network(type);
    for (const char* name :
         {"fc.weight", "conv3.conv.weight", "Mixed_6e.branch7x7_3.conv.weight"}) {
      const auto parameters = net->named_parameters();
      const Tensor* found = parameters.find(name);
      if (!found) continue;
      const Tensor w = found->detach();
      EXPECT_LE(w.abs().max().item<double>(), 2 * deviation * (1 + 1e-6)) << name;
      EXPECT_GT(w.abs().max().item<double>(), 1.99 * deviation) << name;
      EXPECT_NEAR(w.std().item<double>(), 0.8796 * deviation, 0.005 * deviation) << name;
      EXPECT_NEAR(w.mean().item<double>(), 0, 0.01 * deviation) << name;
    }
  }
}

}  // namespace
}  // namespace deneb::edmips
