// COIN-OR CBC against the core's solver; more of the same: knapsack_cbc_slow_test.
#include <cbc_solver.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "support/resnet50_knapsack.h"

namespace deneb {
namespace {

using searches::solve_by_cbc;
using Status = KnapsackSolution::Status;

class Cbc : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!searches::has_cbc()) GTEST_SKIP() << "built without CBC (coinor-libcbc-dev)";
  }
};

TEST(WithoutCbc, SaysSo) {
  if (searches::has_cbc()) GTEST_SKIP() << "built with CBC";
  EXPECT_THROW(solve_by_cbc({}), ConfigError);
}

TEST_F(Cbc, SolvesSmallProblems) {
  std::mt19937 generator(5);
  const auto draw = [&](int high) { return std::int64_t(generator() % unsigned(high + 1)); };
  int infeasible = 0;
  for (int i = 0; i < 30; ++i) {
    SCOPED_TRACE(i);
    KnapsackProblem problem;
    problem.rows = {{"a", 40'000'000'000 * (8 + draw(20)), {}}, {"b", {}, -30 + draw(60)}};
    if (i % 3 == 0) problem.rows[1].most = *problem.rows[1].least + draw(9);
    problem.groups.resize(5);
    for (KnapsackGroup& group : problem.groups) {
      group.options.resize(4);
      for (KnapsackOption& option : group.options) {
        option = {double(draw(1 << 20)) / 1024 - 500,
                  {10'000'000'000 * draw(20) + draw(9), draw(20) - 10}};
      }
    }
    const KnapsackSolution wanted = solve_by_enumeration(problem);
    const KnapsackSolution found = solve_by_cbc(problem);
    ASSERT_EQ(found.status, wanted.status);
    EXPECT_EQ(found.chosen, wanted.chosen);
    EXPECT_EQ(found.used, wanted.used);
    EXPECT_EQ(found.cost, wanted.cost);
    EXPECT_EQ(found.reason, wanted.reason);
    infeasible += wanted.status == Status::kInfeasible;
  }
  EXPECT_GT(infeasible, 0);
  EXPECT_LT(infeasible, 15);
}

// One unit above a bound of 1e13 lies within CBC's tolerance, but is not allowed.
TEST_F(Cbc, BoundsHoldToTheUnit) {
  KnapsackProblem problem;
  problem.rows = {{"row", 10'000'000'000'000, {}}};
  problem.groups.assign(2, {{{1, {5'000'000'000'001}}, {2, {5'000'000'000'000}}, {3, {0}}}});
  const KnapsackSolution found = solve_by_cbc(problem);
  ASSERT_EQ(found.status, Status::kOptimal);
  EXPECT_EQ(found.cost, 4);
}

TEST_F(Cbc, PrintsNothing) {
  KnapsackProblem problem;
  problem.rows = {{"row", 7, {}}};
  problem.groups.assign(4, {{{1, {3}}, {2.5, {2}}, {3, {1}}}});
  ::testing::internal::CaptureStdout();
  const double cost = solve_by_cbc(problem).cost;
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(cost, 9.5);
}

// Profits that follow the weights closely keep branch and bound busy for half a second. Stopped
// before, CBC often calls the problem infeasible.
TEST_F(Cbc, TimeLimit) {
  std::mt19937 generator(3);
  KnapsackProblem problem;
  std::int64_t sum = 0;
  for (int i = 0; i < 100; ++i) {
    const std::int64_t weight = 1'000'000 + std::int64_t(generator() % 1'000'000);
    sum += weight;
    problem.groups.push_back({{{0, {0}}, {-double(weight + 100'000), {weight}}}});
  }
  problem.rows = {{"row", sum / 2, {}}};
  for (const double seconds : {1e-3, 1e-4, 2e-3, 4e-3}) {
    SCOPED_TRACE(seconds);
    EXPECT_THROW(solve_by_cbc(problem, seconds), RunError);
  }
}

TEST_F(Cbc, AgreesOnResnet50) {
  const auto indicators = testing::read_resnet50_indicators(DENEB_EXTRA_TEST_DATA);
  if (!indicators) {
    GTEST_SKIP() << "no limpq_resnet50_indicators.json in the CMake variable DENEB_EXTRA_TEST_DATA";
  }
  for (const testing::Resnet50Setting& setting :
       {testing::Resnet50Setting{0, 0, 12.2}, {4, 8, 0}, {2, 2, 0}}) {
    SCOPED_TRACE(setting.compression);
    const auto problem = testing::resnet50_knapsack(*indicators, setting);
    EXPECT_NEAR(solve_by_cbc(problem).cost, solve_multiple_choice_knapsack(problem).cost, 1e-9);
  }
}

}  // namespace
}  // namespace deneb
