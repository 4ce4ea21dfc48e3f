#pragma once

#include <string>

#include <deneb/errors.h>
#include <deneb/options/options.h>
#include <deneb/quant/cost_model.h>
#include <deneb/search/search_space.h>

namespace deneb {

/// A bound on a cost model for the whole network: a number, or the cost of a uniform policy.
struct CostLimit {
  std::string cost;
  double max = 0;
  int weight_bits = 0, activation_bits = 0;
  template <class V>
  void visit(V& v) {
    v("cost", cost, "name of a cost model: bitops, size, ...");
    v("max", max,
      "largest allowed value of the whole network; 0 = that of the uniform policy below",
      {0, 1e30});
    v("weight_bits", weight_bits, "uniform policy: width of the searched weights", {0, 16});
    v("activation_bits", activation_bits, "uniform policy: width of the searched inputs", {0, 16});
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
  }
};

/// The largest value that `limit` allows; `model` is the cost model of its name.
DENEB_API double largest_cost(const CostLimit& limit, const CostModel& model,
                              const SearchSpace& space);

}  // namespace deneb
