#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scratch_folder.h"
#include "unit/train/toy.h"

namespace deneb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using torch::Tensor;
using toy::kSteps;

TrainerOptions sgd(double lr, int epochs) {
  TrainerOptions options;
  options.epochs = epochs;
  options.optimizer.lr = lr;
  return options;
}

TEST(Trainer, LearnsTheToyTask) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  const toy::Accuracy evaluator;
  const double before =
      evaluator.evaluate(*net, *data.evaluate(Split::kTest), torch::kCPU).find("accuracy")->value;
  FitRequest request;
  request.evaluator = &evaluator;
  const FitResult result = Trainer(sgd(0.1, 8)).fit(*net, data, request);
  const double after =
      evaluator.evaluate(*net, *data.evaluate(Split::kTest), torch::kCPU).find("accuracy")->value;
  EXPECT_LT(before, 0.6);
  EXPECT_GE(after, 0.9);
  EXPECT_EQ(result.steps, 8 * kSteps);
  EXPECT_FALSE(result.resumed);
  ASSERT_EQ(result.epochs.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(result.epochs[i].epoch, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(result.epochs[i].lr, 0.1);
    EXPECT_GT(result.epochs[i].seconds, 0);
    EXPECT_NE(result.epochs[i].validation.find("accuracy"), nullptr);
  }
  EXPECT_LT(result.epochs.back().train_loss, 0.3 * result.epochs.front().train_loss);
  EXPECT_GE(result.epochs.back().validation.find("accuracy")->value, 0.9);
}

TEST(Trainer, SameSeedSameWeights) {
  const auto data = toy::make_data();
  const auto trained = [&](std::uint64_t seed) {
    const auto net = toy::make_net(0.3);
    FitRequest request;
    request.seed = seed;
    Trainer(sgd(0.1, 2)).fit(*net, data, request);
    return toy::state_copy(*net);
  };
  const toy::State first = trained(5);
  EXPECT_EQ(toy::difference(trained(5), first), "");
  EXPECT_NE(toy::difference(trained(6), first), "");
}

TEST(Trainer, MemoryFormat) {
  const auto data = toy::make_data();
  std::vector<toy::State> states;
  for (const bool channels_last : {false, true}) {
    const auto net = toy::make_net();
    TrainerOptions options = sgd(0.05, 1);
    options.channels_last = channels_last;
    Trainer(options).fit(*net, data, {});
    EXPECT_EQ(net->conv2->weight.is_contiguous(at::MemoryFormat::ChannelsLast), channels_last);
    states.push_back(toy::state_copy(*net));
  }
  for (std::size_t i = 0; i < states[0].size(); ++i) {
    EXPECT_TRUE(torch::allclose(states[0][i].second, states[1][i].second, 1e-3, 1e-4))
        << states[0][i].first;
  }
}

TEST(Trainer, MaxStepsEndsWithinAnEpoch) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  const toy::Accuracy evaluator;
  TrainerOptions options = sgd(0.1, 5);
  options.max_steps = kSteps + 3;
  options.valid_interval = 2;
  FitRequest request;
  request.evaluator = &evaluator;
  std::vector<std::int64_t> totals;
  request.hooks.after_step = [&](const StepInfo& info) { totals.push_back(info.total_steps); };
  const FitResult result = Trainer(options).fit(*net, data, request);
  EXPECT_EQ(result.steps, kSteps + 3);
  EXPECT_EQ(totals, std::vector<std::int64_t>(kSteps + 3, kSteps + 3));
  ASSERT_EQ(result.epochs.size(), 2u);
  EXPECT_TRUE(result.epochs[0].validation.empty());
  EXPECT_FALSE(result.epochs[1].validation.empty());
}

TEST(Trainer, NoEpochsNoChange) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  const toy::State before = toy::state_copy(*net);
  const FitResult result = Trainer(sgd(0.1, 0)).fit(*net, data, {});
  EXPECT_EQ(result.steps, 0);
  EXPECT_TRUE(result.epochs.empty());
  EXPECT_EQ(toy::difference(toy::state_copy(*net), before), "");
}

