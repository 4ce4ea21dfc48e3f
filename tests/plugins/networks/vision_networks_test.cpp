#include <deneb/nn/layers.h>
#include <deneb/nn/walk.h>
#include <deneb/quant/cost_model.h>
#include <deneb/train/cross_entropy.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "plugins/plugin_registry.h"

// Networks for images by everybody's names: sizes, costs, facts of layers, foreign files. What they
// compute: golden_test.cpp.
namespace deneb::vision {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;
using torch::Tensor;

const Registry& registry() {
  static const auto loaded = plugin_test::load(
      {"mlp", "mini_resnet", "resnet_cifar", "resnet", "mobilenet_v1", "mobilenet_v2",
       "efficientnet", "vgg", "googlenet", "inception_v3", "standard_costs"});
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

std::int64_t count_buffers(const Network& net) {
  std::int64_t n = 0;
  for (const Tensor& b : net.buffers()) n += b.numel();
  return n;
}

std::int64_t macs_of(const NetworkInfo& info, const std::string& without = "none") {
  std::int64_t n = 0;
  for (const LayerInfo& layer : info.layers) {
    if (layer.name.find(without) == std::string::npos) n += layer.macs;
  }
  return n;
}

/// MiB of the weights, and 1e9 bit operations, of which FLIQS' figures are; and its code's compute.
struct Costs {
  double memory, bit_ops, compute;
};

Costs costs_of(const std::vector<LayerInfo>& layers, const std::vector<std::pair<int, int>>& bits) {
  static const auto bit_ops = plugin_test::make<CostModel>(registry(), "bitops");
  static const auto size = plugin_test::make<CostModel>(registry(), "size");
  Costs costs = {0, 0, 0};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerChoice choice = {Format::integer(bits[i].first, true),
                                Format::integer(bits[i].second, layers[i].signed_input)};
    costs.memory += size->layer(layers[i], choice) / 8 / 0x1p20;
    costs.bit_ops += bit_ops->layer(layers[i], choice) / 1e9;
    const double mean = 0.5 * (bits[i].first + bits[i].second);
    costs.compute += double(layers[i].weights) * mean * mean / 1e6;
  }
  return costs;
}

void expect_costs(const Costs& found, const Costs& expected) {
  const double digits = 5.01e-7;
  EXPECT_NEAR(found.memory, expected.memory, digits);
  EXPECT_NEAR(found.bit_ops, expected.bit_ops, digits);
  EXPECT_NEAR(found.compute, expected.compute, digits);
}

struct CostRow {
  std::string type;
  json options;
  std::vector<std::string> left_out;  ///< parts of names
  std::size_t layers;
  std::int64_t weights, macs;
  Costs w8a8, w4a4, alternating,
      ends8;  ///< 8, 4, 8, ... in forward order; first and last 8, rest 4
};

// Measured once with torchvision's networks.
TEST(VisionNetworks, CostOfEveryWidth) {
  const std::vector<CostRow> rows = {
      {"ResNet",
       {{"depth", 18}},
       {},
       21,
       11678912,
       1814073344,
       {11.137878, 116.100694, 747.450368},
       {5.568939, 29.025174, 186.862592},
       {8.680847, 76.640682, 500.117504},
       {5.817566, 34.714419, 211.890176}},
      {"ResNet",
       {{"depth", 18}},
       {"downsample", "fc"},
       17,
       10994880,
       1794293760,
       {10.485535, 114.834801, 703.672320},
       {5.242767, 28.708700, 175.918080},
       {8.235535, 78.765883, 477.179904},
       {6.372253, 39.922434, 289.615872}},
      {"ResNet",
       {{"depth", 18}, {"num_classes", 10}, {"image_size", 32}},
       {},
       21,
       11172032,
       37016576,
       {10.654480, 2.369061, 715.010048},
       {5.327240, 0.592265, 178.752512},
       {8.197449, 1.563754, 467.677184},
       {5.334167, 0.708116, 179.449856}},
      {"ResNet",
       {{"depth", 18}, {"num_classes", 10}, {"image_size", 32}, {"stem", "cifar"}},
       {},
       21,
       11164352,
       555422720,
       {10.647156, 35.547054, 714.518528},
       {5.323578, 8.886764, 178.629632},
       {8.190125, 22.662152, 467.185664},
       {5.326843, 8.971944, 178.958336}},
      {"ResNet",
       {{"depth", 50}},
       {},
       54,
       25502912,
       4089184256,
       {24.321472, 261.707792, 1632.186368},
       {12.160736, 65.426948, 408.046592},
       {18.309753, 170.358211, 1027.026944},
       {13.141785, 71.189922, 506.802176}},
      {"MobileNetV2",
       json::object(),
       {},
       53,
       3469760,
       300774272,
       {3.309021, 19.249553, 222.064640},
       {1.654510, 4.812388, 55.516160},
       {2.769356, 11.829426, 167.740160},
       {2.265274, 5.394053, 116.997632}},
      {"EfficientNet",
       json::object(),
       {},
       82,
       5236192,
       385814752,
       {4.993622, 24.692144, 335.116288},
       {2.496811, 6.173036, 83.779072},
       {3.468903, 15.445787, 181.633024},
       {3.107574, 6.754701, 145.260544}},
      {"EfficientNet",
       json::object(),
       {".fc1", ".fc2"},
       50,
       4608992,
       385187552,
       {4.395477, 24.652003, 294.975488},
       {2.197739, 6.163001, 73.743872},
       {3.020294, 15.420699, 156.545024},
       {2.808502, 6.744666, 135.225344}}};
  std::map<std::string, NetworkInfo> probed;
  for (const CostRow& row : rows) {
    SCOPED_TRACE(row.type + row.options.dump() + json(row.left_out).dump());
    NetworkInfo& info = probed[row.type + row.options.dump()];
    if (info.layers.empty()) info = probe(*network(row.type, row.options), row.type);
    std::vector<LayerInfo> layers;
    std::int64_t weights = 0, macs = 0;
    for (const LayerInfo& layer : info.layers) {
      const auto in_name = [&](const std::string& part) {
        return layer.name.find(part) != std::string::npos;
      };
      if (std::any_of(row.left_out.begin(), row.left_out.end(), in_name)) continue;
      layers.push_back(layer);
      weights += layer.weights;
      macs += layer.macs;
    }
    ASSERT_EQ(layers.size(), row.layers);
    EXPECT_EQ(weights, row.weights);
    EXPECT_EQ(macs, row.macs);
    std::vector<std::pair<int, int>> bits(layers.size(), {8, 8});
    expect_costs(costs_of(layers, bits), row.w8a8);
    bits.assign(layers.size(), {4, 4});
    expect_costs(costs_of(layers, bits), row.w4a4);
    bits.front() = bits.back() = {8, 8};
    expect_costs(costs_of(layers, bits), row.ends8);
    for (std::size_t i = 0; i < bits.size(); ++i) {
      bits[i] = i % 2 == 0 ? std::pair(8, 8) : std::pair(4, 4);
    }
    expect_costs(costs_of(layers, bits), row.alternating);
  }
  // Weights of 4 bits, activations of 8.
  const auto mixed = [&](const std::string& key, double memory, double bit_ops, double compute) {
    const auto& layers = probed.at(key).layers;
    expect_costs(costs_of(layers, {layers.size(), {4, 8}}), {memory, bit_ops, compute});
  };
  mixed("ResNet" + json({{"depth", 18}}).dump(), 5.568939, 58.050347, 420.440832);
  mixed("MobileNetV2{}", 1.654510, 9.624777, 124.911360);
  mixed("EfficientNet{}", 2.496811, 12.346072, 188.502912);
}

struct SizeRow {
  std::string type;
  json options;
  std::int64_t parameters, macs;
};

TEST(VisionNetworks, ParametersAndMacs) {
  const std::vector<SizeRow> rows = {
      {"ResNet", {{"depth", 18}, {"num_classes", 10}}, 11181642, 1813566464},
      {"ResNet",
       {{"depth", 18}, {"num_classes", 10}, {"stem", "cifar"}, {"image_size", 32}},
       11173962,
       555422720},
      {"MobileNetV2", {{"num_classes", 10}}, 2236682, 299507072},
      {"MobileNetV2", {{"width", 0.25}}, 1519112, 37201312},
      {"MobileNetV2", {{"width", 0.5}}, 1968680, 97131840},
      {"MobileNetV2", {{"width", 1.4}}, 6108776, 582195824},
      {"MobileNetV2", {{"width", 2}}, 11258088, 1137428224},
      {"EfficientNet", {{"variant", "b1"}}, 7794184, 686802832},
      {"GoogLeNet", json::object(), 6624904, 1498376192},
      {"GoogLeNet", {{"auxiliary", true}}, 13004888, 1498376192},
      {"InceptionV3", {{"auxiliary", true}}, 27161264, 5713216096},
      {"MobileNetV1",
       {{"stem_stride", 1}, {"image_size", 32}, {"num_classes", 10}},
       3217226,
       46354432},
      {"VGG", json::object(), 15253578, 313725952},
      {"VGG", {{"hidden", json::array()}}, 14728266, 313201664},
      {"VGG", {{"depth", 11}}, 9756426, 153293824},
      {"VGG", {{"depth", 13}}, 9941322, 228791296},
      {"VGG", {{"depth", 19}}, 20565834, 398660608},
      {"MobileNetV1", {{"width_multiplier", 0.5}}, 1331592, 149497088},
      {"MLP", json::object(), 4810, 4736},
      {"MiniResNet", json::object(), 5122, 135840},
      {"ResNetCifar", {{"depth", 32}}, 466906, 69124736},
      {"ResNetCifar", {{"depth", 56}}, 855770, 125747840},
      {"ResNetCifar", {{"depth", 110}}, 1730714, 253149824}};
  for (const SizeRow& row : rows) {
    SCOPED_TRACE(row.type + row.options.dump());
    const auto net = network(row.type, row.options);
    EXPECT_EQ(count_parameters(*net), row.parameters);
    EXPECT_EQ(macs_of(probe(*net, row.type)), row.macs);
  }
  EXPECT_EQ(count_parameters(*network("InceptionV3")), 23834568);
  EXPECT_EQ(count_parameters(*network("EfficientNet", {{"variant", "b2"}})), 9109994);
  EXPECT_EQ(count_parameters(*network("EfficientNet", {{"variant", "b3"}})), 12233232);
  EXPECT_EQ(count_parameters(*network("EfficientNet", {{"variant", "b4"}})), 19341616);
  EXPECT_EQ(count_parameters(*network("EfficientNet", {{"variant", "b5"}})), 30389784);
}

TEST(VisionNetworks, StateHasTheSizeOfTheirs) {
  const auto entries = [](const std::string& type, const json& options = json::object()) {
    const auto net = network(type, options);
    return std::pair(state_of(*net).size(), count_buffers(*net));
  };
  EXPECT_EQ(entries("ResNet", {{"depth", 18}}), std::pair(std::size_t(122), std::int64_t(9620)));
  EXPECT_EQ(entries("ResNet").second, 53173);
  EXPECT_EQ(entries("MobileNetV2"), std::pair(std::size_t(314), std::int64_t(34164)));
  EXPECT_EQ(entries("EfficientNet"), std::pair(std::size_t(360), std::int64_t(42065)));
  EXPECT_EQ(entries("EfficientNet", {{"variant", "b1"}}).second, 62117);
  EXPECT_EQ(entries("EfficientNet", {{"variant", "b2"}}).second, 67637);
  EXPECT_EQ(entries("EfficientNet", {{"variant", "b3"}}).second, 87374);
}

std::vector<std::string> signed_layers(const NetworkInfo& info) {
  std::vector<std::string> names;
  for (const LayerInfo& layer : info.layers) {
    if (layer.signed_input) names.push_back(layer.name);
  }
  return names;
}

TEST(VisionNetworks, KnowTheSignsOfTheirInputs) {
  for (const char* type : {"GoogLeNet", "InceptionV3"}) {
    const NetworkInfo info = probe(*network(type, {{"image_size", 75}}), type);
    EXPECT_EQ(signed_layers(info), std::vector{info.layers[0].name}) << type;
  }
  EXPECT_THAT(signed_layers(probe(*network("VGG"), "VGG")), ElementsAre("features.0"));
  EXPECT_THAT(signed_layers(probe(*network("ResNet", {{"stem", "cifar"}, {"image_size", 8}}), "R")),
              ElementsAre("conv1"));
  // Bottlenecks are linear: what reads them reads negative values.
  const NetworkInfo info = probe(*network("MobileNetV2", {{"image_size", 32}}), "MobileNetV2");
  const auto found = signed_layers(info);
  EXPECT_THAT(found, SizeIs(1 + 16 + 1));
  for (const std::string& name : found) {
    const bool expands = name.size() > 9 && name.substr(name.size() - 9) == ".conv.0.0" &&
                         name != "features.1.conv.0.0";
    EXPECT_TRUE(expands || name == "features.0.0" || name == "features.18.0") << name;
  }
  // SiLU has negative values, also where a gate of four channels happens to show none.
  for (const int seed : {1, 2, 3}) {
    torch::manual_seed(seed);
    const auto net = network("EfficientNet", {{"image_size", 32}, {"num_classes", 2}});
    EXPECT_THAT(signed_layers(probe(*net, "EfficientNet")), SizeIs(82)) << seed;
  }
}

TEST(VisionNetworks, LayersThatReadOneTensorAreAGroup) {
  const auto groups = [](const std::string& type, const json& options) {
    std::map<int, std::set<std::string>> groups;
    for (const LayerInfo& layer : probe(*network(type, options), type).layers) {
      groups[layer.input_group].insert(layer.name);
    }
    std::vector<std::set<std::string>> shared;
    for (const auto& [number, names] : groups) {
      if (names.size() > 1) shared.push_back(names);
    }
    return shared;
  };
  using Names = std::set<std::string>;
  const auto google = groups("GoogLeNet", {{"image_size", 32}});
  EXPECT_THAT(google, SizeIs(9));
  EXPECT_THAT(google, Contains(Names{"inception4b.branch1.conv", "inception4b.branch2.0.conv",
                                     "inception4b.branch3.0.conv"}));
  // Modules, and the pairs that the last two split branches into.
  const auto inception = groups("InceptionV3", {{"image_size", 75}});
  EXPECT_THAT(inception, SizeIs(11 + 4));
  EXPECT_THAT(inception,
              Contains(Names{"Mixed_7c.branch3x3_2a.conv", "Mixed_7c.branch3x3_2b.conv"}));
  EXPECT_THAT(inception,
              Contains(Names{"Mixed_6a.branch3x3.conv", "Mixed_6a.branch3x3dbl_1.conv"}));
  // A gate reads a mean, the layer behind it the product.
  EXPECT_THAT(groups("EfficientNet", {{"image_size", 32}}), SizeIs(0));
  EXPECT_THAT(groups("MobileNetV2", {{"image_size", 32}}), SizeIs(0));
}

/// Tensors of the network under other names.
Network::NamedTensors renamed(const Network& net, const std::map<std::string, std::string>& names) {
  Network::NamedTensors tensors;
  for (auto& [name, tensor] : state_of(net)) {
    const auto found = names.find(name);
    tensors.emplace_back(found == names.end() ? name : found->second, tensor);
  }
  return tensors;
}

TEST(VisionNetworks, GoogleWeightsNeedItsConvention) {
  const json small = {{"variant", "b0"}, {"image_size", 32}, {"num_classes", 1001}};
  const auto with = [](json options, const std::string& convention) {
    options["convention"] = convention;
    return options;
  };
  const std::map<std::string, std::string> theirs = {{"classifier.1.weight", "classifier.weight"},
                                                     {"classifier.1.bias", "classifier.bias"}};
  const auto efficient = network("EfficientNet", with(small, "torchvision"));
  EXPECT_THAT([&] { load_state(*efficient, renamed(*efficient, theirs), "w"); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("\"convention\": \"google\""),
                                             HasSubstr("'classifier.weight'"))));
  const auto google = network("EfficientNet", with(small, "google"));
  EXPECT_THAT(load_state(*google, renamed(*google, theirs), "w").unused, SizeIs(0));

