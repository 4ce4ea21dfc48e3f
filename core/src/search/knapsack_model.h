#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include <deneb/search/multiple_choice_knapsack.h>

// What the parts of the multiple-choice knapsack solver share. Costs and uses are counted from the
// least of each group: sums stay small and are never negative.
namespace deneb::knapsack {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kMaxRows = 4;
constexpr int kMaxLimits = 2 * kMaxRows;
using Uses = std::array<std::int64_t, kMaxRows>;  // by row of the problem; 0 beyond its rows

struct Choice {
  double cost;
  Uses uses;
  int index;  // in the group of the problem
};

struct Stage {
  int group;
  std::vector<Choice> choices;
};

// sign * used[row] <= most. A lower bound of a row is an upper bound of the negated use.
struct Limit {
  int row;
  std::int64_t sign;
  std::int64_t most;
};

inline std::int64_t use_of(const Limit& limit, const Uses& uses) {
  return limit.sign * uses[limit.row];
}

struct Model {
  std::vector<Stage> stages;  // the groups, in the order in which a search decides them
  std::vector<Limit> limits;  // only those that some choice breaks
  double base_cost = 0;       // of the cheapest choice, rows aside
  double spread = 0;          // from there to the dearest choice
};

// Of a problem without obstacle.
Model build_model(const KnapsackProblem& problem);

// Up to which difference costs count as equal when the least one lies in [low, high].
double tie_tolerance(double low, double high);

// Of two choices with equal costs, whether the one with these uses and indices is preferred.
template <class AnyUses, class AnyIndex>
bool wins_tie(const AnyUses& uses, const AnyIndex& index, const AnyUses& other_uses,
              const AnyIndex& other_index) {
  return uses != other_uses ? uses < other_uses : index < other_index;
}

// Removes the choices that `keep` others of their stage can stand in for, whatever the other stages
// choose. With keep = 1 the answer remains, with keep = 2 the second-best cost as well.
void remove_dominated(Model& model, int keep, double tolerance);

}  // namespace deneb::knapsack
