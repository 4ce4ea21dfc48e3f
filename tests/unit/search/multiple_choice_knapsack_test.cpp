#include <deneb/random.h>
#include <deneb/search/multiple_choice_knapsack.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace deneb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Status = KnapsackSolution::Status;

KnapsackOptions with_states(std::int64_t max_states) {
  KnapsackOptions options;
  options.max_states = max_states;
  return options;
}

KnapsackOptions first_only(std::int64_t max_states = 5'000'000) {
  KnapsackOptions options = with_states(max_states);
  options.second_best = false;
  return options;
}

std::string error_of(const KnapsackProblem& problem) {
  try {
    solve_multiple_choice_knapsack(problem);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

class RandomProblems {
 public:
  explicit RandomProblems(unsigned seed) : generator_(seed) {}

  KnapsackProblem next() {
    KnapsackProblem problem;
    problem.rows.resize(std::size_t(uniform(0, 4)));
    cost_kind_ = uniform(0, 4);
    scale_.clear();
    for (std::size_t row = 0; row < problem.rows.size(); ++row) scale_.push_back(uniform(0, 4));
    problem.groups.resize(std::size_t(uniform(1, 6)));
    for (KnapsackGroup& group : problem.groups) {
      group.options.resize(std::size_t(uniform(1, 5)));
      for (KnapsackOption& option : group.options) {
        option.cost = cost();
        for (const int scale : scale_) option.uses.push_back(use(scale));
      }
    }
    if (problem.groups.size() > 2 && uniform(0, 3) == 0) problem.groups[2] = problem.groups[0];
    for (std::size_t row = 0; row < problem.rows.size(); ++row) bound(problem, row);
    return problem;
  }

 private:
  std::int64_t uniform(std::int64_t low, std::int64_t high) {
    return low + std::int64_t(uniform_index(generator_, std::uint64_t(high - low + 1)));
  }

  double cost() {
    switch (cost_kind_) {
      case 0:
        return double(uniform(0, 3));  // many ties
      case 1:
        return 0.1 * double(uniform(-3, 6));  // ties up to rounding
      case 2:
        return 0;
      case 3:
        return uniform(0, 9) == 0 ? 1e8 : double(uniform(0, 1000)) / 64;
      default:
        return double(uniform(0, std::int64_t{1} << 40)) * 0x1p-40;
    }
  }

  std::int64_t use(int scale) {
    switch (scale) {
      case 0:
        return uniform(0, 2);
      case 1:
        return uniform(-5, 5);
      case 2:
        return uniform(0, std::int64_t{1} << 45);
      case 3:
        return 64 * uniform(0, 20);
      default:
        return uniform(0, 3) == 0 ? uniform(0, 30) : 0;
    }
  }

  // Bounds near what is possible, a few beyond.
  void bound(KnapsackProblem& problem, std::size_t row) {
    std::int64_t least = 0, most = 0;
    for (const KnapsackGroup& group : problem.groups) {
      std::int64_t low = group.options[0].uses[row], high = low;
      for (const KnapsackOption& option : group.options) {
        low = std::min(low, option.uses[row]);
        high = std::max(high, option.uses[row]);
      }
      least += low;
      most += high;
    }
    const std::int64_t range = most - least, margin = range / 16 + 1;
    const auto inside = [&] { return uniform(least - margin, most + margin); };
    KnapsackRow& bounds = problem.rows[row];
    bounds.name = "row " + std::to_string(row);
    const int kind = int(uniform(0, 9));
    if (kind < 6) bounds.most = least + uniform(-margin, range);
    if (kind == 6 || kind == 7) bounds.least = inside();
    if (kind == 8) {
      bounds.least = inside();
      bounds.most = *bounds.least + uniform(0, range);
    }
  }

  std::mt19937_64 generator_;
  std::int64_t cost_kind_ = 0;
  std::vector<int> scale_;
};

void expect_same(const KnapsackSolution& solution, const KnapsackSolution& wanted, bool second) {
  ASSERT_EQ(solution.status, wanted.status);
  EXPECT_EQ(solution.chosen, wanted.chosen);
  EXPECT_EQ(solution.used, wanted.used);
  EXPECT_EQ(solution.reason, wanted.reason);
  EXPECT_EQ(solution.cost, wanted.cost);
  EXPECT_LE(solution.bound, wanted.cost);
  if (!second) return;
  EXPECT_EQ(solution.unique, wanted.unique);
  ASSERT_EQ(solution.second_best.has_value(), wanted.second_best.has_value());
  if (wanted.second_best) {
    const double scale = std::max(1.0, std::abs(*wanted.second_best));
    EXPECT_NEAR(*solution.second_best, *wanted.second_best, 2e-12 * scale);
  }
}

TEST(MultipleChoiceKnapsack, AgreesWithEnumeration) {
  RandomProblems problems(7);
  int feasible = 0, unique = 0, alone = 0;
  for (int i = 0; i < 1500; ++i) {
    SCOPED_TRACE(i);
    const KnapsackProblem problem = problems.next();
    const KnapsackSolution wanted = solve_by_enumeration(problem);
    expect_same(solve_multiple_choice_knapsack(problem), wanted, true);
    expect_same(solve_multiple_choice_knapsack(problem, first_only()), wanted, false);
    expect_same(solve_multiple_choice_knapsack(problem, with_states(1)), wanted, true);
    expect_same(solve_multiple_choice_knapsack(problem, first_only(1)), wanted, false);
    expect_same(solve_multiple_choice_knapsack(problem, with_states(20)), wanted, true);
    if (HasFailure()) FAIL() << "problem " << i << " of seed 7";
    feasible += wanted.status == Status::kOptimal;
    unique += wanted.unique;
    alone += wanted.status == Status::kOptimal && !wanted.second_best;
  }
  // The generator makes all kinds.
  EXPECT_GT(feasible, 600);
  EXPECT_LT(feasible, 1400);
  EXPECT_GT(unique, 300);
  EXPECT_LT(unique, feasible - 200);
  EXPECT_GT(alone, 10);
}

// Ten groups: too many for enumeration, enough for narrowed searches and many equal sums.
TEST(MultipleChoiceKnapsack, DynamicProgrammingAgreesWithDepthFirstSearch) {
  std::mt19937_64 generator(3);
  const auto draw = [&](int high) { return std::int64_t(generator() % std::uint64_t(high + 1)); };
  int feasible = 0;
  for (int i = 0; i < 100; ++i) {
    SCOPED_TRACE(i);
    KnapsackProblem problem;
    const int rows = 1 + i % 4;
    for (int row = 0; row < rows; ++row) {
      problem.rows.push_back({std::to_string(row), 70 + 5 * draw(8), {}});
    }
    if (i % 5 == 0) problem.rows.back() = {"at least", {}, 60 + draw(40)};
    problem.groups.resize(10);
    for (KnapsackGroup& group : problem.groups) {
      group.options.resize(4);
      for (KnapsackOption& option : group.options) {
        option.cost = double(draw(i % 2 ? 1 << 20 : 20)) / 16;
        for (int row = 0; row < rows; ++row) option.uses.push_back(draw(20));
      }
    }
    const KnapsackSolution wanted = solve_multiple_choice_knapsack(problem, with_states(1));
    expect_same(solve_multiple_choice_knapsack(problem), wanted, true);
    feasible += wanted.status == Status::kOptimal;
  }
  EXPECT_GT(feasible, 50);
  EXPECT_LT(feasible, 100);
}

TEST(MultipleChoiceKnapsack, TiesPreferFewerUsesRowByRowThenEarlierOptions) {
  KnapsackProblem problem;
  problem.rows = {{"a", {}, {}}, {"b", {}, {}}};
  problem.groups = {{{{1, {2, 0}}, {1 + 1e-13, {1, 9}}, {1, {1, 9}}}},
                    {{{2, {0, 3}}, {2, {0, 2}}}}};
  const KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  EXPECT_THAT(solution.chosen, ElementsAre(1, 1));
  EXPECT_THAT(solution.used, ElementsAre(1, 11));
  EXPECT_FALSE(solution.unique);
  EXPECT_EQ(solution.second_best, 3.0);
  problem.groups[0].options[1].cost = 1 + 1e-11;  // no tie any more
  EXPECT_THAT(solve_multiple_choice_knapsack(problem).chosen, ElementsAre(2, 1));
}

TEST(MultipleChoiceKnapsack, WinnerOfATieMayCostMore) {
  KnapsackProblem problem;
  problem.rows = {{"row", {}, {}}};
  problem.groups = {{{{1, {2}}, {1 + 1e-13, {1}}}}};
  const KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  EXPECT_THAT(solution.chosen, ElementsAre(1));
  EXPECT_EQ(solution.cost, 1 + 1e-13);
  EXPECT_EQ(solution.second_best, 1.0);
  EXPECT_LE(solution.bound, 1);
}

// 60 equal groups: each of the about 1e17 orders of the two options costs the same.
TEST(MultipleChoiceKnapsack, ManyEqualGroups) {
  KnapsackProblem problem;
  problem.rows = {{"size", 90, {}}};
  problem.groups.assign(60, {{{0.1, {2}}, {0.3, {1}}}});
  const KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  ASSERT_EQ(solution.chosen.size(), 60u);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(solution.chosen[i], i < 30 ? 0 : 1) << i;
  EXPECT_NEAR(solution.cost, 12, 1e-12);
  EXPECT_FALSE(solution.unique);
  EXPECT_LT(solution.states, 100'000);
}

// The same costs in another order, whose sums differ by rounding only: the order of options
// decides.
TEST(MultipleChoiceKnapsack, TiesUpToRounding) {
  std::mt19937_64 generator(11);
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    const auto draw = [&](int high) { return std::int64_t(generator() % std::uint64_t(high + 1)); };
    KnapsackProblem problem;
    problem.rows = {{"row", 6 + draw(20), {}}};
    KnapsackGroup group;
    for (std::int64_t use = 4; use >= 0; use -= 1 + draw(1)) {
      group.options.push_back({0.1 * double(draw(4) + 5 * (4 - use)), {use}});
    }
    problem.groups.assign(7, group);
    const KnapsackSolution wanted = solve_by_enumeration(problem);
    expect_same(solve_multiple_choice_knapsack(problem), wanted, true);
    expect_same(solve_multiple_choice_knapsack(problem, first_only()), wanted, false);
    expect_same(solve_multiple_choice_knapsack(problem, with_states(1)), wanted, true);
  }
}

TEST(MultipleChoiceKnapsack, WithoutGroupsOrRows) {
  KnapsackProblem problem;
  KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  EXPECT_EQ(solution.status, Status::kOptimal);
  EXPECT_THAT(solution.chosen, IsEmpty());
  EXPECT_TRUE(solution.unique);
  problem.groups = {{{{3, {}}, {-2, {}}, {4, {}}}}};
  solution = solve_multiple_choice_knapsack(problem);
  EXPECT_THAT(solution.chosen, ElementsAre(1));
  EXPECT_EQ(solution.second_best, 3.0);
}

TEST(MultipleChoiceKnapsack, LargestUsesDoNotOverflow) {
  const std::int64_t large = std::int64_t{1} << 59;
  KnapsackProblem problem;
  problem.rows = {{"row", 2 * large + 1, 2 * large + 1}};
  problem.groups.assign(4, {{{1, {large}}, {2, {1}}, {3, {-large}}, {4, {0}}}});
  const KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  EXPECT_THAT(solution.used, ElementsAre(2 * large + 1));
  EXPECT_EQ(solution.cost, 8);
  problem.groups.push_back(problem.groups[0]);
  EXPECT_THAT(error_of(problem), HasSubstr("2^61"));
}

TEST(MultipleChoiceKnapsack, SaysWhyNothingIsFeasible) {
  KnapsackProblem problem;
  problem.rows = {{"BitOps", 9, {}}, {"size", 6, {}}};
  problem.groups.assign(2, {{{1, {4, 9}}, {2, {9, 3}}}});
  KnapsackSolution solution = solve_multiple_choice_knapsack(problem);
  EXPECT_EQ(solution.status, Status::kInfeasible);
  EXPECT_THAT(solution.chosen, IsEmpty());
  EXPECT_EQ(solution.cost, std::numeric_limits<double>::infinity());
  EXPECT_EQ(solution.reason,
            "each bound can be kept alone, but no choice keeps all of them: row \"BitOps\" at most "
            "9 (least possible 8), row \"size\" at most 6 (least possible 6)");
  problem.rows[1].most = 5;
  EXPECT_EQ(solve_multiple_choice_knapsack(problem).reason,
            "row \"size\" allows at most 5, but every choice uses at least 6");
  problem.rows[1] = {"size", {}, 19};
  EXPECT_EQ(solve_multiple_choice_knapsack(problem).reason,
            "row \"size\" asks for at least 19, but no choice uses more than 18");
  problem.groups.push_back({});
  EXPECT_EQ(solve_multiple_choice_knapsack(problem).reason, "group 2 has no option");
}

TEST(MultipleChoiceKnapsack, ConflictOfOneRow) {
  KnapsackProblem problem;
  problem.rows = {{"size", 3, 3}};
  problem.groups.assign(2, {{{1, {0}}, {2, {2}}}});
  for (const std::int64_t states : {5'000'000, 1}) {
    EXPECT_EQ(solve_multiple_choice_knapsack(problem, with_states(states)).reason,
              "each bound can be kept alone, but no choice keeps all of them: row \"size\" at most "
              "3 (least possible 0) and at least 3 (most possible 4)");
  }
}

TEST(MultipleChoiceKnapsack, RefusesWrongProblems) {
  KnapsackProblem problem;
  problem.groups = {{{{1, {}}}}, {{{1, {}}, {1, {2}}}}};
  EXPECT_THAT(error_of(problem), HasSubstr("option 1 of group 1 has uses for 1 rows"));
  problem.groups[1].options[1] = {std::nan(""), {}};
  EXPECT_THAT(error_of(problem), HasSubstr("option 1 of group 1 has the cost nan"));
  problem.rows = {{"size", 1, 2}};
  EXPECT_THAT(error_of(problem), HasSubstr("row \"size\" asks for at least 2 and at most 1"));
  problem.rows.assign(5, {"row", {}, {}});
  EXPECT_THAT(error_of(problem), HasSubstr("5 rows, at most 4"));
  problem = {};
  problem.groups.assign(30, {{{1, {}}, {2, {}}}});
  EXPECT_THROW(solve_by_enumeration(problem), ConfigError);
}

}  // namespace
}  // namespace deneb
