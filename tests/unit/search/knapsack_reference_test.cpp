// ResNet-50 with its published importance indicators: the results are known.
#include <deneb/search/multiple_choice_knapsack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/resnet50_knapsack.h"

namespace deneb {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using testing::resnet50_convs;
using testing::Resnet50Setting;
using Status = KnapsackSolution::Status;

KnapsackSolution solve(const testing::Resnet50Indicators& indicators,
                       const Resnet50Setting& setting) {
  return solve_multiple_choice_knapsack(testing::resnet50_knapsack(indicators, setting));
}

TEST(KnapsackReference, ShapesOfResnet50) {
  std::int64_t macs = 0, weights = 0;
  for (const auto& conv : resnet50_convs()) {
    macs += conv.macs();
    weights += conv.weights();
  }
  EXPECT_EQ(resnet50_convs().size(), 52u);
  EXPECT_EQ(macs, 4'023'713'792);
  EXPECT_EQ(weights, 23'445'504);
}

// No file needed: as hard as the published problem, and large enough for every path of the search.
TEST(KnapsackReference, SyntheticIndicators) {
  const auto problem =
      testing::resnet50_knapsack(testing::synthetic_resnet50_indicators(), Resnet50Setting());
  const KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  ASSERT_EQ(solution.status, Status::kOptimal);
  EXPECT_TRUE(solution.unique);
  EXPECT_LT(solution.bound, solution.cost);
  ASSERT_TRUE(solution.second_best);
  EXPECT_GT(*solution.second_best, solution.cost);

  KnapsackOptions options;
  options.second_best = false;
  EXPECT_EQ(solve_multiple_choice_knapsack(problem, options).chosen, solution.chosen);
  options.max_states = 1000;  // the depth-first search finishes with what was found before
  EXPECT_EQ(solve_multiple_choice_knapsack(problem, options).chosen, solution.chosen);

  // The second best is the best that differs somewhere.
  double second = std::numeric_limits<double>::infinity();
  options = {};
  options.second_best = false;
  for (std::size_t i = 0; i < problem.groups.size(); ++i) {
    KnapsackProblem other = problem;
    auto& group = other.groups[i].options;
    group.erase(group.begin() + solution.chosen[i]);
    second = std::min(second, solve_multiple_choice_knapsack(other, options).cost);
  }
  EXPECT_DOUBLE_EQ(*solution.second_best, second);
}

class PublishedIndicators : public ::testing::Test {
 protected:
  void SetUp() override {
    indicators_ = testing::read_resnet50_indicators(DENEB_EXTRA_TEST_DATA);
    if (!indicators_) {
      GTEST_SKIP() << "no limpq_resnet50_indicators.json in the CMake variable "
                      "DENEB_EXTRA_TEST_DATA (\"" DENEB_EXTRA_TEST_DATA "\")";
    }
  }

  std::optional<testing::Resnet50Indicators> indicators_;
};

TEST_F(PublishedIndicators, PolicyOfThePaper) {
  const KnapsackSolution solution = solve(*indicators_, {});
  ASSERT_EQ(solution.status, Status::kOptimal);
  EXPECT_NEAR(solution.cost, 4.617439227179, 1e-11);
  EXPECT_NEAR(solution.second_best.value(), 4.617449158803, 1e-11);
  EXPECT_TRUE(solution.unique);
  EXPECT_THAT(solution.used, ElementsAre(48'283'189'248, 50'417'664));
  EXPECT_LE(solution.bound, 4.614169102);  // of the linear relaxation
  EXPECT_GT(solution.bound, 4.61416);
}

TEST_F(PublishedIndicators, OnlyOneChoiceLeft) {
  const KnapsackSolution solution = solve(*indicators_, {2, 2, 12.2});
  ASSERT_EQ(solution.status, Status::kOptimal);
  EXPECT_NEAR(solution.cost, 11.187446270138, 1e-11);
  const auto problem = testing::resnet50_knapsack(*indicators_, {2, 2, 12.2});
  for (std::size_t i = 0; i < problem.groups.size(); ++i) {  // 2 and 2 bits come last
    EXPECT_EQ(solution.chosen[i] + 1, int(problem.groups[i].options.size()));
  }
  EXPECT_TRUE(solution.unique);
  EXPECT_FALSE(solution.second_best);
}

TEST_F(PublishedIndicators, TooSmallASize) {
  const KnapsackSolution solution = solve(*indicators_, {3, 4, 14});
  EXPECT_EQ(solution.status, Status::kInfeasible);
  EXPECT_EQ(solution.reason,
            "row \"weight bits\" allows at most 41833106, but every choice uses at least 46891008");
}

// With the size only, activations keep the widest format and weights are chosen as if alone.
TEST_F(PublishedIndicators, SizeOnly) {
  Resnet50Setting setting{0, 0, 12.2};
  const KnapsackSolution pairs = solve(*indicators_, setting);
  setting.search_act = false;
  EXPECT_NEAR(pairs.cost - solve(*indicators_, setting).cost, 1.175257728, 1e-9);
}

// Maximizes instead, with 95 % of the BitOps used.
TEST_F(PublishedIndicators, ReversedAssignment) {
  KnapsackProblem problem = testing::resnet50_knapsack(*indicators_, {});
  for (KnapsackGroup& group : problem.groups) {
    for (KnapsackOption& option : group.options) option.cost = -option.cost;
  }
  problem.rows[0].least = *problem.rows[0].most / 20 * 19;
  const KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  ASSERT_EQ(solution.status, Status::kOptimal);
  EXPECT_GE(solution.used[0], *problem.rows[0].least);
  EXPECT_LE(solution.used[0], *problem.rows[0].most);
  EXPECT_LT(solution.cost, -4.7);
}

}  // namespace
}  // namespace deneb
