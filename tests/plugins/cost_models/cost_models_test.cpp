#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deneb/quant/cost_model.h>
#include <deneb/search/layer_scores.h>

#include "plugins/plugin_registry.h"
#include "scratch_folder.h"

namespace deneb {
namespace {

const Registry& registry() {
  static const auto loaded = plugin_test::load({"standard_costs", "layer_scores", "average_bits"});
  return *loaded;
}

std::shared_ptr<CostModel> cost(const std::string& name,
                                const nlohmann::json& options = nlohmann::json::object()) {
  return plugin_test::make<CostModel>(registry(), name, options);
}

/// ResNet-20 for CIFAR-10 with projection shortcuts, as Vega builds it: first convolution, 20
/// convolutions that QuantEA quantizes (per block: conv1, conv2, shortcut), classifier.
NetworkInfo resnet20() {
  NetworkInfo network;
  network.model = "ResNetCifar";
  network.input_shape = {3, 32, 32};
  const auto add = [&](const std::string& name, std::int64_t macs, std::int64_t weights) {
    LayerInfo layer;
    layer.name = name;
    layer.op = name == "fc" ? "linear" : "conv2d";
    layer.macs = macs;
    layer.weights = weights;
    layer.signed_input = name == "conv1";
    network.layers.push_back(layer);
  };
  add("conv1", 442368, 432);
  for (int stage = 0; stage < 3; ++stage) {
    const std::int64_t weights = 2304ll << (2 * stage);
    for (int block = 0; block < 3; ++block) {
      const std::string prefix =
          "layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
      const bool down = stage > 0 && block == 0;
      add(prefix + "conv1", down ? 1179648 : 2359296, down ? weights / 2 : weights);
      add(prefix + "conv2", 2359296, weights);
      if (down) add(prefix + "downsample.0", 131072, stage == 1 ? 512 : 2048);
    }
  }
  add("fc", 640, 640);
  network.batch_norm_elements = 200704;
  network.pooling_ops = 4160;
  network.other_parameters = 1568 + 10;  // batch norms; bias of the classifier
  return network;
}

/// Widths of the 20 searched layers; first and last layer stay float.
BitPolicy searched(const NetworkInfo& network, const std::function<int(int)>& weight,
                   const std::function<int(int)>& activation) {
  BitPolicy policy;
  for (int i = 0; i < 20; ++i) {
    policy.set(network.layers[i + 1].name,
               {Format::integer(weight(i), true), Format::integer(activation(i), false)});
  }
  return policy;
}

BitPolicy searched(const NetworkInfo& network, int weight, int activation) {
  return searched(
      network, [=](int) { return weight; }, [=](int) { return activation; });
}

double of_quantized_layers(const CostModel& model, const NetworkInfo& network,
                           const BitPolicy& policy) {
  double sum = 0;
  for (const auto& [name, choice] : policy.layers())
    sum += model.layer(*network.find(name), choice);
  return sum;
}

TEST(StandardCosts, TheHelperIsTheNetwork) {
  const NetworkInfo network = resnet20();
  ASSERT_EQ(network.layers.size(), 22u);
  std::int64_t macs = 0, weights = 0;
  for (int i = 1; i <= 20; ++i) {
    macs += network.layers[i].macs;
    weights += network.layers[i].weights;
  }
  EXPECT_EQ(macs, 40370176);
  EXPECT_EQ(weights, 269824);
}

// Encoders of BERT at 4 bits: the targets in the comments of FLIQS' code.
TEST(StandardCosts, RefComputeIsThatOfFliqs) {
  const auto encoder = [](std::int64_t layers, std::int64_t width) {
    NetworkInfo network;
    LayerInfo all;
    all.name = "encoder";
    all.weights = layers * 12 * width * width;
    network.layers.push_back(all);
    return network;
  };
  const auto model = cost("bitops", {{"counting", "refcompute"}});
  const LayerChoice w4a4{Format::integer(4, true), Format::integer(4, true)};
  const LayerChoice w4a8{Format::integer(4, true), Format::integer(8, true)};
  BitPolicy policy;
  policy.set("encoder", w4a4);
  EXPECT_EQ(model->total(encoder(2, 128), policy), 6291456);
  EXPECT_EQ(model->total(encoder(4, 256), policy), 50331648);
  EXPECT_EQ(model->total(encoder(4, 512), policy), 201326592);
  EXPECT_EQ(model->total(encoder(8, 512), policy), 402653184);
  policy.set("encoder", w4a8);
  EXPECT_EQ(model->total(encoder(12, 768), policy), 3057647616);  // the mean width is 6
}

TEST(StandardCosts, CountingOfMacs) {
  LayerInfo conv;  // 3x3, stride 2, no padding, 30 x 30 -> 14 x 14
  conv.name = "conv";
  conv.weight_shape = {8, 4, 3, 3};
  conv.weights = 288;
  conv.input_shape = {4, 30, 30};
  conv.output_shape = {8, 14, 14};
  conv.stride = {2, 2};
  conv.padding = {0, 0};
  conv.dilation = {1, 1};
  conv.macs = 288 * 14 * 14;
  const LayerChoice choice{Format::integer(3, true), Format::integer(2, false)};
  EXPECT_EQ(cost("bitops")->layer(conv, choice), 288 * 196 * 6);
  EXPECT_EQ(cost("bitops", {{"counting", "limpq"}})->layer(conv, choice), 288 * 210 * 6);  // 14.5^2
  EXPECT_EQ(cost("bitops", {{"counting", "edmips"}})->layer(conv, choice), 288 * 225 * 6);
}

struct Row {
  int weight, activation;
  double flops_4, flops_2, flops_0, params, bitops, weight_bits;
};

TEST(StandardCosts, UniformPoliciesOfResNet20) {
  const NetworkInfo network = resnet20();
  const std::vector<Row> rows = {
      {2, 2, 6296256, 5894848, 5493440, 19514, 161480704, 539648},
      {4, 4, 11342528, 10941120, 10539712, 36378, 645922816, 1079296},
      {4, 8, 16388800, 15987392, 15585984, 36378, 1291845632, 1079296},
      {8, 4, 16388800, 15987392, 15585984, 70106, 1291845632, 2158592},
      {8, 8, 21435072, 21033664, 20632256, 70106, 2583691264, 2158592},
      {16, 16, 41620160, 41218752, 40817344, 137562, 40370176. * 256, 269824. * 16}};
  for (const Row& row : rows) {
    SCOPED_TRACE(std::to_string(row.weight) + "/" + std::to_string(row.activation));
    const BitPolicy policy = searched(network, row.weight, row.activation);
    EXPECT_EQ(cost("flops", {{"bn_flops", 4}})->total(network, policy), row.flops_4);
    EXPECT_EQ(cost("flops", {{"bn_flops", 2}})->total(network, policy), row.flops_2);
    EXPECT_EQ(cost("flops")->total(network, policy), row.flops_0);
    EXPECT_EQ(cost("params")->total(network, policy), row.params);
    EXPECT_EQ(of_quantized_layers(*cost("bitops"), network, policy), row.bitops);
    EXPECT_EQ(of_quantized_layers(*cost("size"), network, policy), row.weight_bits);
    // The two float layers come on top.
    EXPECT_EQ(cost("bitops")->total(network, policy), row.bitops + (442368. + 640) * 32 * 32);
    EXPECT_EQ(cost("size")->total(network, policy), row.weight_bits + (432. + 640) * 32);
    EXPECT_EQ(cost("size", {{"include_other_parameters", true}})->total(network, policy),
              row.weight_bits + (432. + 640 + 1578) * 32);
  }
}

TEST(StandardCosts, FloatNetwork) {
  const NetworkInfo network = resnet20();
  const BitPolicy none;
  EXPECT_EQ(cost("flops", {{"bn_flops", 4}})->total(network, none), 41620160);
  EXPECT_EQ(cost("flops", {{"bn_flops", 2}})->total(network, none), 41218752);
  EXPECT_EQ(cost("flops", {{"bn_flops", 0}})->total(network, none), 40817344);
  EXPECT_EQ(cost("params")->total(network, none), 272474);
  EXPECT_EQ(cost("bitops")->total(network, none), (40370176. + 442368 + 640) * 1024);
  EXPECT_EQ(cost("size")->total(network, none), (269824. + 432 + 640) * 32);
}

TEST(StandardCosts, MixedPolicies) {
  const NetworkInfo network = resnet20();
  const BitPolicy alternating = searched(
      network, [](int i) { return i % 2 ? 8 : 4; }, [](int i) { return i % 2 ? 4 : 8; });
  const BitPolicy halves = searched(
      network, [](int i) { return i < 10 ? 8 : 4; }, [](int i) { return i < 10 ? 4 : 8; });
  for (const BitPolicy& policy : {alternating, halves}) {
    EXPECT_EQ(cost("flops", {{"bn_flops", 4}})->total(network, policy), 16388800);
    EXPECT_EQ(of_quantized_layers(*cost("bitops"), network, policy), 1291845632);
  }
  EXPECT_EQ(cost("params")->total(network, alternating), 52474);
  EXPECT_EQ(of_quantized_layers(*cost("size"), network, alternating), 1594368);
  EXPECT_EQ(cost("params")->total(network, halves), 41050);
  EXPECT_EQ(of_quantized_layers(*cost("size"), network, halves), 1228800);
}

TEST(StandardCosts, OneSideFloatAndSmallFloats) {
  LayerInfo layer;
  layer.macs = 1000;
  layer.weights = 10;
  const LayerChoice weight_only = {Format::parse("int4"), Format::float32()};
  EXPECT_EQ(cost("flops")->layer(layer, weight_only), 1000 * (4. / 32 + 1));
  EXPECT_EQ(cost("bitops")->layer(layer, weight_only), 1000 * 4 * 32);
  const LayerChoice small = {Format::parse("e4m3"), Format::parse("e2m1")};  // 8 and 4 bits
  EXPECT_EQ(cost("bitops")->layer(layer, small), 1000 * 8 * 4);
  EXPECT_EQ(cost("size")->layer(layer, small), 80);
  EXPECT_EQ(cost("params")->layer(layer, small), 2.5);
  EXPECT_EQ(cost("flops")->layer(layer, small), 1000 * 12. / 32);
}

TEST(StandardCosts, LargeNetworksDoNotOverflow) {
  LayerInfo layer;
  layer.macs = 1ll << 42;
  layer.weights = 1ll << 40;
  EXPECT_EQ(cost("bitops")->layer(layer, {}), std::ldexp(1., 52));
  EXPECT_EQ(cost("size")->layer(layer, {}), std::ldexp(1., 45));
}

TEST(StandardCosts, UnknownBatchNormRulesAreRefused) {
  for (const int rule : {1, 3, 5, -2}) {
    try {
      cost("flops", {{"bn_flops", rule}});
      ADD_FAILURE() << "accepted " << rule;
    } catch (const ConfigError& e) {
      EXPECT_THAT(e.what(), testing::HasSubstr("bn_flops"));
    }
  }
}

TEST(StandardCosts, Units) {
  EXPECT_EQ(cost("bitops")->unit(), "bit operations");
  EXPECT_EQ(cost("size")->unit(), "bits");
  EXPECT_EQ(cost("flops")->unit(), "FLOPs");
  EXPECT_EQ(cost("params")->unit(), "parameters");
}

// 28.5 x 28.5 instead of 28 x 28 outputs: 812 after rounding down.
TEST(BitOps, CountsAsLimpqOnRequest) {
  LayerInfo layer;
  layer.op = "conv2d";
  layer.weight_shape = {8, 4, 1, 1};
  layer.weights = 32;
  layer.input_shape = {4, 56, 56};
  layer.macs = 28 * 28 * 32;
  layer.stride = {2, 2};
  layer.padding = {0, 0};
  layer.dilation = {1, 1};
  const LayerChoice choice = {Format::integer(3, true), Format::integer(4, false)};
  EXPECT_EQ(cost("bitops")->layer(layer, choice), 784.0 * 32 * 12);
  EXPECT_EQ(cost("bitops", {{"counting", "limpq"}})->layer(layer, choice), 812.0 * 32 * 12);
}

TEST(AverageBits, IsTheWidthOfTheUniformPolicyWithTheSameBitOps) {
  const NetworkInfo network = resnet20();
  const auto average = cost("average_bits");
  EXPECT_EQ(average->unit(), "bits on average");
  EXPECT_EQ(average->table_rank(), 0);
  EXPECT_EQ(average->total(network, {}), 32);
  for (const int bits : {1, 3, 8}) {
    EXPECT_DOUBLE_EQ(average->total(network, searched(network, bits, bits)), bits);
  }
  EXPECT_DOUBLE_EQ(average->total(network, searched(network, 2, 8)), 4);
  const BitPolicy mixed = searched(
      network, [](int i) { return i % 3 + 1; }, [](int i) { return i % 2 + 2; });
  const double bit_ops = of_quantized_layers(*cost("bitops"), network, mixed);
  EXPECT_DOUBLE_EQ(average->total(network, mixed), std::sqrt(bit_ops / 40370176));
  EXPECT_EQ(of_quantized_layers(*average, network, mixed), bit_ops);
  // A float side takes the layer out.
  BitPolicy one;
  one.set("conv1", {Format::integer(8, true), Format()});
  one.set("fc", {Format::integer(2, true), Format::integer(8, false)});
  EXPECT_DOUBLE_EQ(average->total(network, one), 4);
  EXPECT_EQ(average->layer(*network.find("conv1"), *one.find("conv1")), 0);
}

// 15x15 to 7x7 without padding: 49 positions, or 225 / 4.
TEST(AverageBits, CountsAsEdmipsOnRequest) {
  LayerInfo conv;
  conv.name = "conv";
  conv.op = "conv2d";
  conv.weight_shape = {8, 2, 3, 3};  // two groups
  conv.groups = 2;
  conv.weights = 144;
  conv.input_shape = {4, 15, 15};
  conv.macs = 49 * 144;
  conv.stride = {2, 2};
  LayerInfo linear;
  linear.name = "linear";
  linear.op = "linear";
  linear.macs = linear.weights = 5000;
  linear.input_shape = {500};
  const LayerChoice choice = {Format::integer(3, true), Format::integer(4, false)};
  const auto exact = cost("average_bits"), edmips = cost("average_bits", {{"counting", "edmips"}});
  EXPECT_EQ(exact->layer(conv, choice), 49.0 * 144 * 12);
  EXPECT_EQ(edmips->layer(conv, choice), 56.25 * 144 * 12);
  EXPECT_EQ(edmips->layer(linear, choice), 5000.0 * 12);
  NetworkInfo network;
  network.layers = {conv, linear};
  BitPolicy policy;
  policy.set("conv", choice);
  policy.set("linear", {Format::integer(1, true), Format::integer(1, false)});
  EXPECT_DOUBLE_EQ(edmips->total(network, policy),
                   std::sqrt((56.25 * 144 * 12 + 5000) / (56.25 * 144 + 5000)));
  EXPECT_THROW(cost("average_bits", {{"counting", "limpq"}}), ConfigError);
}

TEST(LayerScoresCost, IsTheSumOfWhatIsQuantized) {
  const ScratchFolder folder;
  const std::string path = folder / "scores.json";
  NetworkInfo network;
  for (const char* name : {"a", "b", "c"}) {
    network.layers.emplace_back();
    network.layers.back().name = name;
  }
  BitPolicy policy;
  policy.set("a", {Format::integer(8, true), Format::integer(8, true)});  // not in the file
  policy.set("b", {Format::integer(2, true), Format::integer(6, false)});
  policy.set("c", {Format::small_float(4, 3), Format()});
  const nlohmann::json options = {{"scores", path}, {"alpha", 3}};
  // An earlier step may make it.
  EXPECT_THROW(cost("layer_scores", options)->total(network, policy), DataError);
  LayerScores scores;
  scores.layers = {{"b", {{"int6", .1}, {"int2", .7}}, {{"int6", .01}, {"int2", .02}}},
                   {"c", {{"e4m3", .2}}, {{"int6", .03}}}};
  write_layer_scores(path, scores);
  const auto model = cost("layer_scores", options);
  EXPECT_NEAR(model->total(network, policy), 3 * .7 + .01 + 3 * .2, 1e-12);
  EXPECT_EQ(model->total(network, BitPolicy()), 0);
  policy.set("c", {Format::integer(4, true), Format()});
  try {
    model->total(network, policy);
    FAIL();
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("has no score of c for int4"));
  }
  EXPECT_THROW(cost("layer_scores"), ConfigError);
}

}  // namespace
}  // namespace deneb
