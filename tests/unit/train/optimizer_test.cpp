#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deneb/quant/quantizer.h>

#include "scratch_folder.h"
#include "unit/train/toy.h"

namespace deneb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using torch::Tensor;

ParameterGroup group(const std::string& match, double lr_factor,
                     std::optional<double> lr = std::nullopt,
                     std::optional<double> weight_decay = std::nullopt) {
  return {match, lr_factor, weight_decay, lr};
}

/// All parameters start at 1 and have the gradient 2; one step of plain SGD with lr 0.1.
std::map<std::string, double> after_step(const std::vector<ParameterGroup>& groups,
                                         double weight_decay, bool decay_1d,
                                         const std::function<void(toy::Net&)>& prepare = {}) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  if (prepare) prepare(*net);
  {
    torch::NoGradGuard no_grad;
    for (Tensor& p : net->parameters()) p.fill_(1);
  }
  TrainerOptions options;
  options.max_steps = 1;
  options.optimizer.momentum = 0;
  options.optimizer.weight_decay = weight_decay;
  options.optimizer.decay_1d = decay_1d;
  options.optimizer.groups = groups;
  FitRequest request;
  request.hooks.loss = [&](const StepInfo&, const Tensor&) {
    Tensor sum = torch::zeros({});
    for (const Tensor& p : net->parameters()) sum = sum + p.sum() * 2;
    return sum;
  };
  TrainingLoop(options).fit(*net, data, request);
  std::map<std::string, double> values;
  for (const auto& item : net->named_parameters()) {
    values[item.key()] = item.value().flatten()[0].item<double>();
  }
  return values;
}

TEST(ParameterGroups, RatesAndDecayByHand) {
  auto value = after_step({group("conv*", 3), group("fc.*", 1, 0.01), group("bn?.bias", 1, {}, 0)},
                          0.5, true);
  EXPECT_NEAR(value["conv1.weight"], 1 - 0.3 * 2.5, 1e-6);
  EXPECT_NEAR(value["conv2.bias"], 1 - 0.3 * 2.5, 1e-6);
  EXPECT_NEAR(value["fc.weight"], 1 - 0.01 * 2.5, 1e-6);
  EXPECT_NEAR(value["fc.bias"], 1 - 0.01 * 2.5, 1e-6);
  EXPECT_NEAR(value["bn1.bias"], 1 - 0.1 * 2, 1e-6);
  EXPECT_NEAR(value["bn1.weight"], 1 - 0.1 * 2.5, 1e-6);
}

// Without decay_1d a group keeps to that rule, unless it has a decay of its own.
TEST(ParameterGroups, DecayOfOneDimension) {
  auto value = after_step({group("conv1.*", 1), group("conv2.*", 1, {}, 0.25)}, 0.5, false);
  EXPECT_NEAR(value["conv1.weight"], 1 - 0.1 * 2.5, 1e-6);
  EXPECT_NEAR(value["conv1.bias"], 1 - 0.1 * 2, 1e-6);
  EXPECT_NEAR(value["conv2.weight"], 1 - 0.1 * 2.25, 1e-6);
  EXPECT_NEAR(value["conv2.bias"], 1 - 0.1 * 2.25, 1e-6);
  EXPECT_NEAR(value["fc.bias"], 1 - 0.1 * 2, 1e-6);
}

/// Learns a step per output channel, and a float weight of its own.
class ManySteps final : public Quantizer {
 public:
  void attach(const QuantizerSite& site) override {
    register_parameter("scale", torch::ones({site.weight.size(0), 1}));
    own_ = register_parameter("own", torch::ones({2, 2}));
  }
  bool accepts(const Format&) const override { return true; }
  void set_format(const Format& format) override { format_ = format; }
  Format format() const override { return format_; }
  bool is_weight(const Tensor& parameter) const override { return parameter.is_same(own_); }
  Tensor quantize(const Tensor& x) override { return x; }

 private:
  Format format_;
  Tensor own_;
};

