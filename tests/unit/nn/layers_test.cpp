#include <deneb/nn/initialization.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>

#include "support/second_derivative.h"
#include "tiny_network.h"

namespace nn_test {
namespace {

using testing::ElementsAre;
using torch::nn::Conv2dOptions;

/// Ours and LibTorch's layer, made from one seed: same names, parameters, outputs and gradients,
/// bit for bit.
template <class Ours, class Theirs, class Options>
void expect_same(const Options& options, const Tensor& x) {
  torch::manual_seed(3);
  Ours ours(options);
  torch::manual_seed(3);
  Theirs theirs(options);
  const auto a = ours->named_parameters(), b = theirs->named_parameters();
  ASSERT_EQ(a.keys(), b.keys());
  for (const std::string& key : a.keys()) EXPECT_TRUE(torch::equal(a[key], b[key])) << key;
  EXPECT_EQ(ours->named_buffers().keys(), theirs->named_buffers().keys());
  const Tensor x1 = x.clone().requires_grad_(), x2 = x.clone().requires_grad_();
  const Tensor y1 = ours(x1), y2 = theirs(x2);
  EXPECT_TRUE(torch::equal(y1, y2));
  const Tensor upstream = torch::randn_like(y1);
  y1.backward(upstream);
  y2.backward(upstream);
  EXPECT_TRUE(torch::equal(x1.grad(), x2.grad()));
  for (const std::string& key : a.keys()) {
    EXPECT_TRUE(torch::equal(a[key].grad(), b[key].grad())) << key;
  }
  const auto c = ours->named_buffers(), d = theirs->named_buffers();
  for (const std::string& key : c.keys()) EXPECT_TRUE(torch::equal(c[key], d[key])) << key;
}

/// Of 4 channels.
std::vector<Conv2dOptions> convolutions() {
  return {Conv2dOptions(4, 6, 3),
          Conv2dOptions(4, 6, 3).bias(false),
          Conv2dOptions(4, 6, 3).stride(2).padding(1),
          Conv2dOptions(4, 6, {3, 2}).stride({1, 2}).padding({2, 0}),
          Conv2dOptions(4, 6, 3).padding(torch::kSame),
          Conv2dOptions(4, 6, 3).dilation(2).padding(torch::kValid),
          Conv2dOptions(4, 8, 3).groups(4).padding(1),
          Conv2dOptions(4, 6, 3).padding(1).padding_mode(torch::kReflect),
          Conv2dOptions(4, 6, 3).padding(1).padding_mode(torch::kCircular)};
}

TEST(Layers, ConvolutionsEqualLibTorchBitForBit) {
  const Tensor x = torch::randn({2, 4, 9, 7});
  const auto all = convolutions();
  for (std::size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    expect_same<deneb::nn::Conv2d, torch::nn::Conv2d>(all[i], x);
    expect_same<deneb::nn::Conv2d, torch::nn::Conv2d>(
        all[i], x.contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

TEST(Layers, LinearEqualsLibTorchBitForBit) {
  using torch::nn::LinearOptions;
  for (const Tensor& x : {torch::randn({3, 5}), torch::randn({2, 4, 5}), torch::randn({0, 5})}) {
    expect_same<deneb::nn::Linear, torch::nn::Linear>(LinearOptions(5, 7), x);
    expect_same<deneb::nn::Linear, torch::nn::Linear>(LinearOptions(5, 7).bias(false), x);
  }
  EXPECT_EQ(deneb::nn::Linear(5, 7)->weight.sizes(), (std::vector<std::int64_t>{7, 5}));
}

void expect_same_state(const torch::nn::Module& a, const torch::nn::Module& b) {
  const auto p = a.named_parameters(), q = b.named_parameters();
  ASSERT_EQ(p.keys(), q.keys());
  for (const std::string& key : p.keys()) EXPECT_TRUE(torch::equal(p[key], q[key])) << key;
  const auto c = a.named_buffers(), d = b.named_buffers();
  ASSERT_EQ(c.keys(), d.keys());
  for (const std::string& key : c.keys()) EXPECT_TRUE(torch::equal(c[key], d[key])) << key;
}

TEST(Layers, BatchNormEqualsLibTorchBitForBit) {
  torch::manual_seed(4);
  for (const double momentum : {0.1, 0.3, -1.0}) {
    deneb::nn::BatchNorm2d ours(6, deneb::nn::BatchNorm2dOptions{1e-3, momentum});
    auto options = torch::nn::BatchNorm2dOptions(6).eps(1e-3).momentum(momentum);
    if (momentum < 0) options.momentum(torch::nullopt);  // cumulative average
    torch::nn::BatchNorm2d theirs(options);
    expect_same_state(*ours, *theirs);
    EXPECT_EQ(ours->last_elements(), 0);
    {
      torch::NoGradGuard no_grad;
      const Tensor weight = torch::randn({6}), bias = torch::randn({6});
      ours->weight.copy_(weight), ours->bias.copy_(bias);
      theirs->weight.copy_(weight), theirs->bias.copy_(bias);
    }
    for (const bool training : {true, true, true, false}) {
      ours->train(training);
      theirs->train(training);
      const Tensor x = torch::randn({4, 6, 3, 5});
      const Tensor x1 = x.clone().requires_grad_(), x2 = x.clone().requires_grad_();
      const Tensor y1 = ours(x1), y2 = theirs(x2), upstream = torch::randn_like(x);
      EXPECT_TRUE(torch::equal(y1, y2));
      y1.backward(upstream);
      y2.backward(upstream);
      EXPECT_TRUE(torch::equal(x1.grad(), x2.grad()));
      EXPECT_TRUE(torch::equal(ours->weight.grad(), theirs->weight.grad()));
      EXPECT_TRUE(torch::equal(ours->bias.grad(), theirs->bias.grad()));
      expect_same_state(*ours, *theirs);
    }
    EXPECT_EQ(ours->last_elements(), 6 * 3 * 5);
    ours->reset_running_stats();
    theirs->reset_running_stats();
    expect_same_state(*ours, *theirs);
  }
}

TEST(Layers, GlobalAveragePool) {
  deneb::nn::GlobalAvgPool2d pool;
  const Tensor x = torch::randn({2, 3, 4, 5});
  EXPECT_TRUE(torch::equal(pool(x), x.mean({2, 3})));
  EXPECT_EQ(pool->last_ops(), 3 * (4 * 5 + 1));
  EXPECT_TRUE(pool->parameters().empty());
}

TEST(Layers, HaveSecondDerivatives) {
  torch::manual_seed(5);
  const auto expect_curvature = [](auto layer, Tensor x) {
    layer->to(torch::kFloat64);
    x = x.to(torch::kFloat64).requires_grad_();
    std::vector<Tensor> of = layer->parameters();
    of.push_back(x);
    const Curvature found = curvature([&] { return layer->forward(x).sin().square().sum(); }, of);
    EXPECT_GT(std::abs(found.by_autograd), 1e-6);
    EXPECT_NEAR(found.by_autograd, found.by_difference, 1e-5 * std::abs(found.by_autograd));
  };
  const Tensor image = torch::randn({2, 4, 6, 5});
  for (const Tensor& x : {image, image.contiguous(torch::MemoryFormat::ChannelsLast)}) {
    expect_curvature(deneb::nn::Conv2d(Conv2dOptions(4, 6, 3).stride(2).padding(1)), x);
    expect_curvature(deneb::nn::Conv2d(Conv2dOptions(4, 8, 3).groups(4).bias(false)), x);
    expect_curvature(deneb::nn::Conv2d(Conv2dOptions(4, 4, 3).padding(torch::kSame)), x);
    expect_curvature(
        deneb::nn::Conv2d(Conv2dOptions(4, 4, 3).padding(1).padding_mode(torch::kReflect)), x);
    deneb::nn::BatchNorm2d norm(4);
    expect_curvature(norm, x);
    norm->eval();
    expect_curvature(norm, x);
    expect_curvature(deneb::nn::GlobalAvgPool2d(), x);
  }
  expect_curvature(deneb::nn::Linear(5, 3), torch::randn({4, 5}));
  expect_curvature(deneb::nn::Linear(torch::nn::LinearOptions(5, 3).bias(false)),
                   torch::randn({2, 4, 5}));
}

// Whatever lies in the memory: filled, they are the layers that others are.
TEST(Layers, WithoutInitialValues) {
  const Tensor x = torch::randn({2, 4, 9, 7});
  const auto expect_like = [](auto& bare, auto& made, const Tensor& x) {
    const auto own = bare->named_parameters(), other = made->named_parameters();
    ASSERT_EQ(own.keys(), other.keys());
    torch::NoGradGuard no_grad;
    for (const std::string& key : own.keys()) {
      ASSERT_EQ(own[key].sizes(), other[key].sizes());
      EXPECT_TRUE(own[key].requires_grad());
      own[key].copy_(other[key]);
    }
    EXPECT_TRUE(torch::equal(bare(x), made(x)));
  };
  const auto bare = [](auto make) {
    const deneb::nn::SkipInitialization skip;
    { const deneb::nn::SkipInitialization inner; }
    EXPECT_TRUE(deneb::nn::SkipInitialization::is_active());
    return make();
  };
  for (const Conv2dOptions& options : convolutions()) {
    const auto make = [&] { return deneb::nn::Conv2d(options); };
    auto a = bare(make), b = make();
    expect_like(a, b, x);
    EXPECT_EQ(a->options.in_channels(), 4);
    EXPECT_EQ(a->options.out_channels(), b->options.out_channels());
  }
  for (const bool bias : {true, false}) {
    const auto make = [&] { return deneb::nn::Linear(torch::nn::LinearOptions(7, 5).bias(bias)); };
    auto a = bare(make), b = make();
    expect_like(a, b, x);
    EXPECT_EQ(a->options.in_features(), 7);
    EXPECT_EQ(a->options.out_features(), 5);
  }
  EXPECT_FALSE(deneb::nn::SkipInitialization::is_active());
}

TEST(QuantLayer, StandsInWithoutLookingAtItsWeight) {
  const auto expect_stand_in = [](auto& layer, const Tensor& x, int channels) {
    torch::NoGradGuard no_grad;
    const Tensor real = layer(x);
    EXPECT_EQ(layer->output_shape(x), real.sizes());
    for (Tensor& p : layer->parameters()) p.fill_(std::nan(""));
    Tensor seen;
    const auto observer =
        layer->observe([&](const deneb::LayerTap& tap) { seen = tap.output.clone(); });
    layer->set_stand_in(true);
    const Tensor y = layer(x);
    EXPECT_EQ(y.sizes(), real.sizes());
    EXPECT_TRUE(torch::equal(y, seen));
    EXPECT_TRUE(torch::equal(y, layer(x)));
    // Means over many values have both signs.
    const Tensor means = y.transpose(0, channels).flatten(1).mean(1);
    EXPECT_LT(means.min().template item<float>(), -0.3);
    EXPECT_GT(means.max().template item<float>(), 0.3);
    layer->set_stand_in(false);
    EXPECT_TRUE(std::isnan(layer(x).sum().template item<double>()));
  };
  for (const Conv2dOptions& options : convolutions()) {
    deneb::nn::Conv2d layer(options);
    expect_stand_in(layer, torch::randn({2, 4, 19, 17}), 1);
  }
  deneb::nn::Linear layer(7, 20);
  expect_stand_in(layer, torch::randn({2, 11, 7}), 2);
  EXPECT_THROW(layer->output_shape(torch::randn({2, 8})), c10::Error);
  deneb::nn::Conv2d convolution(Conv2dOptions(4, 6, 3));
  EXPECT_THROW(convolution->output_shape(torch::randn({1, 5, 9, 9})), c10::Error);
  EXPECT_THROW(convolution->output_shape(torch::randn({1, 4, 2, 9})), c10::Error);
}

TEST(QuantLayer, QuantizersAreSubmodulesWhileTheyAreIn) {
  deneb::nn::Conv2d conv(Conv2dOptions(2, 3, 1));
  EXPECT_THAT(conv->named_parameters().keys(), ElementsAre("weight", "bias"));
  const auto weight = rounding(2), input = rounding(3);
  conv->set_quantizers(weight, input);
  EXPECT_EQ(conv->weight_quantizer(), weight);
  EXPECT_EQ(conv->input_quantizer(), input);
  EXPECT_THAT(conv->named_parameters().keys(),
              ElementsAre("weight", "bias", "weight_quantizer.step", "input_quantizer.step"));
  EXPECT_THAT(conv->named_buffers().keys(),
              ElementsAre("weight_quantizer.flag", "input_quantizer.flag"));
  conv->set_quantizers(nullptr, input);  // one out, the other stays
  EXPECT_THAT(conv->named_parameters().keys(),
              ElementsAre("weight", "bias", "input_quantizer.step"));
  const auto other = rounding(4);
  conv->set_quantizers(nullptr, other);
  EXPECT_TRUE(conv->named_parameters()["input_quantizer.step"].is_same(other->step));
  conv->set_quantizers(nullptr, nullptr);
  EXPECT_THAT(conv->named_parameters().keys(), ElementsAre("weight", "bias"));
  EXPECT_TRUE(conv->children().empty());
}

TEST(QuantLayer, ForwardUsesBothQuantizers) {
  const Tensor x = torch::randn({2, 4, 5, 5});
  const auto q = [](const Tensor& t, double scale) { return (t * scale).round() / scale; };
  deneb::nn::Conv2d conv(Conv2dOptions(4, 6, 3).stride(2).padding(1).groups(2));
  conv->set_quantizers(rounding(2), rounding(3));
  EXPECT_TRUE(
      torch::equal(conv(x), torch::conv2d(q(x, 8), q(conv->weight, 4), conv->bias, 2, 1, 1, 2)));
  conv->set_quantizers(nullptr, rounding(3));
  EXPECT_TRUE(torch::equal(conv(x), torch::conv2d(q(x, 8), conv->weight, conv->bias, 2, 1, 1, 2)));
  conv->set_quantizers(rounding(2), nullptr);
  EXPECT_TRUE(torch::equal(conv(x), torch::conv2d(x, q(conv->weight, 4), conv->bias, 2, 1, 1, 2)));

  const Tensor row = torch::randn({3, 4});
  deneb::nn::Linear linear(4, 2);
  linear->set_quantizers(rounding(2), rounding(3));
  EXPECT_TRUE(
      torch::equal(linear(row), torch::linear(q(row, 8), q(linear->weight, 4), linear->bias)));
}

TEST(QuantLayer, NewQuantizersTakeTheModeOfTheLayer) {
  deneb::nn::Linear linear(4, 2);
  linear->eval();
  const auto quantizer = rounding(2);
  ASSERT_TRUE(quantizer->is_training());
  linear->set_quantizers(quantizer, nullptr);
  EXPECT_FALSE(quantizer->is_training());
  linear->train();
  EXPECT_TRUE(quantizer->is_training());
}

TEST(QuantLayer, ObserversSeeFloatTensorsAsLongAsTheyLive) {
  deneb::nn::Linear linear(4, 2);
  linear->set_quantizers(rounding(1), rounding(1));
  const Tensor x = torch::randn({3, 4});
  std::string calls;
  EXPECT_FALSE(linear->is_observed());
  auto first = linear->observe([&](const deneb::LayerTap& tap) {
    calls += "a";
    EXPECT_TRUE(tap.input.is_same(x));
    EXPECT_TRUE(tap.weight.is_same(linear->weight));
    EXPECT_EQ(tap.output.sizes(), (std::vector<std::int64_t>{3, 2}));
  });
  linear(x);
  {
    const auto second = linear->observe([&](const deneb::LayerTap&) { calls += "b"; });
    linear(x);
  }
  linear(x);
  EXPECT_EQ(calls, "aaba");
  deneb::LayerObserver moved = std::move(first);
  linear(x);
  EXPECT_EQ(calls, "aabaa");
  EXPECT_TRUE(linear->is_observed());
  moved = {};
  linear(x);
  EXPECT_EQ(calls, "aabaa");
  EXPECT_FALSE(linear->is_observed());
}

TEST(QuantLayer, ObserversMayEndOrBeginDuringACall) {
  deneb::nn::Linear linear(4, 2);
  const Tensor x = torch::randn({3, 4});
  std::string calls;
  deneb::LayerObserver once, next;
  once = linear->observe([&](const deneb::LayerTap&) {
    once = {};
    next = linear->observe([&](const deneb::LayerTap&) { calls += "n"; });
    calls += "o";
  });
  linear(x);
  EXPECT_EQ(calls, "o");
  linear(x);
  EXPECT_EQ(calls, "on");
}

TEST(QuantLayer, ObserversMayOutliveTheLayer) {
  deneb::LayerObserver observer;
  int calls = 0;
  {
    deneb::nn::Linear linear(4, 2);
    observer = linear->observe([&](const deneb::LayerTap&) { ++calls; });
    linear(torch::randn({3, 4}));
  }
  observer = {};
  EXPECT_EQ(calls, 1);
}

TEST(Network, NeedsOneForward) {
  class Neither final : public deneb::Network {
   public:
    std::vector<std::int64_t> input_shape() const override { return {1}; }
    std::int64_t num_classes() const override { return 2; }
  };
  Neither network;
  deneb::Batch batch;
  batch["input"] = torch::zeros({1, 1});
  EXPECT_THROW(network.deneb::Network::forward(batch), deneb::PluginError);

  Tiny tiny;
  tiny.eval();
  batch["input"] = torch::randn({2, 4, 6, 6});
  deneb::Network& base = tiny;
  const deneb::Output output = base.forward(batch);
  EXPECT_TRUE(torch::equal(output.logits, tiny.forward(batch.input())));
  EXPECT_TRUE(output.auxiliary.empty());
}

}  // namespace
}  // namespace nn_test
