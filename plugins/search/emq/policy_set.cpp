#include "policy_set.h"

#include <algorithm>
#include <cmath>

#include <deneb/errors.h>
#include <deneb/random.h>

namespace deneb::emq {
namespace {

constexpr int kOrderDigits = 6;  // differences beyond are rounding

double size_of(const Benchmark& benchmark, const BenchmarkEntry& entry) {
  if (std::isfinite(entry.size_bytes)) return entry.size_bytes;
  double bits = 0;
  for (std::size_t l = 0; l < benchmark.layers.size(); ++l) {
    const double params = double(benchmark.layers[l].params);
    if (params <= 0) return std::nan("");
    bits += params * entry.bits[l];
  }
  return bits / 8;
}

bool has_nan(const Values& values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

}  // namespace

PolicySet policies_of(const Benchmark& benchmark, const std::string& split, int most,
                      std::uint64_t seed) {
  std::vector<std::int64_t> ids = benchmark.ids(split);
  if (most > 0 && ids.size() > std::size_t(most)) {
    std::mt19937_64 rng(seed);
    for (std::size_t i = 0; i < std::size_t(most); ++i) {
      std::swap(ids[i], ids[i + std::size_t(uniform_index(rng, ids.size() - i))]);
    }
    ids.resize(std::size_t(most));
    std::sort(ids.begin(), ids.end());
  }
  const auto& widths = benchmark.candidate_bits;
  PolicySet set;
  set.split = split;
  for (const std::int64_t id : ids) {
    const BenchmarkEntry& entry = benchmark.at(id);
    std::vector<int> choice;
    for (const int bits : entry.bits) {
      choice.push_back(int(std::find(widths.begin(), widths.end(), bits) - widths.begin()));
    }
    set.choices.push_back(std::move(choice));
    set.accuracy.push_back(entry.accuracy);
    set.size.push_back(size_of(benchmark, entry));
    set.bitops.push_back(entry.bitops);
  }
  return set;
}

Values scores_of(const ScoreTable& table, const PolicySet& policies) {
  Values scores;
  scores.reserve(policies.choices.size());
  for (const auto& choice : policies.choices) scores.push_back(table.score(choice));
  return scores;
}

Values scores_of(const LayerScores& scores, const Benchmark& benchmark, const PolicySet& policies,
                 const std::string& where) {
  ScoreTable table;
  for (const BenchmarkLayer& layer : benchmark.layers) {
    table.shares.emplace_back();
    for (const int bits : benchmark.candidate_bits) {
      const Format format = Format::integer(bits, true);
      const auto score = scores.score(layer.name, QuantizerRole::kWeight, format);
      if (!score) {
        throw ConfigError(where + ": has no score of the weights of '" + layer.name + "' in " +
                          format.text() + ", which the benchmark chooses");
      }
      table.shares.back().push_back(-*score);
    }
  }
  return scores_of(table, policies);
}

std::optional<double> fitness_of(const std::string& fitness, TopBy by, const Values& truth,
                                 const Values& score) {
  if (fitness == "spearman") return spearman(score, truth);
  if (fitness == "kendall") return kendall(score, truth);
  if (fitness == "pearson") return pearson(score, truth);
  return spearman_top_k(truth, score, by);
}

Judgment judge(const Values& score, const PolicySet& policies, Semantics semantics,
               const std::string& fitness, TopBy by) {
  Judgment judgment;
  const auto any = [&](double value) {
    return std::find(score.begin(), score.end(), value) != score.end();
  };
  if (any(0)) {
    judgment.rejected = "zero";
  } else if (semantics == Semantics::kCompat && any(-1)) {
    judgment.rejected = "failed";
  } else if (score.size() > 3 &&
             std::count(score.begin(), score.end(), score[0]) == std::ptrdiff_t(score.size())) {
    judgment.rejected = "constant";
  }
  if (!judgment.rejected.empty()) return judgment;
  const auto value = fitness_of(fitness, by, policies.accuracy, score);
  if (!value) {
    judgment.rejected = "undefined";
    return judgment;
  }
  judgment.fitness = *value;
  judgment.order = rank_hash(score, kOrderDigits);
  return judgment;
}

Correlations correlate(const std::string& proxy, const PolicySet& policies, const Values& score,
                       const std::vector<double>& size_limits, TopBy by, int repetitions,
                       std::uint64_t seed) {
  Correlations row;
  row.proxy = proxy;
  row.split = policies.split;
  for (const double share : top_shares()) {
    const auto rho = [share, by](const Values& truth, const Values& s) {
      return spearman_of_top(truth, s, share, by);
    };
    Correlations::Rho top;
    top.value = rho(policies.accuracy, score);
    if (top.value && repetitions > 0) {
      top.interval = bootstrap(policies.accuracy, score, rho, repetitions, seed);
    }
    row.top.push_back(top);
  }
  row.kendall = kendall(score, policies.accuracy);
  row.pearson = pearson(score, policies.accuracy);
  for (const double limit : size_limits) {
    double best = -HUGE_VAL, chosen = std::nan(""), highest = -HUGE_VAL;
    for (std::size_t i = 0; i < score.size(); ++i) {
      if (policies.size[i] > limit) continue;
      best = std::max(best, policies.accuracy[i]);
      if (score[i] > highest) {
        highest = score[i];
        chosen = policies.accuracy[i];
      }
    }
    row.regret.push_back(best - chosen);
  }
  return row;
}

std::vector<double> size_limits_of(const PolicySet& policies, int count) {
  Values sizes = policies.size;
  if (sizes.empty() || has_nan(sizes)) return {};
  std::sort(sizes.begin(), sizes.end());
  std::vector<double> limits;
  for (int i = 1; i <= count; ++i) {
    limits.push_back(sizes[std::size_t(double(sizes.size() - 1) * i / (count + 1))]);
  }
  return limits;
}

}  // namespace deneb::emq
