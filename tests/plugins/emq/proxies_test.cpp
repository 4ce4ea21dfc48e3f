#include "proxies.h"

#include <gmock/gmock.h>
#include <torch/utils.h>

#include <deneb/nn/walk.h>
#include <deneb/train/cross_entropy.h>

#include <cmath>

#include "support/small_search_context.h"
#include "tiny_network.h"

namespace deneb::emq {
namespace {

using ::testing::HasSubstr;
using torch::Tensor;

const Registry& registry() {
  static const auto loaded = plugin_test::load(
      {"classification", "resnet", "resnet_cifar", "standard_costs", "synthetic", "uniform"});
  return *loaded;
}

std::vector<LayerStatistics> statistics_of_tiny() {
  TinyNetwork network;
  StatisticsRequest request;
  request.weight = request.gradient = request.activation = request.activation_gradient = true;
  std::mt19937_64 rng;
  return collect_statistics(network, TinyNetwork::batch(), CrossEntropy(), request, rng, c10::kCPU);
}

TEST(Proxies, OfTheTinyNetwork) {
  const auto layers = statistics_of_tiny();
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_NEAR(snip(layers[0]), 0.04668623083, 1e-11);
  EXPECT_NEAR(4 * snip(layers[0]) + 2 * snip(layers[1]), 0.3930043601, 1e-10);  // bits 4, 2
  EXPECT_NEAR(plain(layers[2]), -0.01374869997, 1e-11);
  EXPECT_NEAR(grad_norm(layers[1]), 0.07777006705, 1e-11);
  const std::vector<std::vector<double>> fisher = {
      {2.248319702e-5, 9.120708225e-5},
      {3.818764527e-4, 2.782915602e-5},
      {1.565667211e-4, 2.755304817e-4, 7.297979655e-5}};
  for (std::size_t i = 0; i < 3; ++i) {
    const Tensor channels = fisher_by_channel(layers[i]);
    ASSERT_EQ(channels.numel(), std::int64_t(fisher[i].size()));
    for (std::size_t c = 0; c < fisher[i].size(); ++c) {
      EXPECT_NEAR(channels[std::int64_t(c)].item<double>(), fisher[i][c], 1e-13);
    }
  }
}

TEST(Proxies, SynflowOfTheTinyNetwork) {
  for (const bool keep_norms : {false, true}) {  // there are none
    TinyNetwork network;
    const LayerValues values = synflow(network, keep_norms, c10::kCPU);
    for (const char* layer : {"conv1", "conv2", "fc"}) {
      EXPECT_NEAR(values.at(layer), 14.528, 1e-12) << layer;
    }
    Batch ones;
    ones["input"] = torch::ones({1, 1, 4, 4}, torch::kFloat64);
    EXPECT_NEAR(network.Network::forward(ones).logits.sum().item<double>(), 14.728, 1e-12);
  }
}

// What flows through a chain of layers without biases is the same in every layer, whatever its
// weights: a law of conservation (Tanaka et al. 2020, theorem 1).
TEST(Proxies, FlowsAreConserved) {
  for (int seed = 0; seed < 5; ++seed) {
    TinyNetwork network;
    at::manual_seed(std::uint64_t(seed));
    {
      torch::NoGradGuard no_grad;
      for (auto& item : state_of(network)) item.second.normal_();
      for (const NamedQuantLayer& layer : quant_layers(network)) {
        if (layer.layer->float_bias().defined()) Tensor(layer.layer->float_bias()).zero_();
      }
    }
    StatisticsRequest request;
    request.weight = request.gradient = true;
    std::mt19937_64 rng;
    const auto layers =
        collect_statistics(network, TinyNetwork::batch(), CrossEntropy(), request, rng, c10::kCPU);
    for (const auto& layer : layers) EXPECT_NEAR(plain(layer), plain(layers[0]), 1e-12);
    const LayerValues values = synflow(network, false, c10::kCPU);
    EXPECT_NEAR(values.at("conv1") / values.at("fc"), 1, 1e-12);
    EXPECT_NEAR(values.at("conv2") / values.at("fc"), 1, 1e-12);
  }
}

// The value of a tree of operators with softmax over output channels: 1/O, whatever it is of.
TEST(Proxies, PublishedProxyOfTheTinyNetwork) {
  const auto layers = statistics_of_tiny();
  const double first = published_coefficient(layers[0].weight);
  const double second = published_coefficient(layers[1].weight);
  const auto value = [&](int a, int b) {
    return (std::sqrt(double(a)) * first + std::sqrt(double(b)) * second) / 2;
  };
  EXPECT_NEAR(2 * first, 0.2392509062, 1e-10);
  EXPECT_NEAR(value(4, 2), 0.2075585956, 1e-10);
  EXPECT_NEAR(value(2, 4), 0.2089442118, 1e-10);
  EXPECT_NEAR(value(4, 4), 0.2439816958, 1e-10);
  EXPECT_NEAR(value(2, 2), 0.1725211116, 1e-10);
  EXPECT_NEAR(value(4, 2) + value(2, 4), 0.4165028074, 1e-10);
}

TEST(QuantizationEntropy, OfResNet18) {
  const std::vector<EntropyStage> stages = {
      {0, 64, 2}, {0, 128, 4}, {1, 256, 6}, {1, 512, 7}, {6, 512, 8}};
  const auto network = plugin_test::make<Network>(registry(), "ResNet", {{"depth", 18}});
  const NetworkInfo info = probe(*network, "ResNet");
  const auto found = entropy_stages(info);
  ASSERT_EQ(found.size(), stages.size());
  double constant = 0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    EXPECT_EQ(found[s].ratio, stages[s].ratio);
    EXPECT_EQ(found[s].channels, stages[s].channels);
    EXPECT_EQ(found[s].blocks, stages[s].blocks);
    constant += stages[s].ratio * std::log(stages[s].channels);
  }
  const LayerValues weights = entropy_weights(info);
  const std::pair<int, double> oracles[] = {{2, 55.17939270}, {3, 58.97519157}, {4, 58.97865892}};
  for (const auto& [bits, entropy] : oracles) {
    const std::vector<BlockWidths> blocks(8, BlockWidths(2, {bits, 8}));
    EXPECT_NEAR(quantization_entropy(stages, blocks), entropy, 1e-8);
    // The same by layers, of which the published code counts those on the main path.
    double sum = constant;
    for (const LayerInfo& layer : info.layers) {
      if (layer.name == "conv1" || layer.name == "fc" ||
          layer.name.find("downsample") != std::string::npos) {
        continue;
      }
      sum += weights.at(layer.name) * std::log(gaussian_deviation(8) * gaussian_deviation(bits));
    }
    EXPECT_NEAR(sum, entropy, 1e-8);
  }
  EXPECT_EQ(weights.at("conv1"), 8) << "counts like the first block";
  EXPECT_EQ(weights.at("layer4.0.downsample.0"), 7);
  EXPECT_EQ(weights.at("layer4.1.conv1"), 6);
  EXPECT_EQ(weights.at("fc"), 6) << "counts like the last block";
  EXPECT_THROW(gaussian_deviation(1), ConfigError);
}

TEST(QuantizationEntropy, OfOtherNetworks) {
  const auto resnet20 = plugin_test::make<Network>(registry(), "ResNetCifar", {{"depth", 20}});
  const auto stages = entropy_stages(probe(*resnet20, "ResNetCifar"));
  ASSERT_EQ(stages.size(), 4u);
  EXPECT_EQ(stages[0].blocks, 3u);
  EXPECT_EQ(stages[3].blocks, 9u);
  EXPECT_EQ(stages[3].ratio, 6);
  EXPECT_EQ(stages[1].ratio, 1);
  EXPECT_EQ(stages[0].ratio, 0);
  // Without units every layer behind the first one is a block.
  const auto plain = entropy_stages(deneb::testing::chain_network(4));
  EXPECT_EQ(plain.back().blocks, 3u);
}

class Context : public deneb::testing::SmallSearchContext {
 public:
  explicit Context(const SearchSpaceOptions& space) : SmallSearchContext(registry(), space) {}
  std::shared_ptr<Quantizer> make_quantizer(QuantizerRole, const Format&) override {
    return plugin_test::make<Quantizer>(registry(), "Uniform");
  }
};

SearchSpaceOptions weights_only() {
  SearchSpaceOptions options = deneb::testing::open_space({2, 3, 4});
  options.overrides.push_back({"*", Words("search"), Words("int8")});
  return options;
}

bool name_of_hessian(const std::string& proxy) { return proxy.rfind("hawq", 0) == 0; }

ProxyOptions small(const std::string& proxy) {
  ProxyOptions options;
  options.proxy = proxy;
  options.batch_size = 8;
  options.batches = name_of_hessian(proxy) ? 1 : 2;
  options.hessian_draws = 3;
  return options;
}

TEST(ProxyTable, EveryProxyScoresWhatIsSearched) {
  for (const std::string& name : proxy_names()) {
    SCOPED_TRACE(name);
    Context context(weights_only());
    const ProxyTable table = compute_proxy(context, small(name));
    const LayerScores damage = table.damage();
    ASSERT_EQ(damage.layers.size(), context.space().layer_genes().size());
    int rising = 0;
    for (const LayerScore& layer : damage.layers) {
      EXPECT_TRUE(layer.activation.empty());
      ASSERT_EQ(layer.weight.size(), 3u);
      const double two = layer.weight.at("int2"), four = layer.weight.at("int4");
      EXPECT_TRUE(std::isfinite(two) && std::isfinite(four));
      rising += two > four;
    }
    // A plain sum of g w, and the curvature of random weights, may have any sign.
    const bool is_signed = name == "plain" || name_of_hessian(name);
    if (!is_signed) {
      EXPECT_EQ(rising, int(damage.layers.size())) << "fewer bits, more damage";
    }
  }
}

TEST(ProxyTable, IsReproducible) {
  const auto value = [] {
    Context context(weights_only());
    return compute_proxy(context, small("hawqv2_bits")).values.layers[2].weight.at("int3");
  };
  EXPECT_EQ(value(), value());
}

TEST(ProxyTable, CountsItsWork) {
  Context context(weights_only());
  EXPECT_EQ(compute_proxy(context, small("snip")).work.forward_passes, 2);
  EXPECT_EQ(compute_proxy(context, small("snip")).work.backward_passes, 2);
  EXPECT_EQ(compute_proxy(context, small("orm")).work.backward_passes, 0);
  EXPECT_EQ(compute_proxy(context, small("bitsum")).work.forward_passes, 0);
  EXPECT_GT(compute_proxy(context, small("hawqv1")).work.hessian_products, 0);
}

TEST(ProxyTable, ErrorsAreThoseOfTheQuantizer) {
  Context context(weights_only());
  const ProxyTable table = compute_proxy(context, small("weight_error"));
  EXPECT_FALSE(table.more_is_better);
  const auto network = context.make_network();
  const NamedQuantLayer layer = quant_layers(*network)[1];
  const auto quantizer = context.make_quantizer(QuantizerRole::kWeight, Format::integer(3, true));
  quantizer->attach({QuantizerRole::kWeight, layer.name, layer.layer->float_weight()});
  quantizer->set_format(Format::integer(3, true));
  torch::NoGradGuard no_grad;
  const Tensor weight = layer.layer->float_weight();
  const double error = (quantizer->quantize(weight) - weight).square().sum().item<double>();
  EXPECT_NEAR(*table.values.score(layer.name, QuantizerRole::kWeight, Format::integer(3, true)),
              error, 1e-5 * error);
}

TEST(ProxyTable, RandomWeightsAreDrawnAnew) {
  Context context(weights_only());
  ProxyOptions options = small("weight_error");
  const double given = compute_proxy(context, options).values.layers[1].weight.at("int2");
  options.weights = "random";
  const double random = compute_proxy(context, options).values.layers[1].weight.at("int2");
  EXPECT_NE(given, random);
  EXPECT_EQ(random, compute_proxy(context, options).values.layers[1].weight.at("int2"));

  const auto network = context.make_network();
  randomize(*network, 3);
  const Tensor weight = quant_layers(*network).back().layer->float_weight();  // fc [10, 16]
  EXPECT_NEAR(weight.std().item<double>(), std::sqrt(2.0 / double(weight.size(1))), 0.05);
}

TEST(ProxyTable, TiedInputsAddNothing) {
  SearchSpaceOptions options = deneb::testing::open_space({2, 4});
  options.tie_weight_activation = true;
  Context context(options);
  const LayerScores scores = compute_proxy(context, small("bitsum")).damage();
  EXPECT_EQ(scores.layers[0].weight.at("int4"), -4);
  EXPECT_EQ(scores.layers[0].activation.at("int4"), 0);
}

template <class Space>
std::string complaint(const ProxyOptions& options, const Space& space) {
  Context context(space);
  try {
    check_proxy(context, options);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(ProxyTable, RefusesWhatItCannotScore) {
  SearchSpaceOptions inputs = deneb::testing::open_space({2, 4});
  inputs.overrides.push_back({"*", Words("int4"), Words("search")});
  EXPECT_THAT(complaint(small("snip"), inputs), HasSubstr("fixes all of them"));
  ProxyOptions conv = small("snip");
  conv.layers = "conv";
  EXPECT_THAT(complaint(conv, weights_only()), HasSubstr("leaves out 'fc'"));
  SearchSpaceOptions one = deneb::testing::open_space({1, 4});
  EXPECT_THAT(complaint(small("qe"), one), HasSubstr("int1"));
  EXPECT_EQ(complaint(small("qe"), weights_only()), "");
}

}  // namespace
}  // namespace deneb::emq
