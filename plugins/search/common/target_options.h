#pragma once

#include <string>

#include <deneb/options/options.h>
#include <deneb/search/cost_limit.h>

namespace deneb::searches {

/// The cost that the search is steered to.
struct TargetOptions {
  std::string cost;
  double value = 0;
  double weight_bits = 0, activation_bits = 0;
  double share = 1;
  template <class V>
  void visit(V& v) {
    v("cost", cost, "name of a cost model whose layers add up; empty = no target");
    v("value", value, "of the whole network; 0 = that of the uniform policy below", {0, 1e30});
    v("weight_bits", weight_bits,
      "uniform policy: width of the searched weights; may lie between two: 4.5", {0, 16});
    v("activation_bits", activation_bits, "uniform policy: width of the searched inputs, likewise",
      {0, 16});
    v("share", share, "of the uniform policy's cost: 0.5 of that of W8A8", {1e-6, 1e6});
  }
  bool is_set() const { return !cost.empty(); }
  CostLimit limit() const { return {cost, value, weight_bits, activation_bits, share}; }
  void check(OptionErrors& errors) const {
    const bool some = weight_bits > 0 || activation_bits > 0;
    const bool both = weight_bits > 0 && activation_bits > 0;
    if (!is_set()) {
      if (some || value > 0) errors.add("cost", "is empty; name a cost model, such as bitops");
    } else if (value <= 0 && !both) {
      errors.add("value", "is 0; give a value, or both weight_bits and activation_bits");
    } else if (value > 0 && some) {
      errors.add("value", "is given together with widths; keep one of them");
    } else if (value > 0 && share != 1) {
      errors.add("share", "has no effect with a value; remove one of them");
    }
  }
};

}  // namespace deneb::searches
