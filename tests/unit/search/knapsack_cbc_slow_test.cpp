// Forty settings of the ResNet-50 problem, CBC against the core's solver.
#include <cbc_solver.h>
#include <gtest/gtest.h>

#include <iostream>

#include "support/resnet50_knapsack.h"

namespace deneb {
namespace {

using testing::Resnet50Setting;

std::vector<Resnet50Setting> settings() {
  std::vector<Resnet50Setting> all;
  const int bits[][2] = {{2, 2}, {2, 3}, {2, 4}, {3, 3}, {3, 4}, {4, 4}, {4, 6}, {4, 8}};
  for (const auto& [weight, act] : bits) {
    for (const double compression : {0.0, 8.0, 12.2}) all.push_back({weight, act, compression});
  }
  for (const double alpha : {1.0, 1.5, 3.0}) {  // 24 so far
    all.push_back({3, 4, 12.2, alpha});
    all.push_back({3, 4, 10, alpha});
  }
  for (const double compression : {6.0, 9.0, 12.2, 12.8}) all.push_back({0, 0, compression});
  all.push_back({0, 0, 12.2, 2, false});
  all.push_back({0, 0, 9, 2, false});
  all.push_back({3, 8, 0, 2, false});
  all.push_back({3, 8, 11, 2, false});
  all.push_back({3, 4, 14});  // infeasible
  all.push_back({2, 4, 14});
  return all;
}

class PublishedIndicators : public ::testing::TestWithParam<int> {};

TEST_P(PublishedIndicators, CbcAgrees) {
  const auto indicators = testing::read_resnet50_indicators(DENEB_EXTRA_TEST_DATA);
  if (!indicators) {
    GTEST_SKIP() << "no limpq_resnet50_indicators.json in the CMake variable DENEB_EXTRA_TEST_DATA";
  }
  if (!limpq::has_cbc()) GTEST_SKIP() << "built without CBC (coinor-libcbc-dev)";
  const Resnet50Setting setting = settings()[GetParam()];
  const auto problem = testing::resnet50_knapsack(*indicators, setting);
  const KnapsackSolution own = solve_multiple_choice_knapsack(problem);
  const KnapsackSolution cbc = limpq::solve_by_cbc(problem);
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
                         ::testing::Range(0, int(settings().size())));

}  // namespace
}  // namespace deneb
