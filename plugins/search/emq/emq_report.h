#pragma once

#include <deneb/search/figure.h>

#include <map>
#include <string>
#include <vector>

#include "policy_set.h"

/// What a proxy search shows.
namespace deneb::emq {

/// Best and mean fitness by generation.
Figure fitness_figure(const std::vector<double>& best, const std::vector<double>& mean,
                      const std::string& text);
/// Accuracy by score of the policies of a split.
Figure scatter_figure(const PolicySet& policies, const Values& score, const Correlations& row);
/// Rho of all rows of that split.
Figure correlation_figure(const std::vector<Correlations>& rows, const std::string& split);

/// "0.812 (0.770 to 0.846)"; "none" where it is not defined.
std::string text_of(const Correlations::Rho& rho);
/// "drawn 1050, bred 1000, ...".
std::string text_of(const std::map<std::string, std::int64_t>& counts);

/// A row for every proxy and split, columns rho20, rho20_low, ..., kendall, pearson, and
/// regret_<bytes> for every limit of the size. Empty cells where there is no value.
std::string correlations_csv(const std::vector<Correlations>& rows,
                             const std::vector<double>& size_limits);

}  // namespace deneb::emq
