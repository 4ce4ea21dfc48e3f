#include "score_agreement.h"

#include <cmath>
#include <map>
#include <utility>

#include <deneb/quant/format.h>
#include <deneb/search/rank_correlation.h>

namespace deneb::reports {
namespace {

/// Integers with and without sign count as one format.
std::string width_word(const std::string& word) {
  const Format format = Format::parse(word);
  return format.is_integer() ? std::to_string(format.bits) : word;
}

ScoreAgreement of_tensor(const LayerScores& a, const LayerScores& b, QuantizerRole role) {
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> by_width;
  for (const LayerScore& layer : a.layers) {
    const LayerScore* other = b.find(layer.name);
    if (!other) continue;
    for (const auto& [word, score] : layer.of(role)) {
      const Format format = Format::parse(word);
      const auto theirs = find_score(other->of(role), format);
      if (!theirs || format.is_float32()) continue;
      auto& [ours, others] = by_width[width_word(word)];
      ours.push_back(score);
      others.push_back(*theirs);
    }
  }
  ScoreAgreement sum;
  for (const auto& [width, scores] : by_width) {
    if (scores.first.size() < kLeastScored) continue;
    if (const auto rho = spearman(scores.first, scores.second)) {
      sum.rho += *rho;
      ++sum.groups;
    }
  }
  return sum;
}

}  // namespace

ScoreAgreement score_agreement(const LayerScores& a, const LayerScores& b, ScoredTensors tensors) {
  ScoreAgreement result;
  for (const auto& [role, left_out] :
       {std::pair{QuantizerRole::kWeight, ScoredTensors::kActivations},
        std::pair{QuantizerRole::kActivation, ScoredTensors::kWeights}}) {
    if (tensors == left_out) continue;
    const ScoreAgreement part = of_tensor(a, b, role);
    result.rho += part.rho;
    result.groups += part.groups;
  }
  result.rho = result.groups > 0 ? result.rho / double(result.groups) : std::nan("");
  return result;
}

std::vector<std::vector<ScoreAgreement>> score_agreements(const std::vector<ScoreSource>& sources,
                                                          ScoredTensors tensors) {
  std::vector<std::vector<ScoreAgreement>> all(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (std::size_t j = 0; j < sources.size(); ++j) {
      const auto &a = sources[i].by_seed, &b = sources[j].by_seed;
      ScoreAgreement mean;
      std::size_t pairs = 0;
      for (std::size_t m = 0; m < a.size(); ++m) {
        for (std::size_t n = 0; n < b.size(); ++n) {
          if (i == j && m == n && a.size() > 1) continue;
          const ScoreAgreement pair = score_agreement(a[m], b[n], tensors);
          if (pair.groups == 0) continue;
          mean.rho += pair.rho;
          mean.groups += pair.groups;
          ++pairs;
        }
      }
      mean.rho = pairs > 0 ? mean.rho / double(pairs) : std::nan("");
      all[i].push_back(mean);
    }
  }
  return all;
}

}  // namespace deneb::reports
