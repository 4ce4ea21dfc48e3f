#include <gtest/gtest.h>

#include <deneb/train/learning_rate.h>

namespace deneb {
namespace {

constexpr std::int64_t kPerEpoch = 5;

LrSchedulerOptions schedule(const std::string& type) {
  LrSchedulerOptions options;
  options.type = type;
  return options;
}

TEST(LearningRate, Constant) {
  for (const std::int64_t step : {0, 7, 99}) {
    EXPECT_EQ(learning_rate(schedule("Constant"), 0.1, step, kPerEpoch, 100), 0.1);
  }
}

TEST(LearningRate, WarmUpRisesLinearly) {
  auto options = schedule("Constant");
  options.warmup_epochs = 2;
  options.warmup_lr = 0.1;
  const auto at = [&](std::int64_t step) {
    return learning_rate(options, 0.4, step, kPerEpoch, 100);
  };
  EXPECT_DOUBLE_EQ(at(0), 0.1);
  EXPECT_DOUBLE_EQ(at(1), 0.13);
  EXPECT_DOUBLE_EQ(at(5), 0.25);
  EXPECT_DOUBLE_EQ(at(9), 0.37);
  EXPECT_DOUBLE_EQ(at(10), 0.4);
  options.warmup_epochs = 0.4;  // two steps
  EXPECT_DOUBLE_EQ(at(1), 0.25);
  EXPECT_DOUBLE_EQ(at(2), 0.4);
}

TEST(LearningRate, OncePerEpochHoldsTheFirstValue) {
  auto options = schedule("Constant");
  options.warmup_epochs = 2;
  options.warmup_lr = 0.1;
  options.per_step = false;
  for (const std::int64_t step : {0, 4}) {
    EXPECT_DOUBLE_EQ(learning_rate(options, 0.4, step, kPerEpoch, 100), 0.1);
  }
  for (const std::int64_t step : {5, 9}) {
    EXPECT_DOUBLE_EQ(learning_rate(options, 0.4, step, kPerEpoch, 100), 0.25);
  }
  options = schedule("Cosine");
  options.per_step = false;
  for (const std::int64_t step : {10, 12, 14}) {  // third epoch of four
    EXPECT_DOUBLE_EQ(learning_rate(options, 1, step, kPerEpoch, 20), 0.5);
  }
}

TEST(LearningRate, MultiStep) {
  auto options = schedule("MultiStep");
  options.milestones = {4, 2};  // any order
  const auto at = [&](std::int64_t epoch, std::int64_t step) {
    return learning_rate(options, 0.1, epoch * kPerEpoch + step, kPerEpoch, 100);
  };
  EXPECT_DOUBLE_EQ(at(0, 0), 0.1);
  EXPECT_DOUBLE_EQ(at(1, 4), 0.1);
  EXPECT_DOUBLE_EQ(at(2, 0), 0.01);
  EXPECT_DOUBLE_EQ(at(3, 4), 0.01);
  EXPECT_DOUBLE_EQ(at(4, 0), 0.001);
  EXPECT_DOUBLE_EQ(at(19, 4), 0.001);
  options.gamma = 0.5;
  EXPECT_DOUBLE_EQ(at(2, 0), 0.05);
  // Milestones count epochs from the start of training, warm-up included.
  options.warmup_epochs = 3;
  EXPECT_DOUBLE_EQ(at(2, 0), 0.1 * 10 / 15);
  EXPECT_DOUBLE_EQ(at(3, 0), 0.05);
}

// (1 + cos(pi t)) / 2 at t = 0, 1/4, 1/2, 3/4, 7/8.
TEST(LearningRate, Cosine) {
  auto options = schedule("Cosine");
  const auto at = [&](std::int64_t step, std::int64_t total) {
    return learning_rate(options, 1, step, kPerEpoch, total);
  };
  EXPECT_NEAR(at(0, 8), 1, 1e-12);
  EXPECT_NEAR(at(2, 8), 0.853553390593, 1e-11);
  EXPECT_NEAR(at(4, 8), 0.5, 1e-12);
  EXPECT_NEAR(at(6, 8), 0.146446609407, 1e-11);
  EXPECT_NEAR(at(7, 8), 0.038060233744, 1e-11);
  options.min_lr = 0.2;
  EXPECT_NEAR(at(2, 8), 0.2 + 0.8 * 0.853553390593, 1e-11);
  EXPECT_NEAR(at(8, 8), 0.2, 1e-12);
  EXPECT_NEAR(at(20, 8), 0.2, 1e-12);  // never rises again
}

TEST(LearningRate, CosineStartsAfterTheWarmUp) {
  auto options = schedule("Cosine");
  options.warmup_epochs = 1;
  const auto at = [&](std::int64_t step) { return learning_rate(options, 1, step, kPerEpoch, 13); };
  EXPECT_NEAR(at(0), 0, 1e-12);
  EXPECT_NEAR(at(4), 0.8, 1e-12);
  EXPECT_NEAR(at(5), 1, 1e-12);
  EXPECT_NEAR(at(9), 0.5, 1e-12);
  EXPECT_NEAR(at(11), 0.146446609407, 1e-11);
}

// A straight line from the end of the warm-up to min_lr, as BERT is fine-tuned.
TEST(LearningRate, Linear) {
  auto options = schedule("Linear");
  const auto at = [&](std::int64_t step, std::int64_t total) {
    return learning_rate(options, 0.4, step, kPerEpoch, total);
  };
  EXPECT_DOUBLE_EQ(at(0, 8), 0.4);
  EXPECT_DOUBLE_EQ(at(2, 8), 0.3);
  EXPECT_DOUBLE_EQ(at(7, 8), 0.05);
  EXPECT_NEAR(at(8, 8), 0, 1e-12);
  EXPECT_NEAR(at(20, 8), 0, 1e-12);
  options.min_lr = 0.2;
  EXPECT_DOUBLE_EQ(at(2, 8), 0.35);
  options.min_lr = 0;
  options.warmup_epochs = 0.4;  // two steps of ten
  EXPECT_DOUBLE_EQ(at(0, 10), 0);
  EXPECT_DOUBLE_EQ(at(1, 10), 0.2);
  EXPECT_DOUBLE_EQ(at(2, 10), 0.4);
  EXPECT_DOUBLE_EQ(at(6, 10), 0.2);
  EXPECT_DOUBLE_EQ(at(9, 10), 0.05);
}

// LIMPQ's recipes (timm's cosine, once an epoch): 3 epochs of indicators; 90 + 5 of fine-tuning
// with 5 of warm-up, after which the cosine goes on where it would be without.
TEST(LearningRate, RecipesOfLimpq) {
  const auto cosine = [](double lr, double epoch, double epochs) {
    return 1e-5 + 0.5 * (lr - 1e-5) * (1 + std::cos(M_PI * epoch / epochs));
  };
  auto options = schedule("Cosine");
  options.per_step = false;
  options.min_lr = 1e-5;
  const auto of_indicators = [&](std::int64_t epoch) {
    return learning_rate(options, 0.01, epoch * kPerEpoch + 2, kPerEpoch, 3 * kPerEpoch);
  };
  EXPECT_NEAR(of_indicators(0), 0.01, 1e-12);
  EXPECT_NEAR(of_indicators(1), 0.0075025, 1e-12);
  EXPECT_NEAR(of_indicators(2), 0.0025075, 1e-12);
  options.warmup_epochs = options.cooldown_epochs = 5;
  options.warmup_lr = 1e-5;
  options.shift = false;
  const auto of_tuning = [&](std::int64_t epoch) {
    return learning_rate(options, 0.04, epoch * kPerEpoch + 2, kPerEpoch, 95 * kPerEpoch);
  };
  EXPECT_NEAR(of_tuning(0), 1e-5, 1e-12);
  EXPECT_NEAR(of_tuning(1), 0.008008, 1e-12);
  EXPECT_NEAR(of_tuning(5), cosine(0.04, 5, 90), 1e-12);
  EXPECT_NEAR(of_tuning(45), 0.020005, 1e-12);
  EXPECT_NEAR(of_tuning(89), cosine(0.04, 89, 90), 1e-12);
  for (std::int64_t epoch = 90; epoch < 95; ++epoch) EXPECT_NEAR(of_tuning(epoch), 1e-5, 1e-12);
}

TEST(LearningRate, WarmUpAsLongAsTheTraining) {
  auto options = schedule("Cosine");
  options.warmup_epochs = 4;
  EXPECT_NEAR(learning_rate(options, 1, 19, kPerEpoch, 20), 0.95, 1e-12);
  EXPECT_NEAR(learning_rate(options, 1, 20, kPerEpoch, 20), 1, 1e-12);
}

// Rise over 3 of 10 steps from 1/25: 1 - 0.48 (1 + cos(pi k / 3)); then 7 steps down.
TEST(LearningRate, OneCycle) {
  auto options = schedule("OneCycle");
  options.warmup_epochs = 3;  // has no say here
  const auto at = [&](std::int64_t step) { return learning_rate(options, 1, step, kPerEpoch, 10); };
  EXPECT_NEAR(at(0), 0.04, 1e-12);
  EXPECT_NEAR(at(1), 0.28, 1e-12);
  EXPECT_NEAR(at(2), 0.76, 1e-12);
  EXPECT_NEAR(at(3), 1, 1e-12);
  EXPECT_NEAR(at(5), 0.811744900929, 1e-11);  // (1 + cos(2 pi / 7)) / 2
  EXPECT_NEAR(at(8), 0.188255099071, 1e-11);  // (1 + cos(5 pi / 7)) / 2
  EXPECT_NEAR(at(10), 0, 1e-12);
  options.min_lr = 0.1;
  EXPECT_NEAR(at(5), 0.1 + 0.9 * 0.811744900929, 1e-11);
  options.warmup_share = 0;
  EXPECT_NEAR(at(0), 1, 1e-12);
  options.warmup_share = 1;
  EXPECT_NEAR(at(5), 0.52, 1e-12);
}

}  // namespace
}  // namespace deneb
