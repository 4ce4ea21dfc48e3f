#include "real_variation.h"

#include <algorithm>
#include <cmath>

namespace deneb::quant_ea {
namespace {

constexpr double kEqualParents = 1e-14;  // parents this close have children equal to them

// Factor by which the children lie farther apart than the parents when the nearer parent is
// `room` away from its bound.
double spread_factor(double room, double gap, double eta, double u) {
  const double beta = 1.0 + 2.0 * room / gap;
  const double alpha = 2.0 - std::pow(beta, -(eta + 1.0));
  const double base = u <= 1.0 / alpha ? u * alpha : 1.0 / (2.0 - u * alpha);
  return std::pow(base, 1.0 / (eta + 1.0));
}

}  // namespace

std::pair<double, double> sbx_children(double first, double second, double lower, double upper,
                                       double eta, double u) {
  const double low = std::min(first, second);
  const double high = std::max(first, second);
  const double gap = high - low;
  if (gap <= kEqualParents) return {low, high};
  const double center = 0.5 * (low + high);
  const double child_low = center - 0.5 * gap * spread_factor(low - lower, gap, eta, u);
  const double child_high = center + 0.5 * gap * spread_factor(upper - high, gap, eta, u);
  return {std::clamp(child_low, lower, upper), std::clamp(child_high, lower, upper)};
}

double polynomial_mutation(double value, double lower, double upper, double eta, double u) {
  const double range = upper - lower;
  const double power = eta + 1.0;
  double step = 0.0;
  if (u < 0.5) {
    const double room = 1.0 - (value - lower) / range;
    step = std::pow(2.0 * u + (1.0 - 2.0 * u) * std::pow(room, power), 1.0 / power) - 1.0;
  } else {
    const double room = 1.0 - (upper - value) / range;
    const double base = 2.0 * (1.0 - u) + 2.0 * (u - 0.5) * std::pow(room, power);
    step = 1.0 - std::pow(base, 1.0 / power);
  }
  return std::clamp(value + step * range, lower, upper);
}

}  // namespace deneb::quant_ea
