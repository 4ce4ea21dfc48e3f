#include <gmock/gmock.h>
#include <torch/utils.h>

#include <deneb/nn/frozen_weights.h>
#include <deneb/train/evaluator.h>

#include "normed_network.h"

namespace nn_test {
namespace {

TEST(FrozenWeights, OutputsDifferByRoundingOnly) {
  torch::manual_seed(1);
  torch::NoGradGuard no_grad;
  Normed network;
  std::vector<std::shared_ptr<Rounding>> quantizers;
  for (auto& conv : network.convs) {
    quantizers.push_back(rounding(3));
    conv->set_quantizers(quantizers.back(), rounding(4));
  }
  network.eval();
  const Tensor x = torch::randn({2, 3, 9, 9});
  const Tensor before = network.forward(x);
  const auto state = copy_of(network);
  {
    const deneb::FrozenWeights frozen(network);
    // A value near a tie of the input's grid may fall on its other side.
    EXPECT_LT(distance(network.forward(x), before), 0.05);
    for (auto& q : quantizers) q->used = 0;
    network.forward(x);
    for (auto& q : quantizers) EXPECT_EQ(q->used, 0);  // weights are not quantized again
    {
      const deneb::FrozenWeights again(network);
      network.forward(x);
    }
    EXPECT_TRUE(network.convs[0]->is_frozen());  // the inner one thawed nothing
    for (auto& q : quantizers) EXPECT_EQ(q->used, 0);
  }
  EXPECT_FALSE(network.convs[0]->is_frozen());
  EXPECT_TRUE(torch::equal(network.forward(x), before));
  for (auto& q : quantizers) EXPECT_EQ(q->used, 1);
  EXPECT_TRUE(same_state(copy_of(network), state));
}

TEST(FrozenWeights, FoldedNormsCountForFloatNetworksToo) {
  torch::manual_seed(2);
  torch::NoGradGuard no_grad;
  Normed network;
  network.to(torch::kFloat64);
  network.eval();
  const Tensor x = torch::randn({2, 3, 9, 9}, torch::kFloat64);
  const Tensor before = network.forward(x);
  const deneb::FrozenWeights frozen(network);
  EXPECT_LT(distance(network.forward(x), before), 1e-12);
  // The norms really are folded: their own numbers do not matter any more.
  for (auto& norm : network.norms) norm->weight.fill_(100);
  EXPECT_LT(distance(network.forward(x), before), 1e-12);
  network.alone->weight.fill_(100);
  EXPECT_GT(distance(network.forward(x), before), 1);
}

TEST(FrozenWeights, NormsInTrainingAndObservedLayersStayAsTheyAre) {
  torch::manual_seed(3);
  torch::NoGradGuard no_grad;
  Normed network;
  network.eval();
  const Tensor x = torch::randn({4, 3, 9, 9});
  network.norms[1]->train();
  Tensor seen;
  const auto observer =
      network.convs[0]->observe([&](const deneb::LayerTap& tap) { seen = tap.output; });
  const Tensor before = network.forward(x), before_norm = seen;
  const deneb::FrozenWeights frozen(network);
  EXPECT_LT(distance(network.forward(x), before), 1e-4);
  EXPECT_TRUE(torch::equal(seen, before_norm));
}

TEST(EvaluationMode, FreezesWeightsMeanwhile) {
  Normed network;
  network.train();
  {
    const deneb::EvaluationMode mode(network);
    EXPECT_TRUE(network.convs[0]->is_frozen());
    EXPECT_FALSE(network.is_training());
  }
  EXPECT_FALSE(network.convs[0]->is_frozen());
  EXPECT_TRUE(network.norms[0]->is_training());
}

class Refusing final : public deneb::Quantizer {
 public:
  void attach(const deneb::QuantizerSite&) override {}
  bool accepts(const deneb::Format&) const override { return true; }
  void set_format(const deneb::Format&) override {}
  deneb::Format format() const override { return deneb::Format::integer(4, true); }
  Tensor quantize(const Tensor&) override { throw deneb::RunError("no"); }
};

TEST(EvaluationMode, AFailureLeavesTheNetworkAsItWas) {
  Normed network;
  network.train();
  network.convs[2]->set_quantizers(std::make_shared<Refusing>(), nullptr);
  EXPECT_THROW(deneb::EvaluationMode{network}, deneb::RunError);
  EXPECT_TRUE(network.is_training());
  for (auto& conv : network.convs) EXPECT_FALSE(conv->is_frozen());
  network.convs[2]->set_quantizers(nullptr, nullptr);
  torch::NoGradGuard no_grad;
  EXPECT_NE(distance(network.norms[0](torch::ones({2, 8, 3, 3})), torch::ones({2, 8, 3, 3})), 0);
}

}  // namespace
}  // namespace nn_test