  json mobile = {{"width", 0.25}, {"image_size", 32}, {"num_classes", 1001}};
  const auto refusing = network("MobileNetV2", with(mobile, "torchvision"));
  EXPECT_THAT([&] { load_state(*refusing, renamed(*refusing, theirs), "w"); },
              ThrowsMessage<DataError>(
                  AllOf(HasSubstr("1001"), HasSubstr("pads as TensorFlow does"),
                        HasSubstr("\"convention\": \"google\" and \"num_classes\": 1001"))));
  const auto taking = network("MobileNetV2", with(mobile, "google"));
  EXPECT_THAT(load_state(*taking, renamed(*taking, theirs), "w").unused, SizeIs(0));
  // Such names alone say nothing about padding.
  mobile["num_classes"] = 7;
  const auto same = network("MobileNetV2", with(mobile, "torchvision"));
  EXPECT_THAT(load_state(*same, renamed(*same, theirs), "w").unused, SizeIs(0));
}

TEST(VisionNetworks, ConventionsHaveTheirNorms) {
  const auto norms = [](const json& options) {
    std::set<std::pair<double, double>> found;
    for (const auto& module : network("EfficientNet", options)->modules()) {
      const auto* norm = dynamic_cast<const nn::BatchNorm2dImpl*>(module.get());
      if (norm) found.emplace(norm->options.eps, norm->options.momentum);
    }
    return found;
  };
  EXPECT_THAT(norms({{"variant", "b4"}}), ElementsAre(std::pair(1e-5, 0.1)));
  EXPECT_THAT(norms({{"variant", "b5"}}), ElementsAre(std::pair(1e-3, 0.01)));
  EXPECT_THAT(norms({{"convention", "google"}}), ElementsAre(std::pair(1e-3, 0.01)));
}

