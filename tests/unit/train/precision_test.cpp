#include <gtest/gtest.h>

#include <set>

#include "unit/train/toy.h"

namespace deneb {
namespace {

TrainerOptions options_of(const std::string& precision) {
  TrainerOptions options;
  options.optimizer.lr = 0.05;
  options.epochs = 8;
  options.precision = precision;
  return options;
}

// Convolutions compute in bfloat16 while training and in float32 while evaluating; what is kept is
// float32 throughout.
TEST(Precision, Bfloat16IsUsedInTrainingOnly) {
  for (const std::string precision : {"float32", "bf16"}) {
    const auto data = toy::make_data();
    const auto net = toy::make_net();
    std::set<torch::ScalarType> training, evaluating;
    const auto observer = net->conv2->observe([&](const LayerTap& tap) {
      (net->is_training() ? training : evaluating).insert(tap.output.scalar_type());
    });
    const toy::Accuracy accuracy;
    FitRequest request;
    request.evaluator = &accuracy;
    const FitResult result = TrainingLoop(options_of(precision)).fit(*net, data, request);
    const auto expected = precision == "bf16" ? torch::kBFloat16 : torch::kFloat32;
    EXPECT_EQ(training, std::set<torch::ScalarType>{expected});
    EXPECT_EQ(evaluating, std::set<torch::ScalarType>{torch::kFloat32});
    for (const auto& [name, tensor] : state_of(*net)) {
      EXPECT_NE(tensor.scalar_type(), torch::kBFloat16) << name;
    }
    EXPECT_GT(result.epochs.back().validation.find("accuracy")->value, 0.9) << precision;
  }
}

TEST(Precision, Bfloat16IsReproducible) {
  const auto trained = [] {
    const auto data = toy::make_data();
    const auto net = toy::make_net();
    TrainingLoop(options_of("bf16")).fit(*net, data, {});
    return toy::state_copy(*net);
  };
  const auto first = trained(), second = trained();
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(torch::equal(first[i].second, second[i].second)) << first[i].first;
  }
}

}  // namespace
}  // namespace deneb
