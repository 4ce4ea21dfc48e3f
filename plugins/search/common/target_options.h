#pragma once

#include <string>

#include <deneb/options/options.h>

namespace deneb::searches {

/// The cost that the search is steered to.
struct TargetOptions {
  std::string cost;
  double value = 0;
  int weight_bits = 0, activation_bits = 0;
  template <class V>
  void visit(V& v) {
    v("cost", cost, "name of a cost model whose layers add up; empty = no target");
    v("value", value, "of the whole network; 0 = that of the uniform policy below", {0, 1e30});
    v("weight_bits", weight_bits, "uniform policy: width of the searched weights", {0, 16});
    v("activation_bits", activation_bits, "uniform policy: width of the searched inputs", {0, 16});
  }
  bool is_set() const { return !cost.empty(); }
  void check(OptionErrors& errors) const {
    const bool some = weight_bits > 0 || activation_bits > 0;
    const bool both = weight_bits > 0 && activation_bits > 0;
    if (!is_set()) {
      if (some || value > 0) errors.add("cost", "is empty; name a cost model, such as bitops");
    } else if (value <= 0 && !both) {
      errors.add("value", "is 0; give a value, or both weight_bits and activation_bits");
    } else if (value > 0 && some) {
      errors.add("value", "is given together with widths; keep one of them");
    }
  }
};

}  // namespace deneb::searches
