#pragma once

#include <deneb/pipeline/section_parts.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace deneb::cli {

/// What one cost model says about a policy.
struct CostColumn {
  std::string name, unit;
  double total = 0, constant = 0;
  double sum = 0;  ///< constant and layers: the total, unless the costs of layers do not add up
  std::vector<double> layers;  ///< in the order of NetworkInfo::layers
};

/// Prices a policy by every registered cost model and those that the section adds.
std::vector<CostColumn> price(const SectionParts& parts, const NetworkInfo& network,
                              const BitPolicy& policy);

std::int64_t total_macs(const NetworkInfo& network);
std::int64_t total_weights(const NetworkInfo& network);

/// Facts of the layers, with a line of totals.
std::string layer_table(const NetworkInfo& network);
/// Formats of the layers and their share of every cost, with lines of constants and totals.
std::string cost_table(const NetworkInfo& network, const BitPolicy& policy,
                       const std::vector<CostColumn>& costs);
nlohmann::ordered_json costs_json(const NetworkInfo& network, const std::vector<CostColumn>& costs);

}  // namespace deneb::cli
