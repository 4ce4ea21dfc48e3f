#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include <deneb/options/config.h>

#include "scratch_folder.h"
#include "unit/train/toy.h"

namespace deneb {
namespace {

using testing::HasSubstr;
using torch::Tensor;

constexpr double kWeightGradient = 3, kBiasGradient = 2;

/// Every weight starts at 1 and has the gradient 3, every bias starts at 1 with gradient 2.
class Slope final : public Network {
 public:
  Slope() {
    fc = register_module("fc", nn::Linear(64, toy::kClasses));
    torch::NoGradGuard no_grad;
    fc->weight.fill_(1);
    fc->bias.fill_(1);
  }
  Tensor forward(Tensor x) override { return fc(x.flatten(1)); }
  std::vector<std::int64_t> input_shape() const override { return {1, 8, 8}; }
  std::int64_t num_classes() const override { return toy::kClasses; }
  nn::Linear fc{nullptr};
};

TrainHooks constant_gradient(Slope& net) {
  TrainHooks hooks;
  hooks.loss = [&net](const StepInfo&, const Tensor&) {
    return net.fc->weight.sum() * kWeightGradient + net.fc->bias.sum() * kBiasGradient;
  };
  return hooks;
}

struct Values {
  double weight, bias;
};

Values after(TrainerOptions options, std::int64_t steps) {
  const auto data = toy::make_data();
  Slope net;
  options.epochs = 10;
  options.max_steps = steps;
  FitRequest request;
  request.hooks = constant_gradient(net);
  TrainingLoop(options).fit(net, data, request);
  return {net.fc->weight[1][2].item<double>(), net.fc->bias[1].item<double>()};
}

TrainerOptions optimizer(const std::string& type, double decay) {
  TrainerOptions options;
  options.optimizer.type = type;
  options.optimizer.lr = 0.1;
  options.optimizer.weight_decay = decay;
  return options;
}

TEST(Optimizers, SgdByHand) {
  TrainerOptions options = optimizer("SGD", 0);
  options.optimizer.momentum = 0;
  EXPECT_NEAR(after(options, 1).weight, 0.7, 1e-6);
  EXPECT_NEAR(after(options, 3).weight, 0.1, 1e-6);
  EXPECT_NEAR(after(options, 3).bias, 0.4, 1e-6);
}

// Weight: g1 = 3.5, w = 0.65; g2 = 3.325, v = 0.9 * 3.5 + 3.325, w = 0.65 - 0.6475.
// Bias, no decay: v = 2, 3.8. With decay: g1 = 2.5, b = 0.75; g2 = 2.375, v = 4.625.
TEST(Optimizers, MomentumAndDecayByHand) {
  TrainerOptions options = optimizer("SGD", 0.5);
  options.optimizer.decay_1d = false;
  EXPECT_NEAR(after(options, 1).weight, 0.65, 1e-6);
  EXPECT_NEAR(after(options, 2).weight, 0.0025, 1e-6);
  EXPECT_NEAR(after(options, 2).bias, 0.42, 1e-6);
  options.optimizer.decay_1d = true;
  EXPECT_NEAR(after(options, 2).weight, 0.0025, 1e-6);
  EXPECT_NEAR(after(options, 2).bias, 0.75 - 0.4625, 1e-6);
}

// Step 1: v = 3, update 3 + 0.9 * 3; step 2: v = 5.7, update 3 + 0.9 * 5.7.
TEST(Optimizers, NesterovByHand) {
  TrainerOptions options = optimizer("SGD", 0);
  options.optimizer.nesterov = true;
  EXPECT_NEAR(after(options, 1).weight, 1 - 0.57, 1e-6);
  EXPECT_NEAR(after(options, 2).weight, 1 - 0.57 - 0.813, 1e-6);
}

// A constant gradient gives steps of lr. Adam's decay goes into the gradient and so changes nothing
// in step 1; AdamW's shrinks the weight by lr * decay first.
TEST(Optimizers, AdamAndAdamWByHand) {
  EXPECT_NEAR(after(optimizer("Adam", 0), 1).weight, 0.9, 1e-5);
  EXPECT_NEAR(after(optimizer("Adam", 0), 3).bias, 0.7, 1e-5);
  EXPECT_NEAR(after(optimizer("Adam", 0.5), 1).weight, 0.9, 1e-5);
  EXPECT_NEAR(after(optimizer("AdamW", 0.5), 1).weight, 0.85, 1e-5);
  TrainerOptions options = optimizer("AdamW", 0.5);
  options.optimizer.decay_1d = false;
  EXPECT_NEAR(after(options, 1).weight, 0.85, 1e-5);
  EXPECT_NEAR(after(options, 1).bias, 0.9, 1e-5);
}

// m = 0.5 * 3 / (1 - 0.5) = 3, sqrt(v) = 3, and eps = 3 halves the step.
TEST(Optimizers, AdamOptionsArrive) {
  TrainerOptions options = optimizer("Adam", 0);
  options.optimizer.betas = {0.5, 0.9};
  options.optimizer.eps = 3;
  EXPECT_NEAR(after(options, 1).weight, 0.95, 1e-5);
}

TEST(Optimizers, ScheduleIsApplied) {
  TrainerOptions options = optimizer("SGD", 0);
  options.optimizer.momentum = 0;
  options.lr_scheduler.type = "Cosine";
  // lr of 4 steps: 0.1 times 1, 0.853553, 0.5, 0.146447.
  EXPECT_NEAR(after(options, 4).weight, 1 - 0.3 * 2.5, 1e-6);
}

TEST(Clipping, ByNorm) {
  // 256 weights and 4 biases: norm sqrt(256 * 9 + 4 * 4).
  const double norm = std::sqrt(256 * 9.0 + 4 * 4.0);
  TrainerOptions options = optimizer("SGD", 0);
  options.optimizer.momentum = 0;
  options.grad_clip_norm = 1;
  EXPECT_NEAR(after(options, 1).weight, 1 - 0.3 / norm, 1e-6);
  EXPECT_NEAR(after(options, 1).bias, 1 - 0.2 / norm, 1e-6);
  options.grad_clip_norm = 2 * norm;  // not reached
  EXPECT_NEAR(after(options, 1).weight, 0.7, 1e-6);
}

TEST(Clipping, ByValue) {
  TrainerOptions options = optimizer("SGD", 0);
  options.optimizer.momentum = 0;
  options.grad_clip_value = 2.5;
  EXPECT_NEAR(after(options, 1).weight, 0.75, 1e-6);
  EXPECT_NEAR(after(options, 1).bias, 0.8, 1e-6);
}

TEST(LabelSmoothing, LossByHand) {
  const auto data = toy::make_data();
  for (const double smoothing : {0.0, 0.1}) {
    const auto net = toy::make_net();
    TrainerOptions options = optimizer("SGD", 0);
    options.optimizer.lr = 0;
    CrossEntropyOptions smoothed;
    smoothed.label_smoothing = smoothing;
    const CrossEntropy criterion(smoothed);
    FitRequest request;
    request.criterion = &criterion;
    const double seen = TrainingLoop(options).fit(*net, data, request).epochs[0].train_loss;
    // The same batches again: batch norm sees batches, so all samples at once would differ.
    double sum = 0;
    Batch batch;
    torch::NoGradGuard no_grad;
    for (auto stream = data.train(0, 0); stream->next(batch);) {
      const Tensor logp = net->forward(batch.input()).log_softmax(1);
      const Tensor own = logp.gather(1, batch.target().unsqueeze(1));
      sum -= (1 - smoothing) * own.sum().item<double>() +
             smoothing * logp.mean(1).sum().item<double>();
    }
    EXPECT_NEAR(seen, sum / 120, 1e-5);
  }
}

// w(t) = 1 - 0.3 t; the average leans on it with min(decay, (1 + s) / (10 + s)) at step s.
TEST(Ema, ByHand) {
  const auto data = toy::make_data();
  for (const double decay : {0.25, 0.999}) {
    double average = 1;
    for (int s = 0; s < 8; ++s) {
      const double d = std::min(decay, (1.0 + s) / (10.0 + s));
      average = d * average + (1 - d) * (1 - 0.3 * (s + 1));
    }
    Slope net;
    toy::Accuracy evaluator;
    double validated = 0, raw = 0;
    evaluator.on_evaluate = [&](Network&) { validated = net.fc->weight[0][0].item<double>(); };
    TrainerOptions options = optimizer("SGD", 0);
    options.optimizer.momentum = 0;
    options.ema_decay = decay;
    FitRequest request;
    request.evaluator = &evaluator;
    request.hooks = constant_gradient(net);
    request.hooks.after_step = [&](const StepInfo&) { raw = net.fc->weight[0][0].item<double>(); };
    TrainingLoop(options).fit(net, data, request);
    EXPECT_NEAR(raw, 1 - 0.3 * 8, 1e-5) << "training goes on with its own weights";
    EXPECT_NEAR(validated, average, 1e-5);
    EXPECT_NEAR(net.fc->weight[0][0].item<double>(), average, 1e-5);
  }
}

TEST(Ema, TrainingIsNotDisturbedByValidation) {
  const auto data = toy::make_data();
  std::vector<toy::State> averages;
  for (const int interval : {0, 1}) {
    const auto net = toy::make_net();
    const toy::Accuracy evaluator;
    TrainerOptions options;
    options.epochs = 3;
    options.ema_decay = 0.9;
    options.valid_interval = interval;
    FitRequest request;
    request.evaluator = &evaluator;
    TrainingLoop(options).fit(*net, data, request);
    averages.push_back(toy::state_copy(*net));
  }
  EXPECT_EQ(toy::difference(averages[0], averages[1]), "");
}

TEST(Ema, NetworkThatGrowsIsAnError) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  TrainerOptions options;
  options.ema_decay = 0.9;
  FitRequest request;
  request.hooks.before_step = [&](StepInfo& info) {
    if (info.step == 2) net->register_buffer("late", torch::zeros({1}));
  };
  EXPECT_THAT(text_of<RunError>([&] { TrainingLoop(options).fit(*net, data, request); }),
              HasSubstr("trainer.ema_decay: the network had 16 tensors at the start and has 17"));
}

TEST(TrainerOptions, RulesThatSpanFields) {
  const auto errors = [](const nlohmann::json& json) {
    class NoPlugins final : public PluginCatalog {
      const OptionWalk* options_of(const std::string&, const std::string&) const override {
        return nullptr;
      }
      std::vector<std::string> names(const std::string&) const override { return {}; }
    };
    TrainerOptions options;
    Diagnostics problems;
    read_options(walk(options), json, "trainer", NoPlugins(), problems);
    return problems.text("file");
  };
  EXPECT_EQ(errors({{"epochs", 3}, {"keep", "best"}}), "");
  EXPECT_THAT(errors({{"keep", "best"}, {"valid_interval", 0}}), HasSubstr("trainer.keep: "));
  EXPECT_THAT(errors({{"optimizer", {{"betas", {0.9}}}}}), HasSubstr("trainer.optimizer.betas: "));
  EXPECT_THAT(errors({{"optimizer", {{"betas", {1, 0.9}}}}}), HasSubstr("betas: has a 1"));
  EXPECT_THAT(errors({{"optimizer", {{"betas", {0.9, 1}}}}}), HasSubstr("betas: has a 1"));
  EXPECT_THAT(errors({{"optimizer", {{"nesterov", true}, {"momentum", 0}}}}),
              HasSubstr("trainer.optimizer.nesterov: needs momentum > 0"));
  EXPECT_THAT(errors({{"lr_scheduler", {{"type", "Cosin"}}}}), HasSubstr("Cosine"));
  EXPECT_THAT(errors({{"epochs", -1}}), HasSubstr("trainer.epochs"));
  const auto schedule = [&](const nlohmann::json& json) {
    return errors({{"lr_scheduler", json}});
  };
  EXPECT_EQ(schedule({{"type", "MultiStep"}, {"milestones", {1, 2}}, {"warmup_epochs", 1}}), "");
  EXPECT_EQ(schedule({{"type", "OneCycle"}, {"warmup_share", 0.1}, {"min_lr", 0.1}}), "");
  EXPECT_THAT(schedule({{"type", "MultiStep"}}), HasSubstr("lr_scheduler.milestones: is empty"));
  EXPECT_THAT(schedule({{"type", "OneCycle"}, {"warmup_epochs", 1}}),
              HasSubstr("lr_scheduler.warmup_epochs: has no effect on OneCycle"));
  EXPECT_THAT(schedule({{"type", "Linear"}, {"cooldown_epochs", 1}}),
              HasSubstr("lr_scheduler.cooldown_epochs: has no effect on Linear"));
  EXPECT_THAT(schedule({{"type", "Cosine"}, {"warmup_lr", 0.1}}),
              HasSubstr("lr_scheduler.warmup_lr: has no effect without warmup_epochs"));
}

}  // namespace
}  // namespace deneb
