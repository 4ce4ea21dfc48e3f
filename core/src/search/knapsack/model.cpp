#include "search/knapsack/model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace deneb::knapsack {
namespace {

// Whether a can stand in for b: it costs no more, uses no more of any limit, and wins a tie.
bool dominates(const Model& model, const Choice& a, const Choice& b, double tolerance) {
  if (a.cost > b.cost) return false;
  for (const UseLimit& limit : model.limits) {
    if (use_of(limit, a.uses) > use_of(limit, b.uses)) return false;
  }
  return a.cost + tolerance < b.cost || wins_tie(a.uses, a.index, b.uses, b.index);
}

// A group relative to its least cost and uses, which are added to `base_cost` and `base`.
Stage relative_stage(const KnapsackGroup& group, int index, double& base_cost, Uses& base) {
  const std::size_t rows = group.options[0].uses.size();
  double cost = std::numeric_limits<double>::infinity();
  Uses least = {};
  for (const KnapsackOption& option : group.options) {
    cost = std::min(cost, option.cost);
    for (std::size_t row = 0; row < rows; ++row) {
      const bool first = &option == &group.options[0];
      least[row] = first ? option.uses[row] : std::min(least[row], option.uses[row]);
    }
  }
  Stage stage{index, {}};
  for (std::size_t i = 0; i < group.options.size(); ++i) {
    Choice choice{group.options[i].cost - cost, {}, int(i)};
    for (std::size_t row = 0; row < rows; ++row) {
      choice.uses[row] = group.options[i].uses[row] - least[row];
    }
    stage.choices.push_back(choice);
  }
  base_cost += cost;
  for (std::size_t row = 0; row < rows; ++row) base[row] += least[row];
  return stage;
}

}  // namespace

double tie_tolerance(double low, double high) {
  return 1e-12 * std::max({1.0, std::abs(low), std::abs(high)});
}

Model build_model(const KnapsackProblem& problem) {
  Model model;
  Uses base = {}, range = {};
  for (std::size_t i = 0; i < problem.groups.size(); ++i) {
    model.stages.push_back(relative_stage(problem.groups[i], int(i), model.base_cost, base));
    double dearest = 0;
    Uses most = {};
    for (const Choice& choice : model.stages.back().choices) {
      dearest = std::max(dearest, choice.cost);
      for (int row = 0; row < kMaxRows; ++row) most[row] = std::max(most[row], choice.uses[row]);
    }
    model.spread += dearest;
    for (int row = 0; row < kMaxRows; ++row) range[row] += most[row];
  }
  for (int row = 0; row < int(problem.rows.size()); ++row) {
    const KnapsackRow& bounds = problem.rows[row];
    if (bounds.most && *bounds.most < base[row] + range[row]) {
      model.limits.push_back({row, 1, *bounds.most - base[row]});
    }
    if (bounds.least && *bounds.least > base[row]) {
      model.limits.push_back({row, -1, base[row] - *bounds.least});
    }
  }
  return model;
}

void remove_dominated(Model& model, int keep, double tolerance) {
  for (Stage& stage : model.stages) {
    std::vector<Choice> kept;
    for (const Choice& choice : stage.choices) {
      int better = 0;
      for (const Choice& other : stage.choices) {
        better += &other != &choice && dominates(model, other, choice, tolerance);
      }
      if (better < keep) kept.push_back(choice);
    }
    stage.choices = std::move(kept);
  }
}

}  // namespace deneb::knapsack
