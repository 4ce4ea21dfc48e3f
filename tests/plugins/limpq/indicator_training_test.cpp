// One step of the joint training against the same done by hand.
#include <gmock/gmock.h>
#include <torch/nn/functional/loss.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

#include <deneb/nn/walk.h>
#include <deneb/random.h>

#include "indicator_training.h"
#include "plugins/plugin_registry.h"
#include "scratch_folder.h"
#include "step_learning.h"
#include "support/fake_search_context.h"
#include "unit/train/toy.h"

namespace limpq_test {
namespace {

using namespace deneb;
using namespace deneb::limpq;
using torch::Tensor;

const std::vector<int> kBits = {6, 4, 2};

const Registry& registry() {
  static const auto loaded = plugin_test::load({"lsq"});
  return *loaded;
}

/// conv2 is searched; conv1 and fc stay float, and so does the norm behind conv1 stay one.
SearchSpaceOptions ends_pinned() {
  SearchSpaceOptions options;
  options.bit_candidates = kBits;
  options.first_layer = options.last_layer = "int8";
  return options;
}

NetworkInfo toy_info() {
  const auto net = toy::make_net();
  return probe(*net, "Toy");
}

class ToyContext final : public deneb::testing::FakeSearchContext {
 public:
  ToyContext()
      : FakeSearchContext(toy_info(), ends_pinned(), /*seed=*/7), data_(toy::make_data()) {}
  std::shared_ptr<Network> make_network() override {
    network = toy::make_net();
    return network;
  }
  std::shared_ptr<Quantizer> make_quantizer(const PluginSpec& spec) override {
    return plugin_test::make<Quantizer>(registry(), spec.type, spec.options);
  }
  const DataLoader& data() override { return data_; }
  const Criterion& criterion() const override { return criterion_; }
  std::string artifact_path(const std::string& file) const override { return folder_ / file; }

  std::shared_ptr<toy::Net> network;

 private:
  static CrossEntropyOptions smoothing() {
    CrossEntropyOptions options;
    options.label_smoothing = 0.1;
    return options;
  }
  const CrossEntropy criterion_{smoothing()};
  DataLoader data_;
  ScratchFolder folder_;
};

TrainingOptions one_step() {
  TrainingOptions options;
  options.trainer.max_steps = 1;
  options.trainer.optimizer.lr = 0.05;
  options.trainer.optimizer.momentum = 0;
  options.trainer.optimizer.nesterov = false;
  options.trainer.optimizer.weight_decay = 0;
  options.trainer.lr_scheduler.type = "Constant";
  options.trainer.channels_last = false;
  return options;
}

/// The network with a bank of step sizes around conv2, and what the passes have to switch.
struct ByHand {
  std::shared_ptr<toy::Net> net = toy::make_net();
  std::shared_ptr<Quantizer> weight, input;
  std::map<int, nn::BatchNorm2d> norms;

