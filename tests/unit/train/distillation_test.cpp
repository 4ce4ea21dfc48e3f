#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/distillation.h"
#include "unit/train/toy.h"

namespace deneb {
namespace {

using testing::HasSubstr;
using torch::Tensor;

TrainerOptions distilling(double weight, double temperature) {
  TrainerOptions options;
  options.optimizer.lr = 0.1;
  options.max_steps = 1;
  options.distillation.weight = weight;
  options.distillation.temperature = temperature;
  return options;
}

// Hinton's loss by its definition, one sample and class after another.
TEST(Distillation, LossFollowsFromTheDefinition) {
  const auto data = toy::make_data();
  const std::shared_ptr<toy::Net> teacher = toy::make_net(0, 2);
  for (const double temperature : {1.0, 4.0}) {
    for (const double weight : {0.25, 1.0}) {
      const auto net = toy::make_net();
      Batch batch;
      Tensor logits;
      FitRequest request;
      request.teacher = teacher;
      double loss = 0;
      request.hooks.after_step = [&](const StepInfo& info) { loss = info.loss; };
      // What the step will see, without dropout: the same batch, batch norms in training mode.
      data.train(request.seed, 0)->next(batch);
      const auto twin = toy::make_net();
      twin->train();
      logits = twin->Network::forward(batch).logits.detach();
      teacher->eval();
      const Tensor answers = teacher->Network::forward(batch).logits.detach();
      TrainingLoop(distilling(weight, temperature)).fit(*net, data, request);

      double divergence = 0, cross_entropy = 0;
      const std::int64_t n = logits.size(0), classes = logits.size(1);
      for (std::int64_t i = 0; i < n; ++i) {
        const auto probability = [&](const Tensor& row, std::int64_t k, double t) {
          double sum = 0;
          for (std::int64_t j = 0; j < classes; ++j) sum += std::exp(row[j].item<double>() / t);
          return std::exp(row[k].item<double>() / t) / sum;
        };
        for (std::int64_t k = 0; k < classes; ++k) {
          const double p = probability(answers[i], k, temperature);
          divergence += p * std::log(p / probability(logits[i], k, temperature)) / double(n);
        }
        cross_entropy -=
            std::log(probability(logits[i], batch.target()[i].item<std::int64_t>(), 1)) / double(n);
      }
      EXPECT_NEAR(loss,
                  (1 - weight) * cross_entropy + weight * temperature * temperature * divergence,
                  1e-4)
          << temperature << " " << weight;
    }
  }
}

// A teacher that calls every class by the name of the next one: who listens to it gets all labels
// wrong.
TEST(Distillation, StudentFollowsTheTeacher) {
  const auto data = toy::make_data();
  const std::shared_ptr<toy::Net> teacher = toy::make_net(0, 2);
  TrainerOptions options;
  options.optimizer.lr = 0.1;
  options.epochs = 8;
  TrainingLoop(options).fit(*teacher, data, {});
  {
    torch::NoGradGuard no_grad;
    teacher->fc->weight.copy_(teacher->fc->weight.roll(1, 0));
    teacher->fc->bias.copy_(teacher->fc->bias.roll(1, 0));
  }
  const toy::State before = toy::state_copy(*teacher);
  options.distillation.temperature = 1;
  const auto accuracy = [&](double weight) {
    const auto net = toy::make_net();
    FitRequest request;
    options.distillation.weight = weight;
    if (weight > 0) request.teacher = teacher;
    TrainingLoop(options).fit(*net, data, request);
    return toy::test_accuracy(*net, data);
  };
  EXPECT_GE(accuracy(0), 0.9);
  EXPECT_LE(accuracy(1), 0.1);
  EXPECT_EQ(toy::difference(toy::state_copy(*teacher), before), "") << "the teacher learns nothing";
}

// Token by token: the tokens that count, as samples of their own.
TEST(Distillation, TokensAreSamples) {
  torch::manual_seed(3);
  const Tensor student = torch::randn({2, 3, 5}), teacher = torch::randn({2, 3, 5});
  const Tensor counted = torch::tensor({1, 1, 0, 0, 1, 0}).to(torch::kBool).view({2, 3});
  const auto loss = [](const Tensor& s, const Tensor& t, const Tensor& c) {
    DistillationOptions options;
    options.temperature = 2;
    return detail::distillation_loss(s, t, c, options).item<double>();
  };
  const Tensor rows = counted.flatten().nonzero().flatten();
  const auto samples = [&](const Tensor& x) { return x.flatten(0, 1).index_select(0, rows); };
  EXPECT_NEAR(loss(student, teacher, counted), loss(samples(student), samples(teacher), {}), 1e-5);
  EXPECT_NEAR(loss(student, teacher, {}), loss(student.flatten(0, 1), teacher.flatten(0, 1), {}),
              1e-5);
  EXPECT_EQ(loss(student, teacher, torch::zeros({2, 3}, torch::kBool)), 0);
}

// HAWQ-V3's code: the divergence is averaged over all elements; alpha 0.95, T 6.
TEST(Distillation, AverageOverElements) {
  const Tensor student = torch::tensor({{1., 2., .5}}), teacher = torch::tensor({{.5, 2.5, 0.}});
  Batch batch;
  batch["target"] = torch::tensor({1});
  const double cross_entropy = CrossEntropy().loss({student, {}}, batch).item<double>();
  DistillationOptions options = distilling(.95, 6).distillation;
  options.average = "elements";
  const auto divergence = [&] {
    return detail::distillation_loss(student, teacher, {}, options).item<double>();
  };
  EXPECT_NEAR(.95 * divergence() + .05 * cross_entropy, 0.0614317656, 1e-7);
  const double by_elements = divergence();
  options.average = "samples";
  EXPECT_NEAR(divergence(), 3 * by_elements, 1e-6);
}

TEST(Distillation, NeedsATeacher) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  try {
    TrainingLoop(distilling(0.5, 4)).fit(*net, data, {});
    FAIL() << "no error";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("trainer.distillation"));
  }
}

}  // namespace
}  // namespace deneb
