#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <deneb/search/layer_scores.h>
#include <deneb/search/search_algorithm.h>

#include "bit_search_options.h"

/// Policies by layer scores as the code of EMQ and OMPQ searches them, for comparison: the search
/// ExactAssignment finds the best one, proven and in less time.
namespace deneb::emq {

/// One set of limits with what a genome scores and costs.
class BitSearchProblem {
 public:
  /// Keeps references. `source` names the scores in messages. ConfigError for a candidate without a
  /// score and for unknown costs.
  BitSearchProblem(const SearchSetup& setup, const LayerScores& scores, const std::string& source,
                   const BitSearchLimits& limits, double fill);

  const SearchSpace& space() const { return space_; }
  const std::vector<Gene>& genes() const { return space_.genes(); }
  /// The candidates of a gene by width, narrowest first.
  const std::vector<int>& by_width(std::size_t gene) const { return by_width_[gene]; }
  /// Sum of the scores of all searched tensors.
  double score(const std::vector<int>& genome) const;
  /// By limit.
  std::vector<double> costs(const std::vector<int>& genome) const;
  const std::vector<double>& most() const { return most_; }
  bool is_within(const std::vector<double>& costs) const;
  /// Within, and above the least share of the first limit.
  bool is_wanted(const std::vector<double>& costs) const;

 private:
  const SearchSpace& space_;
  std::vector<const CostModel*> models_;
  std::vector<double> most_;
  double least_ = 0;
  std::vector<std::vector<double>> scores_;  // gene, candidate
  std::vector<std::vector<int>> by_width_;
};

struct BitSearchResult {
  std::optional<std::vector<int>> genome;  ///< nothing: none was found
  double score = 0;
  std::vector<double> costs;  ///< by limit
  std::string reason;         ///< why none was found
  std::int64_t drawn = 0, different = 0;
  /// (policies drawn, score) at every improvement.
  std::vector<std::pair<double, double>> history;
};

/// The best policy that the strategy comes upon. Of equal scores the one of less cost wins, by the
/// limits in their order, then the one that comes first lexicographically. `root`: of mutate_root.
/// ConfigError where a linear program has no meaning: decisions on inputs, widths with gaps, scores
/// or a cost that are not linear in the width.
BitSearchResult search_bits(const BitSearchProblem& problem, const BitSearchOptions& options,
                            const std::optional<std::vector<int>>& root, std::mt19937_64 rng);

}  // namespace deneb::emq