  explicit ByHand(bool paper = true) {
    const auto bank = [&](QuantizerSite::Role role) {
      auto q = plugin_test::make<Quantizer>(
          registry(), "LSQ",
          {{"widths", kBits}, {"clamp_step", paper}, {"scale_grad", paper}, {"gain", "tensor"}});
      q->attach({role, "conv2", net->conv2->weight});
      return q;
    };
    weight = bank(QuantizerSite::Role::kWeight);
    input = bank(QuantizerSite::Role::kActivation);
    for (const int width : kBits) norms.emplace(width, nn::BatchNorm2d(4));
  }
  Tensor logits(const Tensor& x, int width) {
    weight->set_format(Format::integer(width, true));
    input->set_format(Format::integer(width, false));
    const Tensor hidden = net->bn1(net->conv1(x)).relu();
    const Tensor y = at::conv2d(input->quantize(hidden), weight->quantize(net->conv2->weight),
                                net->conv2->bias, {2, 2});
    return net->fc(norms.at(width)(y).relu().flatten(1));
  }
};

Tensor moved(const Tensor& parameter, double lr) {
  torch::NoGradGuard no_grad;
  return parameter - parameter.grad().clamp(-1, 1) * lr;
}

TEST(IndicatorTraining, SumsTheGradientsOfAllPasses) {
  for (const int mixed : {0, 2}) {
    ToyContext context;
    TrainingOptions options = one_step();
    options.mixed_passes = mixed;
    const LayerScores indicators = train_steps(context, options, kBits).learned;

    ByHand hand;
    hand.net->train();
    Batch batch;
    context.data().train(context.seed("indicators"), 0)->next(batch);
    std::vector<int> widths = kBits;
    std::mt19937_64 rng(derive_seed(context.seed("mixed"), std::uint64_t(0)));
    for (int i = 0; i < mixed; ++i) widths.push_back(kBits[uniform_index(rng, kBits.size())]);
    for (const int width : widths) {
      namespace F = torch::nn::functional;
      F::cross_entropy(hand.logits(batch.input(), width), batch.target(),
                       F::CrossEntropyFuncOptions().label_smoothing(0.1))
          .backward();
    }
    const Tensor weight_steps = moved(hand.weight->named_parameters()["scale"], 0.05);
    const Tensor input_steps = moved(hand.input->named_parameters()["scale"], 0.05);
    ASSERT_EQ(indicators.layers.size(), 1u);
    EXPECT_EQ(indicators.layers[0].name, "conv2");
    for (std::size_t i = 0; i < kBits.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      EXPECT_NEAR(indicators.layers[0].weight.at("int" + std::to_string(kBits[i])),
                  weight_steps[at].item<double>(), 1e-5);
      EXPECT_NEAR(indicators.layers[0].activation.at("uint" + std::to_string(kBits[i])),
                  input_steps[at].item<double>(), 1e-5);
    }
    // Weights move by the sum, every width has seen its own batch norm, conv1's norm is shared.
    EXPECT_TRUE(torch::allclose(context.network->conv2->weight, moved(hand.net->conv2->weight, .05),
                                1e-4, 1e-5));
    EXPECT_TRUE(torch::allclose(context.network->bn1->weight, moved(hand.net->bn1->weight, .05),
                                1e-4, 1e-5));
    EXPECT_EQ(context.network->bn1->num_batches_tracked.item<int>(), int(widths.size()));
    const auto state = context.network->named_buffers();
    for (const int width : kBits) {
      const std::string name = "bn2.width" + std::to_string(width) + ".running_mean";
      ASSERT_TRUE(state.contains(name));
      EXPECT_TRUE(torch::allclose(state[name], hand.norms.at(width)->running_mean, 1e-4, 1e-5));
    }
    EXPECT_FALSE(state.contains("bn1.width6.running_mean"));
  }
}

TEST(IndicatorTraining, FrozenWeightsStay) {
  ToyContext context;
  TrainingOptions options = one_step();
  options.freeze_weights = true;
  const LayerScores indicators = train_steps(context, options, kBits).learned;
  const auto fresh = toy::make_net();
  EXPECT_TRUE(torch::equal(context.network->conv2->weight, fresh->conv2->weight));
  EXPECT_TRUE(torch::equal(context.network->fc->weight, fresh->fc->weight));
  EXPECT_TRUE(torch::equal(context.network->bn1->weight, fresh->bn1->weight));
  const auto parameters = context.network->named_parameters();
  EXPECT_FALSE(torch::equal(parameters["bn2.width6.weight"], torch::ones({4})));
  const ByHand start;
  EXPECT_NE(indicators.layers[0].weight.at("int4"),
            start.weight->named_parameters()["scale"][1].item<double>());
}

double score(const LayerScores& scores, const char* format, bool weight) {
  return scores.layers.at(0)
      .of(weight ? QuantizerRole::kWeight : QuantizerRole::kActivation)
      .at(format);
}

TEST(IndicatorTraining, StepsMoveRelativeToThemselves) {
  ToyContext context;
  TrainingOptions options = one_step();
  options.mixed_passes = 0;
  options.steps.update = "relative";
  options.steps.lr_factor = 3;
  const LearnedSteps steps = train_steps(context, options, kBits);

  ByHand hand(/*paper=*/false);
  hand.net->train();
  Batch batch;
  context.data().train(context.seed("indicators"), 0)->next(batch);
  for (const int width : kBits) {
    namespace F = torch::nn::functional;
    F::cross_entropy(hand.logits(batch.input(), width), batch.target(),
                     F::CrossEntropyFuncOptions().label_smoothing(0.1))
        .backward();
  }
  for (const bool weight : {true, false}) {
    const Tensor bank = (weight ? hand.weight : hand.input)->named_parameters()["scale"];
    for (std::size_t i = 0; i < kBits.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const double start = bank[at].item<double>();
      const double slope = std::clamp(start * bank.grad()[at].item<double>(), -1., 1.);
      const std::string format = (weight ? "int" : "uint") + std::to_string(kBits[i]);
      EXPECT_NE(slope, 0) << format;
      EXPECT_NEAR(score(steps.initial, format.c_str(), weight), start, 1e-6) << format;
      EXPECT_NEAR(score(steps.learned, format.c_str(), weight), start * std::exp(-.15 * slope),
                  1e-5)
          << format;
    }
  }
  // The optimizer moves the weights as ever.
  EXPECT_TRUE(torch::allclose(context.network->conv2->weight, moved(hand.net->conv2->weight, .05),
                              1e-4, 1e-5));
}

TEST(IndicatorTraining, NoiseIsInUnitsOfTheNarrowestInitialStep) {
  LearnedSteps steps;
  steps.initial.layers = {{"a", {{"int2", 0.5}, {"int4", 0.1}}, {{"uint2", 2}, {"uint4", 1}}}};
  steps.learned.layers = {{"a", {{"int2", 1}, {"int4", 0.25}}, {{"uint2", 3}, {"uint4", 1}}}};
  EXPECT_EQ(indicators_of(steps, "step").layers[0].weight, steps.learned.layers[0].weight);
  const LayerScores noise = indicators_of(steps, "noise");
  EXPECT_DOUBLE_EQ(score(noise, "int2", true), 4);
  EXPECT_DOUBLE_EQ(score(noise, "int4", true), 0.25);
  EXPECT_DOUBLE_EQ(score(noise, "uint2", false), 2.25);
  EXPECT_DOUBLE_EQ(score(noise, "uint4", false), 0.25);
  const std::vector<Figure> figures = drift_figures(steps);
  ASSERT_EQ(figures.size(), 2u);
  ASSERT_EQ(figures[0].series.size(), 2u);  // 4 bits, 2 bits
  EXPECT_DOUBLE_EQ(figures[0].series[0].points.at(0).second, 2.5);
  EXPECT_DOUBLE_EQ(figures[1].series[1].points.at(0).second, 1.5);
}

Tensor bank_with_gradient(std::vector<float> steps, std::vector<float> gradient) {
  const Tensor bank = torch::tensor(steps, torch::requires_grad());
  bank.mutable_grad() = torch::tensor(gradient);
  return bank;
}

TEST(StepLearning, DoesNotDependOnTheScaleOfATensor) {
  const Tensor small = bank_with_gradient({.25f, .5f}, {.4f, -.8f});
  const Tensor large = bank_with_gradient({2.f, 4.f}, {.05f, -.1f});  // eight times the tensor
  StepLearning learning({small, large});
  learning.start();
  learning.update(0.5, 0.9);
  EXPECT_TRUE(torch::allclose(small * 8, large));
  EXPECT_NEAR(small[0].item<float>(), .25 * std::exp(-.05), 1e-6);
  EXPECT_NEAR(small[1].item<float>(), .5 * std::exp(.2), 1e-6);
  EXPECT_FALSE(small.grad().defined());
  EXPECT_TRUE(torch::equal(learning.initial()[1], torch::tensor({2.f, 4.f})));
}

TEST(StepLearning, StaysWithinAFactorOfEightOfItsStart) {
  const Tensor bank = bank_with_gradient({1, 1}, {100, -100});
  StepLearning learning({bank});
  learning.start();
  learning.update(50, 0);
  EXPECT_FLOAT_EQ(bank[0].item<float>(), 0.125f);
  EXPECT_FLOAT_EQ(bank[1].item<float>(), 8);
}

// A width whose first batches were all zeros: LSQ sets its step later.
TEST(StepLearning, StepsMayStartLate) {
  const Tensor bank = bank_with_gradient({1, .5}, {0, .2f});
  StepLearning learning({bank});
  learning.start();
  learning.update(1, 0);
  {
    torch::NoGradGuard no_grad;
    bank[0] = .01;
  }
  bank.mutable_grad() = torch::tensor({0.f, 0.f});
  learning.start();
  learning.update(1, 0);
  EXPECT_FLOAT_EQ(bank[0].item<float>(), .01f);
  EXPECT_TRUE(torch::equal(learning.initial()[0], torch::tensor({.01f, .5f})));
}

TEST(StepLearning, GoesOnFromItsState) {
  const auto run = [](bool interrupted) {
    const Tensor bank = bank_with_gradient({.3f, .7f}, {.1f, -.2f});
    auto learning = std::make_unique<StepLearning>(std::vector<Tensor>{bank});
    learning->start();
    learning->update(0.3, 0.9);
    if (interrupted) {
      const HookState state = learning->save();
      learning = std::make_unique<StepLearning>(std::vector<Tensor>{bank});
      learning->load(state);
    }
    learning->start();  // does not begin anew
    bank.mutable_grad() = torch::tensor({.5f, .5f});
    learning->update(0.3, 0.9);
    return torch::stack({bank.detach(), learning->initial()[0]});
  };
  EXPECT_TRUE(torch::equal(run(false), run(true)));
  StepLearning other({bank_with_gradient({1, 2, 3}, {0, 0, 0})});
  EXPECT_THROW(other.load({{"initial_steps", torch::ones({1, 2})}, {"step_velocity", {}}}),
               DataError);
  EXPECT_THROW(other.load({{"step_velocity", torch::ones({1, 3})}}), DataError);
}

}  // namespace
}  // namespace limpq_test
