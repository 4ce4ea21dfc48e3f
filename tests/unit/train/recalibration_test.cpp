#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deneb/random.h>
#include <deneb/train/batch_norms.h>
#include <deneb/train/evaluator.h>

#include "scratch_folder.h"
#include "unit/train/toy.h"

namespace deneb {
namespace {

using torch::Tensor;

struct Statistics {
  Tensor mean1, var1, mean2, var2;
};

/// Straight from the definition: means and unbiased variances of every batch, averaged.
Statistics direct(toy::Net& net, const DataLoader& data, std::int64_t batches, std::uint64_t seed) {
  torch::NoGradGuard no_grad;
  Statistics sum{torch::zeros({4}), torch::zeros({4}), torch::zeros({4}), torch::zeros({4})};
  const auto normalized = [](const Tensor& x, const nn::BatchNorm2d& norm) {
    const Tensor mean = x.mean({0, 2, 3}, true), var = x.var({0, 2, 3}, false, true);
    return (x - mean) / (var + 1e-5).sqrt() * norm->weight.view({1, 4, 1, 1}) +
           norm->bias.view({1, 4, 1, 1});
  };
  const auto stream = data.train(seed, 0);
  std::int64_t seen = 0;
  for (Batch batch; seen < batches && stream->next(batch); ++seen) {
    const Tensor first = net.conv1(batch.input());
    sum.mean1 += first.mean({0, 2, 3});
    sum.var1 += first.var({0, 2, 3}, true);
    const Tensor second = net.conv2(normalized(first, net.bn1).relu());
    sum.mean2 += second.mean({0, 2, 3});
    sum.var2 += second.var({0, 2, 3}, true);
  }
  const auto n = static_cast<double>(seen);
  return {sum.mean1 / n, sum.var1 / n, sum.mean2 / n, sum.var2 / n};
}

void expect_statistics(const toy::Net& net, const Statistics& expected) {
  EXPECT_TRUE(torch::allclose(net.bn1->running_mean, expected.mean1, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(net.bn1->running_var, expected.var1, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(net.bn2->running_mean, expected.mean2, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(net.bn2->running_var, expected.var2, 1e-4, 1e-5));
}

std::unique_ptr<toy::Net> net_with_odd_statistics() {
  auto net = toy::make_net();
  torch::NoGradGuard no_grad;
  for (const auto& norm : {net->bn1, net->bn2}) {
    norm->running_mean.fill_(100);
    norm->running_var.fill_(0.01);
    norm->num_batches_tracked.fill_(12);
    norm->weight.uniform_(0.5, 2);
    norm->bias.normal_();
  }
  return net;
}

TEST(Recalibration, EqualsTheDirectComputation) {
  const auto data = toy::make_data();
  for (const std::int64_t batches : {1, 3, 8, 1000}) {
    const auto net = net_with_odd_statistics();
    const Statistics expected = direct(*net, data, batches, 9);
    recalibrate_batch_norms(*net, data, batches, 9, torch::kCPU);
    expect_statistics(*net, expected);
    EXPECT_EQ(net->bn1->num_batches_tracked.item<std::int64_t>(),
              std::min<std::int64_t>(8, batches));
  }
}

TEST(Recalibration, LeavesWeightsModeAndMomentum) {
  const auto data = toy::make_data();
  for (const bool training : {false, true}) {
    const auto net = net_with_odd_statistics();
    net->train(training);
    const toy::State before = toy::state_copy(*net);
    recalibrate_batch_norms(*net, data, 2, 9, torch::kCPU);
    for (const auto& [name, value] : before) {
      if (name.find("running") != std::string::npos || name.find("tracked") != std::string::npos) {
        continue;
      }
      for (const auto& [other, now] : state_of(*net)) {
        if (other == name) {
          EXPECT_TRUE(torch::equal(now, value)) << name;
        }
      }
    }
    EXPECT_EQ(net->bn2->is_training(), training);
    EXPECT_EQ(net->bn2->options.momentum, 0.1);
  }
}

TEST(Recalibration, RestoresModeAndMomentumAfterAnError) {
  const auto data = toy::make_data();
  const auto net = net_with_odd_statistics();
  net->eval();
  net->on_forward = [] { throw RunError("no more"); };
  EXPECT_EQ(text_of<RunError>([&] { recalibrate_batch_norms(*net, data, 2, 9, torch::kCPU); }),
            "no more");
  EXPECT_FALSE(net->bn1->is_training());
  EXPECT_EQ(net->bn1->options.momentum, 0.1);
}

// Dropout, running ranges and soft rounding ask their module for its mode.
TEST(Recalibration, OnlyBatchNormsTrainMeanwhile) {
  const auto data = toy::make_data();
  const auto net = net_with_odd_statistics();
  net->train();
  net->bn1->eval();  // frozen on purpose
  int passes = 0;
  net->on_forward = [&] {
    ++passes;
    EXPECT_FALSE(net->is_training() || net->conv1->is_training());
    EXPECT_TRUE(net->bn1->is_training() && net->bn2->is_training());
  };
  recalibrate_batch_norms(*net, data, 2, 9, torch::kCPU);
  EXPECT_EQ(passes, 2);
  EXPECT_TRUE(net->is_training() && net->conv1->is_training() && net->bn2->is_training());
  EXPECT_FALSE(net->bn1->is_training());
  {
    const EvaluationMode mode(*net);
    EXPECT_FALSE(net->bn2->is_training());
  }
  EXPECT_TRUE(net->bn2->is_training());
  EXPECT_FALSE(net->bn1->is_training());
}

// A head that runs in training alone.
TEST(Recalibration, NormsWithoutBatchesKeepTheirStatistics) {
  const auto data = toy::make_data();
  const auto net = net_with_odd_statistics();
  const auto idle = nn::BatchNorm2d(4);
  idle->running_mean.fill_(3);
  idle->num_batches_tracked.fill_(5);
  net->register_module("idle", idle);
  recalibrate_batch_norms(*net, data, 2, 9, torch::kCPU);
  EXPECT_EQ(idle->running_mean[0].item<float>(), 3);
  EXPECT_EQ(idle->num_batches_tracked.item<std::int64_t>(), 5);
  EXPECT_LT(net->bn1->running_mean[0].item<float>(), 50);
}

TEST(Recalibration, AsOptionOfTheTrainer) {
  const auto data = toy::make_data();
  const auto net = toy::make_net();
  TrainerOptions options;
  options.epochs = 1;
  options.batch_norm_recalibration = 3;
  options.ema_decay = 0.5;  // the statistics are those of the averaged weights
  FitRequest request;
  request.seed = 4;
  TrainingLoop(options).fit(*net, data, request);
  const Tensor mean = net->bn2->running_mean.clone();
  expect_statistics(*net, direct(*net, data, 3, derive_seed(4, "recalibration")));
  EXPECT_TRUE(torch::equal(mean, net->bn2->running_mean));
}

}  // namespace
}  // namespace deneb
