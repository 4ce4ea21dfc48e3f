#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include <deneb/store/trial_store.h>

namespace deneb::reports {

struct RankCorrelation {
  std::string metric;
  double rho = 0;          ///< Spearman's, with the reference
  std::size_t trials = 0;  ///< that had both values
};

/// Do cheap numbers order the trials of a search as the number does that counts?
struct RankCorrelations {
  struct Group {
    std::string origin;  ///< of its trials; "" for the group of all
    std::vector<RankCorrelation> values;
  };
  /// What the others are compared with: "accuracy", else the first objective that enough trials
  /// have.
  std::string reference;
  /// All finished trials; then, if 2 to 12 origins have enough finished trials, those of each.
  /// Empty when nothing can be compared.
  std::vector<Group> groups;
};

/// Trials that a correlation needs: with fewer, it says next to nothing.
constexpr std::size_t kLeastForRanks = 8;

/// Of a search; empty for other steps. Metrics that fewer than kLeastForRanks trials have beside
/// the reference, and those that are the same for all, are left out.
RankCorrelations rank_correlations(const StepRow& step, const std::vector<ResultRow>& trials);

/// {"metric": "accuracy", "all": {"bitops": {"spearman": 0.87, "trials": 28}, ...}, "by_origin":
/// {"random": {...}, ...}}; null when there is nothing.
nlohmann::ordered_json to_json(const RankCorrelations& correlations);

}  // namespace deneb::reports
