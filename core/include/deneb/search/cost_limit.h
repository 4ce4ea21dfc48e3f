#pragma once

#include <string>

#include <deneb/errors.h>
#include <deneb/options/options.h>
#include <deneb/quant/cost_model.h>
#include <deneb/search/search_space.h>

namespace deneb {

/// A bound on a cost model for the whole network: a number, or a share of the cost of a uniform
/// policy. Widths between two integers (mean bits) cost in between: bilinear interpolation, which
/// is exact for BitOps and sizes.
struct CostLimit {
  std::string cost;
  double max = 0;
  double weight_bits = 0, activation_bits = 0;
  double share = 1;
  template <class V>
  void visit(V& v) {
    v("cost", cost, "name of a cost model: bitops, size, ...");
    v("max", max,
      "largest allowed value of the whole network; 0 = that of the uniform policy below",
      {0, 1e30});
    v("weight_bits", weight_bits,
      "uniform policy: width of the searched weights; may lie between two: 4.5", {0, 16});
    v("activation_bits", activation_bits, "uniform policy: width of the searched inputs, likewise",
      {0, 16});
    v("share", share, "of the uniform policy's cost", {1e-6, 1e6});
  }
  void check(OptionErrors& errors) const {
    if (cost.empty()) errors.add("cost", "is empty; name a cost model, such as bitops");
    const bool uniform = weight_bits > 0 && activation_bits > 0;
    if (max <= 0 && !uniform) {
      errors.add("max", "is 0; give a value, or both weight_bits and activation_bits");
    }
    if (max > 0 && (weight_bits > 0 || activation_bits > 0)) {
      errors.add("max", "is given together with widths; keep one of them");
    }
    if (max > 0 && share != 1) errors.add("share", "has no effect with max; remove one of them");
  }
};

/// The largest value that `limit` allows; `model` is the cost model of its name.
DENEB_API double largest_cost(const CostLimit& limit, const CostModel& model,
                              const SearchSpace& space);

}  // namespace deneb
