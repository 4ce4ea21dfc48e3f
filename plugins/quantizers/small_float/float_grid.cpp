#include "float_grid.h"

#include <cmath>

namespace deneb::quantizers {
namespace {

TopCodes top_codes(const Format& format) {
  if (format.exponent_bits == 4 && format.mantissa_bits == 3) return TopCodes::kOneNan;
  const bool ieee =
      format.exponent_bits == 8 ||
      (format.exponent_bits == 5 && (format.mantissa_bits == 2 || format.mantissa_bits == 10));
  return ieee ? TopCodes::kIeee : TopCodes::kFinite;
}

}  // namespace

FloatGrid FloatGrid::of(const Format& format) {
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const TopCodes top = top_codes(format);
  FloatGrid grid;
  grid.mantissa_bits = format.mantissa_bits;
  grid.min_exponent = 1 - bias;
  grid.max_exponent = (1 << format.exponent_bits) - 1 - bias - (top == TopCodes::kIeee ? 1 : 0);
  // Units in the last place below the next power of two.
  const double missing = std::ldexp(top == TopCodes::kOneNan ? 2 : 1, -format.mantissa_bits);
  grid.max = std::ldexp(2 - missing, grid.max_exponent);
  return grid;
}

torch::Tensor round_to_grid(const torch::Tensor& x, const FloatGrid& grid) {
  const torch::Tensor a = x.abs().clamp_max_(grid.max);
  // frexp gives a = f 2^e with f in [1/2, 1).
  const torch::Tensor exponent =
      std::get<1>(at::frexp(a)).sub_(1).clamp_(grid.min_exponent, grid.max_exponent);
  const torch::Tensor step =
      at::ldexp(torch::ones({}, x.options()), exponent.sub(grid.mantissa_bits));
  torch::Tensor units = a.div(step);
  if (grid.mantissa_bits > 0) {
    units.round_();
  } else {
    // One code to each power of two: between 1 and 2 units the even code is not always the even
    // number of units. Codes of normal numbers count up from 1 at the smallest exponent.
    const torch::Tensor odd = exponent.sub(grid.min_exponent).remainder_(2).eq(0);
    const torch::Tensor up = units.gt(1.5).logical_or_(units.eq(1.5).logical_and_(odd));
    units = at::where(units.ge(1), up.to(x.scalar_type()).add_(1), units.round());
  }
  // NaN has no exponent: keep it as it is.
  return at::where(x.isnan(), x, units.mul_(step).copysign(x));
}

}  // namespace deneb::quantizers
