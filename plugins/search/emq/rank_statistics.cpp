#include "rank_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include <deneb/random.h>

namespace deneb::emq {
namespace {

bool contains_nan(const Values& values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

// Indices in descending order, equal values in the order given.
std::vector<std::size_t> descending(const Values& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return values[i] > values[j]; });
  return order;
}

// 0-based places in ascending order; equal values have the first one of theirs.
std::vector<double> first_places(const Values& values) {
  Values sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> places;
  for (const double v : values) {
    places.push_back(double(std::lower_bound(sorted.begin(), sorted.end(), v) - sorted.begin()));
  }
  return places;
}

int sign(double v) { return (v > 0) - (v < 0); }

double quantile(const Values& sorted, double q) {
  const double at = q * double(sorted.size() - 1);
  const auto low = std::size_t(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - double(low)) * (sorted[high] - sorted[low]);
}

double rounded(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*e", digits - 1, value);
  return std::strtod(text, nullptr);
}

}  // namespace

std::optional<double> kendall(const Values& a, const Values& b) {
  if (a.size() < 2 || contains_nan(a) || contains_nan(b)) return std::nullopt;
  std::int64_t difference = 0, untied_a = 0, untied_b = 0;  // of pairs
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int x = sign(a[i] - a[j]), y = sign(b[i] - b[j]);
      difference += x * y;
      untied_a += x != 0;
      untied_b += y != 0;
    }
  }
  if (untied_a == 0 || untied_b == 0) return std::nullopt;
  return double(difference) / (std::sqrt(double(untied_a)) * std::sqrt(double(untied_b)));
}

std::optional<double> pearson(const Values& a, const Values& b) {
  if (a.size() < 2 || contains_nan(a) || contains_nan(b)) return std::nullopt;
  const double n = double(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  if (!(aa > 0) || !(bb > 0)) return std::nullopt;
  return std::clamp(ab / std::sqrt(aa) / std::sqrt(bb), -1.0, 1.0);
}

const std::vector<double>& top_shares() {
  static const std::vector<double> shares = {0.2, 0.5, 1.0};
  return shares;
}

std::optional<double> spearman_of_top(const Values& truth, const Values& score, double share,
                                      TopBy by) {
  if (contains_nan(truth) || contains_nan(score)) return std::nullopt;
  const auto k = std::size_t(double(truth.size()) * share);
  if (k == truth.size()) return spearman(score, truth);
  const auto order = descending(by == TopBy::kPredicted ? score : truth);
  Values first_truth, first_score;
  for (std::size_t i = 0; i < k; ++i) {
    first_truth.push_back(truth[order[i]]);
    first_score.push_back(score[order[i]]);
  }
  return spearman(first_score, first_truth);
}

std::optional<double> spearman_top_k(const Values& truth, const Values& score, TopBy by) {
  double sum = 0;
  int count = 0;
  for (const double share : top_shares()) {
    if (double(truth.size()) * share < 1) continue;
    const auto rho = spearman_of_top(truth, score, share, by);
    if (!rho) return std::nullopt;
    sum += *rho;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

double mean_rank_drop(const Values& truth, const Values& score) {
  if (truth.empty()) return 0;
  const auto a = first_places(truth), b = first_places(score);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::max(0.0, a[i] - b[i]);
  return sum / double(a.size());
}

double precision_of_top(const Values& truth, const Values& score, double share) {
  const auto k = std::max<std::size_t>(1, std::size_t(double(truth.size()) * share));
  auto best = descending(truth), chosen = descending(score);
  best.resize(k);
  chosen.resize(k);
  std::size_t both = 0;
  for (const std::size_t i : chosen) {
    both += std::size_t(std::count(best.begin(), best.end(), i));
  }
  return double(both) / double(k);
}

std::optional<Interval> bootstrap(const Values& truth, const Values& score,
                                  const RankStatistic& statistic, int repetitions,
                                  std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  Values found, t(truth.size()), s(truth.size());
  for (int r = 0; r < repetitions; ++r) {
    for (std::size_t i = 0; i < truth.size(); ++i) {
      const auto j = std::size_t(uniform_index(rng, truth.size()));
      t[i] = truth[j];
      s[i] = score[j];
    }
    if (const auto value = statistic(t, s)) found.push_back(*value);
  }
  if (found.empty() || 2 * found.size() < std::size_t(repetitions)) return std::nullopt;
  std::sort(found.begin(), found.end());
  return Interval{quantile(found, 0.025), quantile(found, 0.975)};
}

std::uint64_t rank_hash(const Values& values, int digits) {
  Values round;
  for (const double v : values) round.push_back(rounded(v, digits));
  std::string text;
  for (const double rank : average_ranks(round)) {
    text += std::to_string(std::int64_t(2 * rank)) + " ";
  }
  return derive_seed(0, text);
}

}  // namespace deneb::emq