TEST(VisionNetworks, AuxiliaryHeadsOfAFile) {
  const json small = {{"image_size", 32}, {"num_classes", 5}};
  json with_heads = small;
  with_heads["auxiliary"] = true;
  const auto full = network("GoogLeNet", with_heads), plain = network("GoogLeNet", small);
  EXPECT_THAT(load_state(*plain, state_of(*full), "w").unused, SizeIs(0));
  const Tensor x = torch::randn({2, 3, 32, 32});
  full->eval();
  plain->eval();
  EXPECT_TRUE(torch::equal(full->forward(x), plain->forward(x)));
  EXPECT_THAT([&] { load_state(*full, state_of(*plain), "w"); },
              ThrowsMessage<DataError>(HasSubstr("aux1.")));
  // In training only, and from one pass.
  Batch batch;
  batch["input"] = x;
  batch["target"] = torch::tensor({1, 4});
  EXPECT_THAT(full->forward(batch).auxiliary, SizeIs(0));
  full->train();
  const Output output = full->forward(batch);
  EXPECT_THAT(output.auxiliary, SizeIs(2));
  EXPECT_EQ(output.auxiliary.at("aux2").sizes(), output.logits.sizes());
  CrossEntropyOptions options;
  options.auxiliary_weight = 0.3;
  CrossEntropy(options).loss(output, batch).backward();
  for (const auto& p : full->named_parameters()) {
    EXPECT_TRUE(p.value().grad().defined()) << p.key();
  }
  EXPECT_EQ(probe(*full, "GoogLeNet").batch_norm_elements,
            probe(*plain, "GoogLeNet").batch_norm_elements);
  // No quantizers there: they are not part of what is deployed.
  for (const auto& layer : quant_layers(*full)) EXPECT_NE(layer.name.substr(0, 3), "aux");
}

