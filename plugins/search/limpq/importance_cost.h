#pragma once

#include <string>

#include <deneb/options/options.h>
#include <deneb/quant/cost_model.h>

#include "indicators.h"

namespace deneb::limpq {

struct ImportanceCostOptions {
  std::string indicators;
  double alpha = 2.0;
  template <class V>
  void visit(V& v) {
    v("indicators", indicators,
      "file of indicators; {local_base_path}/output/nas/indicators.json is that of step nas");
    v("alpha", alpha, "weight of the weights' indicators against the activations'", {0, 1e6});
  }
  void check(OptionErrors& errors) const {
    if (indicators.empty()) errors.add("indicators", "is empty; name a file of indicators");
  }
};

/// LIMPQ's objective as a cost of any policy: the sum of s_activation + alpha s_weight. What is
/// float, and layers that the file does not have, add nothing. ConfigError for a width that it does
/// not have.
class ImportanceCost final : public CostModel {
 public:
  using Options = ImportanceCostOptions;
  /// Reads the file, if it is there yet.
  explicit ImportanceCost(const Options& options);
  double layer(const LayerInfo& info, const LayerChoice& choice) const override;
  std::string unit() const override { return "sum of step sizes"; }

 private:
  double of(const Importance& importance, const Format& format, const LayerInfo& info) const;
  Options options_;
  Indicators indicators_;
};

}  // namespace deneb::limpq
