#include "pipeline/search_basis.h"

#include "io/number_text.h"
#include "pipeline/step_results.h"

namespace deneb::detail {

SearchBasis::SearchBasis(const Registry& registry, const SearchStepOptions& options,
                         torch::Device device)
    : parts_(registry, options, device), space_(parts_.network_info(), options.search_space) {
  for (const CostLimit& limit : options.limits) {
    limits_.push_back({limit.cost, largest_cost(limit, parts_.cost_model(limit.cost), space_)});
  }
}

std::string SearchBasis::broken_limit(const BitPolicy& policy) const {
  for (const auto& [name, most] : limits_) {
    const double cost = parts_.cost_model(name).total(space_.network(), policy);
    if (cost > most) {
      return "breaks the limit: " + name + " " + number_text(cost) + " > " + number_text(most);
    }
  }
  return "";
}

void SearchBasis::check_limits() const {
  for (const Limit& limit : limits_) {
    const double least =
        parts_.cost_model(limit.cost).total(space_.network(), space_.decode(space_.narrowest()));
    if (least <= limit.most) continue;
    throw ConfigError("limits: " + limit.cost + " of the narrowest policy is " +
                      number_text(least) + ", above the limit of " + number_text(limit.most) +
                      "; raise it or offer narrower widths");
  }
}

}  // namespace deneb::detail