TEST(VisionNetworks, RandomPartsFollowTheGenerator) {
  const auto net = network("EfficientNet", {{"image_size", 32}, {"stochastic_depth", 0.8}});
  const Tensor x = torch::randn({4, 3, 32, 32});
  torch::NoGradGuard no_grad;
  const auto answer = [&](int seed) {
    torch::manual_seed(seed);
    return net->forward(x);
  };
  net->train();
  const Tensor first = answer(1);
  EXPECT_TRUE(torch::equal(first, answer(1)));
  EXPECT_FALSE(torch::equal(first, answer(2)));
  net->eval();
  EXPECT_TRUE(torch::equal(answer(1), answer(2)));
  // Without chance training repeats itself.
  const auto sure =
      network("EfficientNet", {{"image_size", 32}, {"stochastic_depth", 0}, {"dropout", 0}});
  sure->train();
  EXPECT_TRUE(torch::equal(sure->forward(x), sure->forward(x)));
}

// Blocks are left out for whole samples, and the others count more for it.
TEST(VisionNetworks, StochasticDepthKeepsTheMean) {
  const auto net = network("EfficientNet", {{"image_size", 32}, {"stochastic_depth", 0.9}});
  std::function<Tensor(const Tensor&, const Batch&)> last;
  for (const Block& block : net->blocks()) {
    if (block.name == "features.6.3") last = block.forward;  // block 14 of 16
  }
  ASSERT_TRUE(last);
  torch::manual_seed(3);
  torch::NoGradGuard no_grad;
  // All samples alike, so that the norms' statistics do not change when one is left out.
  const Tensor x = torch::randn({1, 192, 4, 4}).expand({400, 192, 4, 4}).contiguous();
  net->train();
  const Tensor added = (last(x, {}) - x).flatten(1);
  const Tensor left_out = added.abs().amax(1).eq(0);
  const double chance = 0.9 * 14 / 16;
  EXPECT_NEAR(left_out.to(torch::kFloat64).mean().item<double>(), chance, 0.06);
  const Tensor kept = added.index_select(0, left_out.logical_not().nonzero().flatten());
  EXPECT_LT((kept - kept[0]).abs().max().item<double>(), 1e-3);
  net->eval();
}

