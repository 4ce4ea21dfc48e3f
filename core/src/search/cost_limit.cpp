#include <deneb/search/cost_limit.h>

namespace deneb {

double largest_cost(const CostLimit& limit, const CostModel& model, const SearchSpace& space) {
  if (limit.max > 0) return limit.max;
  return model.total(space.network(), space.at_widths(limit.weight_bits, limit.activation_bits));
}

}  // namespace deneb
