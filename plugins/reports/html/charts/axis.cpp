#include "charts/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text.h"

namespace deneb::reports {
namespace {

// A float32 model costs 64 times the BitOps of a 4-bit one: on a linear axis all quantized ones
// would stand on one spot.
constexpr double kLogarithmicFrom = 12;
constexpr double kLinearBelow = 2;    // where one was asked for: the same to the eye
constexpr double kSmallest = 1e-100;  // ratios of what is above it do not overflow

using Ticks = std::vector<std::pair<double, std::string>>;

/// As si_text, but 1e-05 for 1.000e-05.
std::string tick_text(double value) {
  if (value == 0 || std::fabs(value) >= 1e-4) return si_text(value);
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

/// 1, 2 and 5 times powers of ten; powers only where these are enough.
Ticks logarithmic_ticks(const Axis& axis, int count) {
  Ticks all;
  const bool wide = std::log10(axis.high / axis.low) * 3 > 1.5 * count;
  for (double power = std::pow(10, std::floor(std::log10(axis.low))); power <= axis.high;
       power *= 10) {
    for (const double lead : {1.0, 2.0, 5.0}) {
      const double value = lead * power;
      if (value < axis.low || value > axis.high || (wide && lead != 1)) continue;
      all.emplace_back(value, tick_text(value));
    }
  }
  return all;
}

Ticks linear_ticks(const Axis& axis, int count) {
  Ticks all;
  const double low = axis.low, high = axis.high, span = high - low;
  if (!(span > 0) || !std::isfinite(span)) return all;
  const double raw = span / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double lead = raw / power;
  const double step = power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
  // As many decimals as the step has, so that neighbors never read the same.
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
  const double size = std::max(std::fabs(low), std::fabs(high));
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * span; ++k) {
    const double value = k == 0 ? 0 : k * step;  // never "-0"
    all.emplace_back(value, size >= 10000 ? si_text(value)
                            : size < 1e-4 ? tick_text(value)
                                          : fixed_text(value, decimals));
  }
  return all;
}

}  // namespace

Ticks ticks(const Axis& axis, int count) {
  if (!axis.logarithmic) return linear_ticks(axis, count);
  const Ticks all = logarithmic_ticks(axis, count);
  // Less than a decade can lie between two of them.
  return all.size() < 3 ? linear_ticks(axis, count) : all;
}

double Axis::share(double value) const {
  if (!(high > low)) return 0.5;
  return logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
}

double Axis::at_share(double share) const {
  return logarithmic ? low * std::pow(high / low, share) : low + share * (high - low);
}

void Axis::cover(const std::vector<double>& values, double air_below, double air_above) {
  if (values.empty()) return;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double from = logarithmic ? kLinearBelow : kLogarithmicFrom;
  logarithmic =
      (logarithmic || (minimize && !percent)) && *least >= kSmallest && *most > from * *least;
  if (logarithmic) {
    low = *least / std::pow(*most / *least, air_below);
    high = *most * std::pow(*most / *least, air_above);
    return;
  }
  double span = *most - *least;
  const double size = std::max(std::fabs(*least), std::fabs(*most));
  if (span <= 1e-9 * size) span = 0.2 * std::max(size, 1e-3);  // one value, but for rounding
  low = *least - air_below * span;
  high = *most + air_above * span;
  if (low < 0 && *least >= 0) low = 0;
  if (percent && high > 100 && *most <= 100) high = 100 + 0.01 * span;
}

}  // namespace deneb::reports
