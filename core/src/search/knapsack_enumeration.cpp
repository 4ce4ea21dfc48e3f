#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include <deneb/search/multiple_choice_knapsack.h>

#include "search/knapsack_model.h"

namespace deneb {
namespace {

// Calls visit(chosen, cost, used) for all choices that keep the rows, in lexicographic order.
template <class Visit>
void for_each_choice(const KnapsackProblem& problem, const Visit& visit) {
  std::vector<int> chosen(problem.groups.size(), 0);
  for (;;) {
    const std::vector<std::int64_t> used = knapsack_uses(problem, chosen);
    if (knapsack_keeps_rows(problem, used)) visit(chosen, knapsack_cost(problem, chosen), used);
    std::size_t i = chosen.size();
    while (i > 0 && chosen[i - 1] + 1 == int(problem.groups[i - 1].options.size())) {
      chosen[--i] = 0;
    }
    if (i == 0) return;
    ++chosen[i - 1];
  }
}

// One pass finds the least cost, one the winner among its equals, one the second best.
void enumerate(const KnapsackProblem& problem, KnapsackSolution& solution) {
  double least = knapsack::kInfinity;
  for_each_choice(problem, [&](const auto&, double cost, const auto&) {
    least = std::min(least, cost);
    ++solution.states;
  });
  if (std::isinf(least)) return;
  const double highest = least + knapsack::tie_tolerance(least, least);
  int equals = 0;
  for_each_choice(problem, [&](const auto& chosen, double cost, const auto& used) {
    if (cost > highest) return;
    // Lexicographic order: of equal uses the first one stays.
    if (equals++ == 0 || used < solution.used) {
      solution.chosen = chosen;
      solution.cost = cost;
      solution.used = used;
    }
  });
  double second = knapsack::kInfinity;
  for_each_choice(problem, [&](const auto& chosen, double cost, const auto&) {
    if (cost < second && chosen != solution.chosen) second = cost;
  });
  solution.status = KnapsackSolution::Status::kOptimal;
  solution.bound = least;
  solution.unique = equals == 1;
  if (std::isfinite(second)) solution.second_best = second;
}

}  // namespace

KnapsackSolution solve_by_enumeration(const KnapsackProblem& problem, double max_combinations) {
  const auto start = std::chrono::steady_clock::now();
  check_knapsack(problem);
  double combinations = 1;
  for (const KnapsackGroup& group : problem.groups) combinations *= double(group.options.size());
  if (combinations > max_combinations) {
    throw ConfigError("knapsack: " + std::to_string(combinations) +
                      " combinations are too many to try, at most " +
                      std::to_string(max_combinations) + " are; take another solver");
  }
  KnapsackSolution solution;
  solution.reason = knapsack_obstacle(problem);
  if (solution.reason.empty()) {
    enumerate(problem, solution);
    if (solution.chosen.empty() && !problem.groups.empty()) {
      solution.reason = knapsack_conflict(problem);
    }
  }
  if (solution.status == KnapsackSolution::Status::kInfeasible) {
    solution.cost = solution.bound = knapsack::kInfinity;
  }
  solution.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return solution;
}

}  // namespace deneb
