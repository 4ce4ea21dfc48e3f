#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <deneb/search/benchmark.h>
#include <deneb/search/layer_scores.h>

#include "evolution.h"
#include "rank_statistics.h"
#include "score_table.h"

/// Proxies against the accuracies of a benchmark.
namespace deneb::emq {

/// Policies of one split of a benchmark.
struct PolicySet {
  std::string split;
  /// Of every policy and layer the index of its width in Benchmark::candidate_bits.
  std::vector<std::vector<int>> choices;
  Values accuracy;      ///< percent
  Values size, bitops;  ///< bytes of weights, ...; NaN where not known
};

/// All of the split, or `most` of them drawn at random (0 = all), in the benchmark's order.
PolicySet policies_of(const Benchmark& benchmark, const std::string& split, int most = 0,
                      std::uint64_t seed = 0);

Values scores_of(const ScoreTable& table, const PolicySet& policies);
/// Of layer scores the negative sum, so that more is better. ConfigError that begins with `where`
/// when a layer or width of the benchmark has no score.
Values scores_of(const LayerScores& scores, const Benchmark& benchmark, const PolicySet& policies,
                 const std::string& where);

/// "spearman_topk" (EMQ's mean of rho at the best 20, 50 and 100 percent), "spearman", "kendall" or
/// "pearson".
std::optional<double> fitness_of(const std::string& fitness, TopBy by, const Values& truth,
                                 const Values& score);

/// Judges the table as early as it can: rejected are scores that are exactly 0 ("zero"), with the
/// semantics compat also -1 ("failed"); all alike ("constant"); without a correlation
/// ("undefined").
Judgment judge(const Values& score, const PolicySet& policies, Semantics semantics,
               const std::string& fitness, TopBy by);

/// How a proxy does on one split.
struct Correlations {
  struct Rho {
    std::optional<double> value;
    std::optional<Interval> interval;  ///< of 95 %
  };
  std::string proxy, split;
  std::vector<Rho> top;  ///< by top_shares()
  std::optional<double> kendall, pearson;
  /// By size limit: the best accuracy within it minus that of the policy of the best score.
  std::vector<double> regret;
};

/// `repetitions` of the bootstrap, 0 = no intervals.
Correlations correlate(const std::string& proxy, const PolicySet& policies, const Values& score,
                       const std::vector<double>& size_limits, TopBy by, int repetitions,
                       std::uint64_t seed);

/// `count` sizes within which a growing share of the policies lies: 1/(count + 1), 2/(count + 1),
/// ... None where sizes are not known.
std::vector<double> size_limits_of(const PolicySet& policies, int count);

}  // namespace deneb::emq
