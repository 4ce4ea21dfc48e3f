#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include <deneb/train/cross_entropy.h>

#include "scratch_folder.h"

namespace deneb {
namespace {

using testing::HasSubstr;
using torch::Tensor;

CrossEntropy criterion(double smoothing, double auxiliary, std::int64_t ignored = -100) {
  CrossEntropyOptions options;
  options.label_smoothing = smoothing;
  options.auxiliary_weight = auxiliary;
  options.ignore_index = ignored;
  return CrossEntropy(options);
}

Batch with_target(const Tensor& target) {
  Batch batch;
  batch["target"] = target;
  return batch;
}

/// -sum_k q_k log softmax(z)_k of one row, where q moves `smoothing` of the label's mass to all.
double row_loss(const Tensor& row, std::int64_t label, double smoothing) {
  double sum = 0;
  const std::int64_t classes = row.size(0);
  for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(row[k].item<double>());
  double loss = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    const double q = smoothing / double(classes) + (k == label ? 1 - smoothing : 0);
    loss -= q * (row[k].item<double>() - std::log(sum));
  }
  return loss;
}

// Two classes, logits 0 and log 3: probabilities 1/4 and 3/4.
TEST(CrossEntropy, ByHand) {
  const Output output{torch::tensor({0.0, std::log(3.0)}).view({1, 2}), {}};
  const Batch first = with_target(torch::zeros({1}, torch::kInt64));
  EXPECT_NEAR(criterion(0, 0).loss(output, first).item<double>(), std::log(4.0), 1e-6);
  // 0.2 of the mass spread: 0.9 on the label.
  EXPECT_NEAR(criterion(0.2, 0).loss(output, first).item<double>(),
              0.9 * std::log(4.0) + 0.1 * std::log(4.0 / 3.0), 1e-6);
  EXPECT_NEAR(criterion(0.2, 0).measure(output, first).sum, std::log(4.0), 1e-6);
}

TEST(CrossEntropy, AuxiliaryHeadsAreAddedInTrainingOnly) {
  torch::manual_seed(1);
  Output output{torch::randn({4, 3}), {}};
  const Batch batch = with_target(torch::tensor({0, 2, 1, 1}));
  const double main = criterion(0.1, 0).loss(output, batch).item<double>();
  EXPECT_EQ(criterion(0.1, 0.3).loss(output, batch).item<double>(), main) << "no heads";
  output.auxiliary["early"] = torch::randn({4, 3});
  output.auxiliary["late"] = torch::randn({4, 3});
  double heads = 0;
  for (const auto& [name, logits] : output.auxiliary) {
    heads += criterion(0.1, 0).loss({logits, {}}, batch).item<double>();
  }
  EXPECT_EQ(criterion(0.1, 0).loss(output, batch).item<double>(), main);
  EXPECT_NEAR(criterion(0.1, 0.3).loss(output, batch).item<double>(), main + 0.3 * heads, 1e-5);
  EXPECT_EQ(criterion(0.1, 0.3).measure(output, batch).sum,
            criterion(0, 0).measure({output.logits, {}}, batch).sum);
}

TEST(CrossEntropy, TokenByTokenWithoutThoseThatAreIgnored) {
  torch::manual_seed(2);
  for (const std::int64_t ignored : {-100, 0}) {
    Tensor logits = torch::randn({2, 3, 5});
    logits.set_requires_grad(true);
    const Tensor target = torch::tensor({4, 1, 2, 3, 3, 1}).view({2, 3});
    target[1].fill_(ignored);
    const Batch batch = with_target(target);
    for (const double smoothing : {0.0, 0.1}) {
      double sum = 0;
      for (std::int64_t t = 0; t < 3; ++t) {
        sum += row_loss(logits[0][t], target[0][t].item<std::int64_t>(), smoothing);
      }
      const Tensor loss = criterion(smoothing, 0, ignored).loss({logits, {}}, batch);
      EXPECT_NEAR(loss.item<double>(), sum / 3, 1e-5) << smoothing;
      logits.mutable_grad() = Tensor();
      loss.backward();
      EXPECT_EQ(logits.grad()[1].abs().max().item<float>(), 0);
      EXPECT_GT(logits.grad()[0].abs().min().item<float>(), 0);
    }
    const LossSum measured = criterion(0.1, 0, ignored).measure({logits, {}}, batch);
    EXPECT_EQ(measured.count, 3);
    EXPECT_NEAR(measured.sum / 3, criterion(0, 0, ignored).loss({logits, {}}, batch).item<double>(),
                1e-5);
    EXPECT_TRUE(torch::equal(criterion(0, 0, ignored).counted(batch), target.ne(ignored)));
  }
}

TEST(CrossEntropy, NothingToCountIsNoLoss) {
  const Tensor logits = torch::randn({2, 3, 5}, torch::requires_grad());
  const Batch batch = with_target(torch::full({2, 3}, -100, torch::kInt64));
  const Tensor loss = criterion(0.1, 0).loss({logits, {}}, batch);
  EXPECT_EQ(loss.item<double>(), 0);
  loss.backward();
  EXPECT_EQ(logits.grad().abs().max().item<float>(), 0);
  EXPECT_EQ(criterion(0.1, 0).measure({logits, {}}, batch).sum, 0);
  EXPECT_EQ(criterion(0.1, 0).measure({logits, {}}, batch).count, 0);
}

TEST(CrossEntropy, ShapesThatDoNotFitAreNamed) {
  const Batch batch = with_target(torch::zeros({2}, torch::kInt64));
  EXPECT_THAT(
      text_of<RunError>([&] {
        criterion(0, 0).loss({torch::zeros({2, 3, 4}), {}}, batch);
      }),
      HasSubstr("criterion CrossEntropy: got logits [2, 3, 4] and targets [2], expected [N, C]"));
  EXPECT_THAT(text_of<RunError>([&] {
                criterion(0, 0).loss({torch::zeros({3, 4}), {}}, batch);
              }),
              HasSubstr("got logits [3, 4] and targets [2]"));
  EXPECT_THAT(text_of<RunError>([&] {
                criterion(0, 0).measure({torch::zeros({2}), {}}, batch);
              }),
              HasSubstr("got logits [2] and targets [2]"));
}

TEST(CrossEntropy, IdentityHoldsTypeAndOptions) {
  EXPECT_EQ(criterion(0.1, 0.3).identity().dump(),
            R"({"type":"CrossEntropy","label_smoothing":0.1,"auxiliary_weight":0.3,)"
            R"("ignore_index":-100})");
}

/// What a plugin needs to write at least.
class Largest final : public Criterion {
 public:
  Tensor loss(const Output& output, const Batch&) const override { return output.logits.max(); }
};

TEST(Criterion, Defaults) {
  const Largest largest;
  Batch batch = with_target(torch::zeros({3}, torch::kInt64));
  const LossSum measured = largest.measure({torch::full({3, 2}, 2.0), {}}, batch);
  EXPECT_EQ(measured.sum, 6);
  EXPECT_EQ(measured.count, 3);
  EXPECT_FALSE(largest.counted(batch).defined());
  EXPECT_EQ(largest.identity().dump(), "{}");
}

}  // namespace
}  // namespace deneb
