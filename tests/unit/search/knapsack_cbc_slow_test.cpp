// Forty settings of the ResNet-50 problem, CBC against the core's solver.
#include <cbc_solver.h>
#include <gtest/gtest.h>

#include <iostream>

#include "support/resnet50_knapsack.h"

namespace deneb {
namespace {

using testing::Resnet50Setting;

class PublishedIndicators : public ::testing::TestWithParam<int> {};

TEST_P(PublishedIndicators, CbcAgrees) {
  const auto indicators = testing::read_resnet50_indicators(DENEB_EXTRA_TEST_DATA);
  if (!indicators) {
    GTEST_SKIP() << "no limpq_resnet50_indicators.json in the CMake variable DENEB_EXTRA_TEST_DATA";
  }
  if (!searches::has_cbc()) GTEST_SKIP() << "built without CBC (coinor-libcbc-dev)";
  const Resnet50Setting setting = testing::resnet50_settings()[GetParam()];
  const auto problem = testing::resnet50_knapsack(*indicators, setting);
  const KnapsackSolution own = solve_multiple_choice_knapsack(problem);
  const KnapsackSolution cbc = searches::solve_by_cbc(problem);
  std::cout << "W" << setting.weight_bits << "A" << setting.act_bits << " compression "
            << setting.compression << " alpha " << setting.alpha << ": " << 1e3 * own.seconds
            << " ms, " << own.states << " states; CBC " << cbc.seconds << " s\n";
  ASSERT_EQ(own.status, cbc.status);
  if (own.status == KnapsackSolution::Status::kInfeasible) return;
  EXPECT_NEAR(own.cost, cbc.cost, 1e-9);
  if (own.unique) {
    EXPECT_EQ(own.chosen, cbc.chosen);
  }
  EXPECT_LT(own.seconds, 1);
}

INSTANTIATE_TEST_SUITE_P(Settings, PublishedIndicators,
                         ::testing::Range(0, int(testing::resnet50_settings().size())));

}  // namespace
}  // namespace deneb