TEST(Trainer, ValidationInterval) {
  const auto data = toy::make_data();
  const auto validated = [&](int interval) {
    const auto net = toy::make_net();
    const toy::Accuracy evaluator;
    TrainerOptions options = sgd(0.1, 5);
    options.valid_interval = interval;
    FitRequest request;
    request.evaluator = &evaluator;
    std::vector<std::int64_t> epochs;
    for (const EpochRecord& record : Trainer(options).fit(*net, data, request).epochs) {
      if (!record.validation.empty()) epochs.push_back(record.epoch);
    }
    return epochs;
  };
  EXPECT_THAT(validated(1), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(validated(2), ElementsAre(2, 4, 5));  // the last one always
  EXPECT_THAT(validated(0), ElementsAre());
}

TEST(Trainer, HooksComeInOrder) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  std::vector<std::string> calls;
  std::vector<StepInfo> infos;
  net->on_forward = [&] { calls.push_back("forward"); };
  Tensor weight;
  FitRequest request;
  request.hooks.before_step = [&](StepInfo& info) {
    calls.push_back("before_step");
    infos.push_back(info);
  };
  request.hooks.loss = [&](const StepInfo&, const Tensor& loss) {
    calls.push_back("loss");
    weight = net->fc->weight.detach().clone();
    return loss * 2;
  };
  request.hooks.after_step = [&](const StepInfo& info) {
    calls.push_back("after_step");
    EXPECT_FALSE(torch::equal(weight, net->fc->weight)) << "the optimizer comes before after_step";
    EXPECT_EQ(info.step, infos.back().step);
    EXPECT_GT(info.loss, 0);
  };
  request.hooks.on_progress = [&](const StepInfo& info) {
    calls.push_back("on_progress");
    EXPECT_EQ(info.step, infos.back().step + 1);
  };
  TrainerOptions options = sgd(0.1, 2);
  options.max_steps = kSteps + 1;
  Trainer(options).fit(*net, data, request);
  ASSERT_EQ(infos.size(), static_cast<std::size_t>(kSteps) + 1);
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const std::vector<std::string> step(calls.begin() + static_cast<std::ptrdiff_t>(5 * i),
                                        calls.begin() + static_cast<std::ptrdiff_t>(5 * i + 5));
    EXPECT_THAT(step, ElementsAre("before_step", "forward", "loss", "after_step", "on_progress"));
    EXPECT_EQ(infos[i].step, static_cast<std::int64_t>(i));
    EXPECT_EQ(infos[i].epoch, static_cast<std::int64_t>(i) / kSteps);
    EXPECT_EQ(infos[i].steps_per_epoch, kSteps);
    EXPECT_EQ(infos[i].total_steps, kSteps + 1);
    EXPECT_EQ(infos[i].lr, 0.1);
  }
}

// Two passes whose gradients add up, as the training of indicators needs it.
TEST(Trainer, ForwardBackwardReplacesTheStandardPass) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  FitRequest request;
  int passes = 0;
  request.hooks.forward_backward = [&](Network& network, const Batch& batch) {
    const Tensor gradient = net->fc->weight.grad();
    EXPECT_TRUE(!gradient.defined() || gradient.abs().max().item<float>() == 0);
    Tensor sum = torch::zeros({});
    for (int i = 0; i < 2; ++i, ++passes) {
      const Tensor loss =
          torch::nn::functional::cross_entropy(network.forward(batch).logits, batch.target());
      loss.backward();
      sum += loss.detach();
    }
    return sum;
  };
  request.hooks.loss = [](const StepInfo&, const Tensor& loss) {
    ADD_FAILURE() << "belongs to the standard pass";
    return loss;
  };
  const FitResult result = Trainer(sgd(0.05, 1)).fit(*net, data, request);
  EXPECT_EQ(passes, 2 * kSteps);
  EXPECT_GT(result.epochs[0].train_loss, 0);
}

