#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include <deneb/quant/cost_model.h>
#include <deneb/search/search_algorithm.h>

#include "assignment_options.h"
#include "decisions.h"
#include "target_options.h"

namespace deneb::searches {

/// Shares of a layer's candidates, [F] each; undefined where nothing is decided. With gradient.
struct LayerShares {
  torch::Tensor weight, activation;
};

/// Cost of a network whose widths are random, weight and input of a layer independently of each
/// other: for every layer p^T T r with the prices T of its pairs of formats. For BitOps that is the
/// product of the expected widths (Cai and Vasconcelos 2020). Differentiable.
class ExpectedCost {
 public:
  /// ConfigError where the cost is not the sum of its layers.
  ExpectedCost(const SearchSetup& setup, const std::string& cost);

  const std::string& name() const { return name_; }
  /// Of the searched layers; `shares` in the order of SearchSpace::layer_genes(). A scalar.
  torch::Tensor searched(const std::vector<LayerShares>& shares) const;
  /// The same as a number.
  double searched(const Probabilities& probabilities) const;
  /// By decision: that of the searched layers where this decision is drawn by its row of
  /// `probabilities` and all others are those of `genome`.
  std::vector<double> averaged_over_own(const std::vector<int>& genome,
                                        const Probabilities& probabilities) const;
  /// What no decision changes.
  double fixed() const { return fixed_; }
  /// Of the whole network at the candidates of the least or largest cost.
  double least() const { return least_; }
  double largest() const { return largest_; }
  /// Of the searched layers at one bit, or of the first of them.
  double unit(const std::string& norm) const { return norm == "first" ? first_ : total_; }

 private:
  struct Prices {
    LayerGenes genes;
    bool both = false;    // one decision for weight and input: the diagonal counts
    torch::Tensor table;  // [weight candidates, input candidates], or [candidates] for both
  };
  void add_layer(const CostModel& model, const SearchSpace& space, const LayerGenes& genes,
                 const LayerChoice& fixed);

  std::string name_;
  std::vector<Prices> layers_;
  double fixed_ = 0, first_ = 0, total_ = 0, least_ = 0, largest_ = 0;
};

/// The value that `target` asks for; ConfigError where no policy of the space can have it.
double target_value(const SearchSetup& setup, const TargetOptions& target);

/// The limits of `options`, with the target as one more set, the first, named "target".
AssignmentOptions with_target(AssignmentOptions options, const TargetOptions& target);

}  // namespace deneb::searches
