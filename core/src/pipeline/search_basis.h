#pragma once

#include <deneb/search/search_algorithm.h>

#include <map>
#include <string>
#include <vector>

#include "pipeline/model_options.h"

namespace deneb::detail {

/// The parts of a search step that are there before anything runs. `options` must outlive it.
class SearchBasis {
 public:
  /// ConfigError when the parts do not fit, or a limit names an unknown cost.
  SearchBasis(const Registry& registry, const SearchStepOptions& options, torch::Device device);

  SectionParts& parts() { return parts_; }
  const SectionParts& parts() const { return parts_; }
  const SearchSpace& space() const { return space_; }
  const std::vector<Limit>& limits() const { return limits_; }
  std::string broken_limit(const BitPolicy& policy) const;  ///< "" = none
  /// ConfigError when even the narrowest policy breaks a limit.
  void check_limits() const;

 private:
  SectionParts parts_;
  SearchSpace space_;
  std::vector<Limit> limits_;
};

/// What a search validates against.
class SearchStepSetup final : public SearchSetup {
 public:
  explicit SearchStepSetup(const SearchBasis& basis) : basis_(basis) {}
  const SearchSpace& space() const override { return basis_.space(); }
  std::vector<Objective> measures() const override { return basis_.parts().measures(); }
  std::map<std::string, double> costs(const BitPolicy& policy) const override {
    return basis_.parts().costs(policy);
  }
  const CostModel& cost_model(const std::string& name) const override {
    return basis_.parts().cost_model(name);
  }
  std::vector<Limit> limits() const override { return basis_.limits(); }
  bool within_limits(const BitPolicy& policy) const override {
    return basis_.broken_limit(policy).empty();
  }
  bool has_weights() const override { return !basis_.parts().section().weights.empty(); }

 private:
  const SearchBasis& basis_;
};

}  // namespace deneb::detail