TEST(Trainer, BeforeStepMaySetTheLearningRate) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  const Tensor before = net->fc->weight.detach().clone();
  FitRequest request;
  request.hooks.before_step = [](StepInfo& info) {
    info.lr = 0;
    info.step = info.epoch = 1000;  // without effect
  };
  const FitResult result = Trainer(sgd(0.1, 1)).fit(*net, data, request);
  EXPECT_TRUE(torch::equal(net->fc->weight, before));
  EXPECT_EQ(result.epochs[0].lr, 0);
  EXPECT_EQ(result.epochs[0].epoch, 1);
  EXPECT_EQ(result.steps, kSteps);
}

TEST(Trainer, LossThatIsNotFinite) {
  const auto data = toy::make_data();
  for (const double bad : {std::nan(""), -std::nan(""), HUGE_VAL}) {
    const auto net = toy::make_net();
    Tensor weight;
    FitRequest request;
    request.hooks.loss = [&](const StepInfo& info, const Tensor& loss) {
      weight = net->fc->weight.detach().clone();
      return info.step == kSteps + 2 ? loss * bad : loss;
    };
    const std::string text =
        text_of<RunError>([&] { Trainer(sgd(0.1, 2)).fit(*net, data, request); });
    EXPECT_THAT(text, HasSubstr(std::isnan(bad) ? "the loss is nan at epoch 2, step 11"
                                                : "the loss is inf at epoch 2, step 11"));
    EXPECT_THAT(text, HasSubstr("lower the learning rate"));
    EXPECT_TRUE(torch::equal(weight, net->fc->weight)) << "the bad step was not taken";
  }
}

TEST(Trainer, Deadline) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  FitRequest request;
  request.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_THAT(text_of<RunError>([&] { Trainer(sgd(0.1, 3)).fit(*net, data, request); }),
              HasSubstr("out of time at step 1 of 24"));
  request.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
  EXPECT_EQ(Trainer(sgd(0.1, 1)).fit(*net, data, request).steps, kSteps);
  // Nothing is left to be late for after the last step.
  TrainerOptions one_step = sgd(0.1, 1);
  one_step.max_steps = 1;
  request.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(Trainer(one_step).fit(*net, data, request).steps, 1);
}

TEST(Trainer, KeepsTheBestWeights) {
  const auto data = toy::make_data();
  const double nan = std::nan("");
  const auto best_of = [&](std::vector<double> scores, Direction direction, std::string keep) {
    const auto net = toy::make_net();
    const toy::Scripted evaluator(scores, direction);
    TrainerOptions options = sgd(0.1, static_cast<int>(scores.size()));
    options.keep = std::move(keep);
    FitRequest request;
    request.evaluator = &evaluator;
    Trainer(options).fit(*net, data, request);
    const toy::State kept = toy::state_copy(*net);
    for (std::size_t i = 0; i < evaluator.seen.size(); ++i) {
      if (toy::difference(evaluator.seen[i], kept).empty()) return static_cast<int>(i);
    }
    return -1;
  };
  EXPECT_EQ(best_of({0.5, 0.9, 0.7, 0.9}, Direction::kMaximize, "best"), 1);  // the first of equals
  EXPECT_EQ(best_of({0.5, 0.9, 0.7, 0.9}, Direction::kMinimize, "best"), 0);
  EXPECT_EQ(best_of({0.5, 0.9, 0.7, 0.8}, Direction::kMaximize, "last"), 3);
  EXPECT_EQ(best_of({nan, 0.9, nan, 0.7}, Direction::kMaximize, "best"), 1);
  EXPECT_EQ(best_of({nan, nan}, Direction::kMaximize, "best"), 1);
}

TEST(EvaluationMode, ComesBackAlsoAfterAnException) {
  const auto net = toy::make_net();
  try {
    const EvaluationMode mode(*net);
    EXPECT_FALSE(net->bn1->is_training());
    throw 1;
  } catch (int) {
  }
  EXPECT_TRUE(net->bn1->is_training());
  net->eval();
  { const EvaluationMode mode(*net); }
  EXPECT_FALSE(net->is_training());
}

}  // namespace
}  // namespace deneb
