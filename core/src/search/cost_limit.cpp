#include <deneb/search/cost_limit.h>

#include <algorithm>
#include <cmath>

namespace deneb {

double largest_cost(const CostLimit& limit, const CostModel& model, const SearchSpace& space) {
  if (limit.max > 0) return limit.max;
  const auto below = [](double bits) { return std::max(1, int(std::floor(bits))); };
  const auto above = [](double bits) { return std::max(1, int(std::ceil(bits))); };
  const auto between = [](double low, double high, double bits) {
    return low == high ? low : low + (high - low) * (bits - std::floor(bits));
  };
  const auto cost = [&](int weight_bits) {
    const auto at = [&](int activation_bits) {
      return model.total(space.network(), space.at_widths(weight_bits, activation_bits));
    };
    return between(at(below(limit.activation_bits)), at(above(limit.activation_bits)),
                   limit.activation_bits);
  };
  return limit.share *
         between(cost(below(limit.weight_bits)), cost(above(limit.weight_bits)), limit.weight_bits);
}

}  // namespace deneb
