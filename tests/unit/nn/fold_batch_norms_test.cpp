#include <deneb/nn/fold_batch_norms.h>
#include <deneb/nn/frozen_weights.h>
#include <gmock/gmock.h>

#include "normed_network.h"
#include "support/second_derivative.h"

namespace nn_test {
namespace {

using deneb::fold_batch_norms;
using testing::HasSubstr;
using testing::ThrowsMessage;

const auto kForGood = deneb::nn::BatchNorm2dImpl::Folding::kForGood;

TEST(FoldBatchNorms, OutputsDifferByRoundingOnly) {
  torch::manual_seed(1);
  torch::NoGradGuard no_grad;
  Normed network;
  network.to(torch::kFloat64);
  network.eval();
  const Tensor x = torch::randn({2, 3, 9, 9}, torch::kFloat64);
  const Tensor before = network.forward(x);
  fold_batch_norms(network);
  EXPECT_LT(distance(network.forward(x), before), 1e-12);
  for (auto& norm : network.norms) EXPECT_EQ(norm->folding(), kForGood);
  EXPECT_NE(network.alone->folding(), kForGood);
  // In training they do not look at the batch any more.
  network.train();
  network.alone->eval();
  EXPECT_LT(distance(network.forward(x), before), 1e-12);
  for (auto& norm : network.norms) EXPECT_EQ(norm->num_batches_tracked.item<int>(), 0);
  network.alone->weight.fill_(100);
  EXPECT_GT(distance(network.forward(x), before), 1);
}

TEST(FoldBatchNorms, ByHand) {
  torch::NoGradGuard no_grad;
  for (const bool has_bias : {true, false}) {
    deneb::nn::Conv2d conv(torch::nn::Conv2dOptions(1, 2, 1).bias(has_bias));
    deneb::nn::BatchNorm2d norm(conv, deneb::nn::BatchNorm2dOptions{0.5, 0.1});
    class Pair final : public deneb::Network {
     public:
      std::vector<std::int64_t> input_shape() const override { return {1, 1, 1}; }
      std::int64_t num_classes() const override { return 2; }
    } pair;
    pair.register_module("conv", conv);
    pair.register_module("norm", norm);
    conv->weight.copy_(torch::tensor({3.f, -4.f}).view({2, 1, 1, 1}));
    if (has_bias) conv->bias.copy_(torch::tensor({1.f, 2.f}));
    norm->weight.copy_(torch::tensor({2.f, 6.f}));
    norm->bias.copy_(torch::tensor({0.5f, -1.f}));
    norm->running_mean.copy_(torch::tensor({4.f, -1.f}));
    norm->running_var.copy_(torch::tensor({3.5f, 8.5f}));
    fold_batch_norms(pair);
    // Scales 2 / sqrt(4) = 1 and 6 / sqrt(9) = 2.
    EXPECT_TRUE(torch::equal(conv->weight.flatten(), torch::tensor({3.f, -8.f})));
    EXPECT_TRUE(torch::equal(conv->bias,
                             has_bias ? torch::tensor({-2.5f, 5.f}) : torch::tensor({-3.5f, 1.f})));
    EXPECT_TRUE(torch::equal(norm->bias, has_bias ? torch::zeros({2}) : conv->bias));
    EXPECT_TRUE(torch::equal(norm->weight, torch::ones({2})));
    EXPECT_TRUE(torch::equal(norm->running_mean, torch::zeros({2})));
    EXPECT_TRUE(torch::equal(norm->running_var, torch::full({2}, 0.5)));
  }
}

TEST(FoldBatchNorms, TwiceDoesNothing) {
  torch::manual_seed(2);
  Normed network;
  fold_batch_norms(network);
  const auto state = copy_of(network);
  fold_batch_norms(network);
  for (auto& norm : network.norms) norm->reset_running_stats();
  EXPECT_TRUE(same_state(copy_of(network), state));
}

TEST(FoldBatchNorms, StateServesNetworksThatAreNotFolded) {
  torch::manual_seed(3);
  torch::NoGradGuard no_grad;
  Normed folded, plain, other;
  std::vector<std::string> names;
  for (const auto& item : deneb::state_of(folded)) names.push_back(item.first);
  folded.eval();
  plain.eval();
  fold_batch_norms(folded);
  const auto state = deneb::state_of(folded);
  ASSERT_EQ(state.size(), names.size());
  for (std::size_t i = 0; i < state.size(); ++i) EXPECT_EQ(state[i].first, names[i]);
  const Tensor x = torch::randn({2, 3, 9, 9});
  deneb::load_state(plain, state, "folded");
  EXPECT_LT(distance(plain.forward(x), folded.forward(x)),
            1e-5 * folded.forward(x).abs().max().item<double>());
  // And networks that are folded too.
  fold_batch_norms(other);
  other.eval();
  deneb::load_state(other, state, "folded");
  EXPECT_TRUE(torch::equal(other.forward(x), folded.forward(x)));
}

TEST(FoldBatchNorms, FoldedNetworksRefuseOtherWeights) {
  Normed folded, plain;
  fold_batch_norms(folded);
  const auto before = copy_of(folded);
  EXPECT_THAT([&] { deneb::load_state(folded, copy_of(plain), "w.safetensors"); },
              ThrowsMessage<deneb::DataError>(
                  HasSubstr("w.safetensors: batch norm 'bn0' of the network is folded")));
  EXPECT_TRUE(same_state(copy_of(folded), before));
}

TEST(FoldBatchNorms, ShiftsAreTrained) {
  torch::manual_seed(4);
  Normed network;
  network.eval();
  fold_batch_norms(network);
  network.to(torch::kFloat64);  // the convolutions follow
  network.zero_grad();
  const Tensor x = torch::randn({2, 3, 9, 9}, torch::kFloat64);
  network.forward(x).square().sum().backward();
  const auto gradient = [](const Tensor& t) { return t.grad().abs().sum().item<double>(); };
  EXPECT_GT(gradient(network.convs[0]->bias), 0);  // has one
  EXPECT_FALSE(network.norms[0]->bias.grad().defined());
  EXPECT_GT(gradient(network.norms[1]->bias), 0);
  EXPECT_FALSE(network.norms[1]->weight.grad().defined());
  const Tensor before = network.forward(x);
  {
    torch::NoGradGuard no_grad;
    network.norms[1]->bias.add_(1);
  }
  EXPECT_GT(distance(network.forward(x), before), 1e-3);
}

TEST(FoldBatchNorms, HasSecondDerivatives) {
  torch::manual_seed(5);
  Normed network;
  network.eval();
  network.to(torch::kFloat64);
  fold_batch_norms(network);
  { const deneb::FrozenWeights frozen(network); }
  std::vector<Tensor> of;
  for (auto& conv : network.convs) of.insert(of.end(), {conv->weight, conv->bias});
  const Tensor x = torch::randn({2, 3, 9, 9}, torch::kFloat64);
  const Curvature found = curvature([&] { return network.forward(x).sin().sum(); }, of);
  EXPECT_GT(std::abs(found.by_autograd), 1e-6);
  EXPECT_NEAR(found.by_autograd, found.by_difference, 1e-5 * std::abs(found.by_autograd));
}

TEST(FoldBatchNorms, StayFoldedWhenWeightsAreThawed) {
  torch::manual_seed(6);
  torch::NoGradGuard no_grad;
  Normed network;
  network.eval();
  fold_batch_norms(network);
  const Tensor x = torch::randn({2, 3, 9, 9}), before = network.forward(x);
  {
    const deneb::FrozenWeights frozen(network);
    EXPECT_TRUE(torch::equal(network.forward(x), before));
  }
  for (auto& norm : network.norms) EXPECT_EQ(norm->folding(), kForGood);
  EXPECT_TRUE(torch::equal(network.forward(x), before));
}

TEST(FoldBatchNorms, NeedsFloatWeightsThatMayChange) {
  Normed network;
  const auto before = copy_of(network);
  network.convs[2]->set_quantizers(nullptr, rounding(4));
  network.convs[3]->set_quantizers(rounding(4), nullptr);
  EXPECT_THAT([&] { fold_batch_norms(network); },
              ThrowsMessage<deneb::RunError>(
                  HasSubstr("the convolution before 'bn3' has a weight quantizer")));
  network.convs[2]->set_quantizers(nullptr, nullptr);
  network.convs[3]->set_quantizers(nullptr, nullptr);
  {
    const deneb::FrozenWeights frozen(network);
    EXPECT_THAT([&] { fold_batch_norms(network); },
                ThrowsMessage<deneb::RunError>(HasSubstr("'bn0' has frozen weights")));
  }
  EXPECT_TRUE(same_state(copy_of(network), before));
  network.convs[2]->set_quantizers(nullptr, rounding(4));
  fold_batch_norms(network);  // inputs may be quantized
  EXPECT_EQ(network.norms[2]->folding(), kForGood);
}

}  // namespace
}  // namespace nn_test