TEST(VisionNetworks, AllParametersLearn) {
  torch::manual_seed(5);
  const std::vector<std::pair<std::string, json>> cases = {
      {"MobileNetV2", {{"width", 0.25}, {"image_size", 32}}},
      {"EfficientNet", {{"image_size", 32}}},
      {"VGG", {{"depth", 11}, {"hidden", {16}}}},
      {"MobileNetV1", {{"width_multiplier", 0.25}, {"image_size", 16}, {"stem_stride", 1}}},
      {"ResNet", {{"depth", 18}, {"image_size", 8}, {"stem", "cifar"}}},
      {"GoogLeNet", {{"image_size", 32}}}};
  for (auto [type, options] : cases) {
    SCOPED_TRACE(type);
    options["num_classes"] = 4;
    options["in_channels"] = 1;
    const auto net = network(type, options);
    std::vector<std::int64_t> shape = net->input_shape();
    shape.insert(shape.begin(), 4);
    EXPECT_EQ(shape[1], 1);
    const Tensor loss =
        torch::cross_entropy_loss(net->forward(torch::randn(shape)), torch::arange(4));
    loss.backward();
    for (const auto& p : net->named_parameters()) {
      ASSERT_TRUE(p.value().grad().defined()) << p.key();
      EXPECT_TRUE(torch::isfinite(p.value().grad()).all().item<bool>()) << p.key();
    }
  }
}

