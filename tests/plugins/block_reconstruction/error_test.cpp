#include "error.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace deneb::reconstruction {
namespace {

using torch::Tensor;

// BRECQ's reference.
TEST(OutputError, SumsOverChannels) {
  const Tensor output = torch::tensor({{1., 2.}, {3., 4.}});
  const Tensor target = torch::tensor({{0., 2.5}, {3., 2.}});
  EXPECT_NEAR(output_error(output, target, 2).item<double>(), 2.625, 1e-6);
  EXPECT_NEAR(output_error(output, target, 2.4).item<double>(), 3.2337482, 1e-6);
  // The same as pixels and as tokens.
  EXPECT_NEAR(output_error(output.view({2, 2, 1, 1}), target.view({2, 2, 1, 1}), 2).item<double>(),
              2.625, 1e-6);
  EXPECT_NEAR(output_error(output.unsqueeze(0), target.unsqueeze(0), 2).item<double>(), 2.625,
              1e-6);
}

TEST(OutputError, WeightsAndPositions) {
  const Tensor output = torch::tensor({{1., 2.}, {3., 4.}}).unsqueeze(0);
  const Tensor target = torch::tensor({{0., 2.5}, {3., 2.}}).unsqueeze(0);
  OutputWeights weights;
  weights.importance = torch::tensor({{2., 4.}, {1., 1.}}).unsqueeze(0);
  EXPECT_NEAR(output_error(output, target, 2, weights).item<double>(), (2 + 4 * .25 + 4) / 2, 1e-6);
  weights.positions = torch::tensor({{1., 0.}});
  EXPECT_NEAR(output_error(output, target, 2, weights).item<double>(), 3, 1e-6);
  weights.positions = torch::zeros({1, 2});
  EXPECT_EQ(output_error(output, target, 2, weights).item<double>(), 0);
}

}  // namespace
}  // namespace deneb::reconstruction
