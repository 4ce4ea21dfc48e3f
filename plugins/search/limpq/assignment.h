#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <deneb/search/multiple_choice_knapsack.h>
#include <deneb/search/search_space.h>

#include "indicators.h"
#include "limpq_options.h"

/// From indicators and a set of limits to the best policy (LIMPQ, section 3.3): minimize the sum of
/// s_activation + alpha s_weight over the searched layers, under the limits.
namespace deneb::limpq {

/// A set of limits with what it takes over from the search itself.
struct Task {
  ConstraintSet limits;
  double alpha = 2;
  std::vector<int> bits;  ///< descending; empty = all of the search space
  int fixed_act_bits = 0;
};

/// What a policy is reported with (LIMPQ's program prints the same). Fixed layers are counted with
/// their formats, biases and batch norms never.
struct Totals {
  std::int64_t bitops = 0, searched_bitops = 0;
  std::int64_t weight_bits = 0, searched_weight_bits = 0;
  double compression_ratio = 0;
};

/// Of a reversed set, objective, bound and second best of the solution are those of its largest
/// importance: the bound is an upper one.
struct Assignment {
  std::string name;
  bool optimal = false;
  std::string reason;  ///< why nothing keeps the limits
  KnapsackSolution solution;
  BitPolicy policy;
  std::vector<int> weight_bits, activation_bits;  ///< of the searched layers, in forward order
  Totals totals;
};

class AssignmentSolver {
 public:
  using Solve = std::function<KnapsackSolution(const KnapsackProblem&)>;

  /// Keeps references to its arguments. ConfigError when the indicators lack a searched layer or
  /// name one that the network has not.
  AssignmentSolver(const SearchSpace& space, const Indicators& indicators,
                   const LimpqOptions& options);

  /// ConfigError for widths without indicators or outside of the space, layers that are tied to too
  /// many others, more than four limits, a latency table that fits nothing.
  Assignment solve(const Task& task, const Solve& solve) const;
  /// The errors of solve(), without solving.
  void check(const Task& task) const { prepare(task); }
  /// The sets of limits of a sweep, from few BitOps to many and within that from small to large:
  /// sweep_b01_s01, ... They leave out nothing that `task` could reach without limits.
  std::vector<ConstraintSet> sweep(const SweepOptions& options, const Task& task) const;

 private:
  // Layers whose widths depend on each other through shared genes.
  struct Bundle {
    std::vector<std::size_t> layers, genes;
  };
  struct Row {
    KnapsackRow row;
    // Use of a layer at a pair of widths.
    std::function<std::int64_t(std::size_t layer, int weight, int activation)> use;
  };
  struct Option {
    KnapsackOption knapsack;
    std::vector<int> choice;  // candidate of each gene of the bundle
  };

  // One group per bundle, one row per limit.
  struct Prepared {
    KnapsackProblem problem;
    std::vector<std::vector<Option>> options;  // by group
  };

  void bundle_layers();
  Prepared prepare(const Task& task) const;
  const LayerChoice& fixed(std::size_t layer) const;  // means something for what is not searched
  std::int64_t macs(std::size_t layer) const;
  std::vector<int> allowed_widths(const Gene& gene, const Task& task) const;
  std::vector<std::vector<int>> allowed_candidates(const Task& task) const;
  std::pair<std::int64_t, std::int64_t> fixed_costs() const;
  std::vector<Row> rows(const Task& task) const;
  Row latency_row(const LatencyLimit& limit) const;
  std::vector<Option> options_of(const Bundle& bundle, const Task& task,
                                 const std::vector<std::vector<int>>& allowed,
                                 const std::vector<Row>& rows) const;
  bool allows_pair(int weight, int activation) const;
  Totals totals_of(const BitPolicy& policy) const;

  const SearchSpace& space_;
  const Indicators& indicators_;
  const LimpqOptions& options_;
  const BitPolicy fixed_;                    // holds the formats that are not searched
  std::vector<std::size_t> searched_;        // layers with genes, in forward order
  std::map<std::size_t, LayerGenes> genes_;  // of a layer
  std::map<std::size_t, const LayerIndicators*> importance_;  // of a layer
  std::vector<Bundle> bundles_;
};

}  // namespace deneb::limpq