TEST(VisionNetworks, BadOptions) {
  const auto expect_refused = [](const std::string& type, const json& options,
                                 const std::string& option) {
    EXPECT_THAT([&] { network(type, options); }, ThrowsMessage<ConfigError>(HasSubstr(option)))
        << type << options;
  };
  expect_refused("MobileNetV2", {{"width", 0}}, "width");
  expect_refused("MobileNetV2", {{"image_size", 31}}, "image_size");
  expect_refused("MobileNetV2", {{"convention", "hf"}}, "convention");
  expect_refused("EfficientNet", {{"variant", "b8"}}, "variant");
  expect_refused("EfficientNet", {{"image_size", 31}}, "image_size");
  expect_refused("EfficientNet", {{"stochastic_depth", 1}}, "stochastic_depth");
  expect_refused("VGG", {{"depth", 12}}, "depth");
  expect_refused("VGG", {{"image_size", 16}}, "image_size");
  expect_refused("ResNet", {{"image_size", 7}, {"stem", "cifar"}}, "image_size");
  expect_refused("ResNet", {{"image_size", 31}}, "\"stem\": \"cifar\"");
  expect_refused("MobileNetV1", {{"image_size", 15}, {"stem_stride", 1}}, "image_size");
  expect_refused("GoogLeNet", {{"order", "edmips"}, {"auxiliary", true}}, "auxiliary");
  expect_refused("GoogLeNet", {{"in_channels", 1}, {"transform_input", true}}, "transform_input");
  expect_refused("InceptionV3", {{"auxiliary", true}, {"image_size", 298}}, "auxiliary");
}

}  // namespace
}  // namespace deneb::vision
