#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <deneb/search/rank_correlation.h>

/// How well scores order what they are scores of. Arguments of every function are of one length;
/// nothing comes back where a value is not defined: too few pairs, a constant side, a NaN.
namespace deneb::emq {

using Values = std::vector<double>;

/// Kendall's tau-b: (C - D) / sqrt((n0 - ties of a) (n0 - ties of b)).
std::optional<double> kendall(const Values& a, const Values& b);
/// Pearson's correlation.
std::optional<double> pearson(const Values& a, const Values& b);

/// What the first items are the first of.
enum class TopBy { kPredicted, kTruth };

/// Spearman's rho of the first `share` of all items, their number rounded down, in descending order
/// of the scores or of the truth; equal ones in the order given.
std::optional<double> spearman_of_top(const Values& truth, const Values& score, double share,
                                      TopBy by);
/// The shares that EMQ's fitness is the mean over.
const std::vector<double>& top_shares();  // 0.2, 0.5, 1
/// Mean of spearman_of_top() over top_shares(); shares of less than one item are left out.
std::optional<double> spearman_top_k(const Values& truth, const Values& score, TopBy by);

/// Mean over all items of how many places they stand lower by score than by truth.
double mean_rank_drop(const Values& truth, const Values& score);
/// Share of the best items by score that are among the best by truth. At least one item.
double precision_of_top(const Values& truth, const Values& score, double share);

/// Where 95 of 100 repetitions lie.
struct Interval {
  double low, high;
};
/// Percentile bootstrap: the statistic of `repetitions` draws of all items with replacement.
/// Draws without a value are left out; nothing when more than half are.
using RankStatistic =
    std::function<std::optional<double>(const Values& truth, const Values& score)>;
std::optional<Interval> bootstrap(const Values& truth, const Values& score,
                                  const RankStatistic& statistic, int repetitions,
                                  std::uint64_t seed);

/// Number of the ranks of values, ties included, each rounded to `digits` significant digits first:
/// lists of equal order have equal numbers, others differ but for one chance in 2^64.
std::uint64_t rank_hash(const Values& values, int digits);

}  // namespace deneb::emq
