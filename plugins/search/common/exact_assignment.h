#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <deneb/search/layer_scores.h>
#include <deneb/search/multiple_choice_knapsack.h>
#include <deneb/search/search_algorithm.h>

#include "assignment_options.h"

/// From layer scores and a set of limits to the best policy: minimize the sum of
/// score(activation) + alpha score(weight) over the searched layers, under the limits. LIMPQ (Tang
/// et al. 2022, arXiv 2203.08368, section 3.3) is this program with learned step sizes as scores.
namespace deneb::searches {

/// A set of limits with what it takes over from the search itself.
struct AssignmentQuery {
  ConstraintSet limits;
  double alpha = 1;
  std::vector<int> bits;  ///< integer widths; empty = all of the search space
  int fixed_act_bits = 0;
  double fill = 0;  ///< share of the first limit that has to be used; reversed sets: 0.95 or more
};

/// What a policy is reported with. Fixed layers are counted with their formats, biases and batch
/// norms never.
struct AssignmentTotals {
  std::int64_t bitops = 0, searched_bitops = 0;
  std::int64_t weight_bits = 0, searched_weight_bits = 0;
  double compression_ratio = 0;
};

/// Of a reversed set, objective, bound and second best of the solution are those of its largest
/// sum: the bound is an upper one.
struct Assignment {
  std::string name;
  bool optimal = false;
  std::string reason;  ///< why nothing keeps the limits
  KnapsackSolution solution;
  BitPolicy policy;
  std::vector<int> weight_bits, activation_bits;  ///< of the searched layers, in forward order
  AssignmentTotals totals;
};

class AssignmentSolver {
 public:
  using Solve = std::function<KnapsackSolution(const KnapsackProblem&)>;

  /// Keeps references to its arguments; `source` names the scores in messages. ConfigError when the
  /// scores lack a searched layer or name one that the network has not.
  AssignmentSolver(const SearchSetup& setup, const LayerScores& scores,
                   const AssignmentOptions& options, std::string source);

  /// ConfigError for formats without scores or outside of the space, layers that are tied to too
  /// many others, more than four limits, a latency table that fits nothing.
  Assignment solve(const AssignmentQuery& query, const Solve& solve) const;
  /// The errors of solve(), without solving.
  void check(const AssignmentQuery& query) const { prepare(query); }
  /// The sets of limits of a sweep, from few BitOps to many and within that from small to large:
  /// sweep_b01_s01, ... They leave out nothing that `query` could reach without limits.
  std::vector<ConstraintSet> sweep(const SweepOptions& options, const AssignmentQuery& query) const;

 private:
  // A layer with a decision to make, for one of its formats or both.
  struct Searched {
    std::size_t layer = 0;  // index into the network's layers
    std::optional<std::size_t> weight_gene, activation_gene;
    LayerChoice fixed;  // counts where there is no gene
    const LayerScore* scores = nullptr;
  };
  // Layers whose formats depend on each other through shared genes.
  struct Bundle {
    std::vector<std::size_t> searched, genes;
  };
  struct Row {
    KnapsackRow row;
    // Use of a searched layer; negative = cannot be done.
    std::function<std::int64_t(const Searched& layer, const LayerChoice& choice)> use;
    bool may_be_negative = false;
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

  const LayerInfo& info(const Searched& searched) const;
  void find_searched();
  void bundle_layers();
  Prepared prepare(const AssignmentQuery& query) const;
  std::int64_t macs(const LayerInfo& layer) const;
  std::vector<int> allowed_candidates(std::size_t gene, const AssignmentQuery& query) const;
  std::vector<int> without_outliers(std::size_t gene, std::vector<int> candidates) const;
  bool is_activation_gene(std::size_t gene) const;
  LayerChoice choice_of(const Searched& layer, const std::map<std::size_t, int>& chosen) const;
  double score_of(const Searched& layer, const LayerChoice& choice,
                  const AssignmentQuery& query) const;
  std::pair<std::int64_t, std::int64_t> fixed_costs() const;
  std::vector<Row> rows(const AssignmentQuery& query) const;
  Row latency_row(const LatencyLimit& limit) const;
  Row cost_row(const CostLimit& limit) const;
  std::vector<Option> options_of(const Bundle& bundle, const AssignmentQuery& query,
                                 const std::vector<std::vector<int>>& allowed,
                                 const std::vector<Row>& rows) const;
  bool allows_pair(const Searched& layer, const LayerChoice& choice) const;
  AssignmentTotals totals_of(const BitPolicy& policy) const;

  const SearchSetup& setup_;
  const SearchSpace space_;  // with the widths of fixed_act_bits
  const LayerScores& scores_;
  const AssignmentOptions& options_;
  std::string source_;
  std::vector<Searched> searched_;  // in forward order
  std::vector<Bundle> bundles_;
};

}  // namespace deneb::searches