// By role, not by rank.
TEST(ParameterGroups, WhatQuantizersLearnIsNoWeight) {
  for (const bool all : {false, true}) {
    const auto value = after_step({}, 0.5, all, [](toy::Net& net) {
      const auto steps = std::make_shared<ManySteps>();
      steps->attach({QuantizerRole::kWeight, "conv1", net.conv1->weight});
      net.conv1->set_quantizers(steps, nullptr);
    });
    const double with = 1 - 0.1 * 2.5, without = 1 - 0.1 * 2;
    EXPECT_NEAR(value.at("conv1.weight"), with, 1e-6);
    EXPECT_NEAR(value.at("conv1.weight_quantizer.own"), with, 1e-6);
    EXPECT_NEAR(value.at("conv1.weight_quantizer.scale"), all ? with : without, 1e-6);
    EXPECT_NEAR(value.at("bn1.weight"), all ? with : without, 1e-6);
  }
}

TEST(ParameterGroups, TheLastMatchCounts) {
  auto value = after_step({group("*", 2), group("fc.*", 3), group("fc.bias", 2, 0.2)}, 0, true);
  EXPECT_NEAR(value["conv1.weight"], 1 - 0.2 * 2, 1e-6);
  EXPECT_NEAR(value["fc.weight"], 1 - 0.3 * 2, 1e-6);
  EXPECT_NEAR(value["fc.bias"], 1 - 0.4 * 2, 1e-6);
}

TEST(ParameterGroups, AGlobThatMatchesNothingIsAnError) {
  const auto error = [](const std::string& match) {
    return text_of<ConfigError>([&] { after_step({group("*", 1), group(match, 1)}, 0, true); });
  };
  EXPECT_EQ(error("conv3.*"),
            "trainer.optimizer.groups[1].match: 'conv3.*' matches none of the network's 10 "
            "parameters; did you mean 'conv1.weight'?");
  EXPECT_THAT(error("fc.wieght"), HasSubstr("did you mean 'fc.weight'?"));
  EXPECT_THAT(error("*.wieght"), HasSubstr("did you mean 'conv1.weight'?"));
  EXPECT_THAT(error("zzzzzzzz"), HasSubstr("parameters, such as 'conv1.weight'"));
}

// Cosine over 4 steps: 1, 0.853553, 0.5, 0.146447 of each base; before_step may change one group.
TEST(ParameterGroups, ScheduleStartsFromTheRateOfEveryGroup) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  TrainerOptions options;
  options.max_steps = 4;
  options.optimizer.lr = 0.1;
  options.optimizer.groups = {group("fc.*", 1, 0.01), group("conv*", 5)};
  options.lr_scheduler.type = "Cosine";
  std::vector<StepInfo> infos;
  Tensor before;
  FitRequest request;
  request.hooks.before_step = [&](StepInfo& info) {
    infos.push_back(info);
    before = net->fc->weight.detach().clone();
    if (info.step == 3) info.group_lr[0] = 0;
  };
  request.hooks.after_step = [&](const StepInfo& info) {
    EXPECT_EQ(torch::equal(before, net->fc->weight), info.step == 3);
  };
  TrainingLoop(options).fit(*net, data, request);
  const double shape[] = {1, 0.853553390593, 0.5, 0.146446609407};
  ASSERT_EQ(infos.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(infos[i].lr, 0.1 * shape[i], 1e-9);
    EXPECT_THAT(infos[i].group_lr, ElementsAre(testing::DoubleNear(0.01 * shape[i], 1e-9),
                                               testing::DoubleNear(0.5 * shape[i], 1e-9)));
  }
  request.hooks.before_step = [](StepInfo& info) { info.group_lr.clear(); };
  EXPECT_THAT(text_of<RunError>([&] { TrainingLoop(options).fit(*net, data, request); }),
              HasSubstr("before_step left 0 learning rates of groups, expected 2"));
}

}  // namespace
}  // namespace deneb
