#include <gmock/gmock.h>
#include <torch/optim/adam.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <deneb/quant/adaptive_rounding.h>

#include "quantizer_fixture.h"

namespace quantizer_test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json kTensor = {{"granularity", "tensor"}};

Tensor rounding_of(Quantizer& q) { return q.named_parameters()["rounding"]; }

Tensor reference_weights() { return vec({-1, -.62, -.31, -.05, 0, .07, .2, .44, .77, 1.3}); }

// BRECQ's reference, 4 bits per tensor.
TEST(AdaRound, MatchesTheReference) {
  const Tensor x = reference_weights();
  const auto q = make("AdaRound", Role::kWeight, "int4", kTensor, x);
  EXPECT_TRUE(near(rounding_of(*q).detach(),
                   vec({-.07249524, 1.996556, 2.181225, .5968159, -2.397895, -.1451822, -.6768866,
                        1.43688, -2.181226, -.07249834}),
                   2e-5, 2e-5));
  q->train();
  EXPECT_TRUE(near(q->quantize(x).detach(),
                   vec({-1, -.62, -.31, -.05, 0, .07, .2, .44, .77, 1.226667}), 1e-5, 1e-6));
  q->eval();
  EXPECT_TRUE(near(q->quantize(x), vec({-1.073333, -.6133333, -.3066667, 0, 0, 0, .1533333, .46,
                                        .7666667, 1.226667})));
  const auto nearest =
      make("Uniform", Role::kWeight, "int4", {{"symmetric", false}, {"range", "mse"}}, x);
  EXPECT_TRUE(near(q->quantize(x), nearest->quantize(x)));
}

// What a reconstruction needs: V, and how it rounds whatever the mode of the network.
TEST(AdaRound, RoundingCanBeChosenInEitherMode) {
  const Tensor x = reference_weights();
  const auto q = make("AdaRound", Role::kWeight, "int4", kTensor, x);
  auto* adaptive = dynamic_cast<deneb::AdaptiveRounding*>(q.get());
  ASSERT_TRUE(adaptive);
  using Rounding = deneb::AdaptiveRounding::Rounding;
  EXPECT_TRUE(adaptive->rounding_parameter().is_same(rounding_of(*q)));
  q->train();
  const Tensor soft = q->quantize(x).detach();
  q->eval();
  const Tensor hard = q->quantize(x);
  ASSERT_FALSE(near(soft, hard));
  for (const bool training : {true, false}) {
    q->train(training);
    adaptive->set_rounding(Rounding::kSoft);
    const Tensor y = q->quantize(x);
    EXPECT_TRUE(torch::equal(y.detach(), soft));
    EXPECT_TRUE(y.requires_grad());
    adaptive->set_rounding(Rounding::kHard);
    EXPECT_TRUE(torch::equal(q->quantize(x), hard));
    adaptive->set_rounding(Rounding::kByMode);
    EXPECT_TRUE(torch::equal(q->quantize(x).detach(), training ? soft : hard));
  }
  EXPECT_FALSE(
      dynamic_cast<deneb::AdaptiveRounding*>(make("Uniform", Role::kWeight, "int4").get()));
}

// Rounding to the nearest is where it starts, for every channel on its own.
TEST(AdaRound, StartsAtTheNearest) {
  torch::manual_seed(5);
  const Tensor w = torch::randn({4, 3, 3, 3}) * torch::logspace(-2, 1, 4).view({4, 1, 1, 1});
  for (const char* format : {"int2", "int3", "int8"}) {
    for (const char* range : {"max", "mse"}) {
      const auto q = make("AdaRound", Role::kWeight, format, {{"range", range}}, w);
      const auto u = make("Uniform", Role::kWeight, format,
                          {{"symmetric", false}, {"range", range}, {"granularity", "channel"}}, w);
      q->eval();
      EXPECT_TRUE(near(q->quantize(w), u->quantize(w), 1e-5, 1e-6)) << format << range;
      const Tensor last = w.contiguous(at::MemoryFormat::ChannelsLast);
      EXPECT_TRUE(near(q->quantize(last), u->quantize(w), 1e-5, 1e-6));
    }
  }
}

// What it is for: the rounding that keeps the output of a layer beats the nearest one.
TEST(AdaRound, LearnsTheRoundingOfAnOutput) {
  torch::manual_seed(6);
  const Tensor w = torch::randn({8, 16}), mixing = torch::randn({16, 16});
  const Tensor x = torch::randn({256, 16}).mm(mixing);  // correlated inputs
  const auto q = make("AdaRound", Role::kWeight, "int3", kTensor, w);
  const auto error = [&] {
    q->eval();
    return (x.mm(q->quantize(w).t()) - x.mm(w.t())).square().mean().item<double>();
  };
  const double before = error();
  torch::optim::Adam adam({rounding_of(*q)}, 0.02);
  q->train();
  constexpr int kSteps = 1000;
  for (int i = 0; i < kSteps; ++i) {
    adam.zero_grad();
    const double beta = deneb::rounding_temperature(i, kSteps, 20, 2, .2);
    const Tensor regularizer = deneb::rounding_regularizer(rounding_of(*q), beta);
    ((x.mm(q->quantize(w).t()) - x.mm(w.t())).square().mean() +
     (i < kSteps / 5 ? 0 : 1) * .05 * regularizer)
        .backward();
    adam.step();
  }
  EXPECT_LT(error(), 0.7 * before);
  EXPECT_FALSE(w.grad().defined());
}

TEST(AdaRound, DegenerateWeights) {
  const auto zeros = make("AdaRound", Role::kWeight, "int4", kTensor, torch::zeros({3}));
  zeros->eval();
  EXPECT_TRUE(torch::equal(zeros->quantize(torch::zeros({3})), torch::zeros({3})));
  const auto empty = make("AdaRound", Role::kWeight, "int4", kTensor, torch::zeros({0, 3}));
  EXPECT_EQ(empty->quantize(torch::zeros({0, 3})).numel(), 0);
}

TEST(AdaRound, RefusesWhatItCannotDo) {
  const auto q = make("AdaRound", Role::kWeight, "", kTensor);
  EXPECT_THAT(config_error([&] { q->set_format(Format::parse("uint4")); }),
              HasSubstr("AdaRound cannot quantize weights to uint4; it can do int1 .. int16"));
  EXPECT_THAT(config_error([] { make("AdaRound", Role::kActivation, "uint4"); }),
              HasSubstr("AdaRound rounds weights"));
  EXPECT_TRUE(torch::equal(q->quantize(vec({-5, .123, 2})), vec({-5, .123, 2})));
}

}  // namespace
}  // namespace quantizer_test
