#pragma once

#include <torch/types.h>

#include <deneb/quant/format.h>

/// The values of small floating-point formats. Sign s, exponent field e of E bits, mantissa field m
/// of M bits, bias B = 2^(E-1) - 1:
///   e = 0: (-1)^s 2^(1-B) m / 2^M;   e > 0: (-1)^s 2^(e-B) (1 + m / 2^M).
namespace deneb::quantizers {

/// What the codes with the largest exponent field mean.
enum class TopCodes {
  kFinite,  ///< numbers, all of them (the FP4 and FP6 types of OCP Microscaling)
  kOneNan,  ///< numbers but for the all-ones code, NaN (OCP E4M3)
  kIeee     ///< infinities and NaN (OCP E5M2, bfloat16, half precision)
};

struct FloatGrid {
  int mantissa_bits = 0;
  int min_exponent = 0;  ///< of the smallest normal number, 1 - B
  int max_exponent = 0;  ///< of the largest number
  double max = 0;        ///< largest number

  /// e4m3 has one NaN; e5m2, e5m10 and all with 8 exponent bits are as IEEE 754's; the others are
  /// finite.
  static FloatGrid of(const Format& format);
  bool has_exponents_of_float32() const { return min_exponent == -126; }
};

/// The nearest number of the grid, ties to the even code; beyond the largest number that one, for
/// infinities too. NaN stays NaN, the sign of zero stays. float32 or float64, any strides.
torch::Tensor round_to_grid(const torch::Tensor& x, const FloatGrid& grid);

}  // namespace deneb::quantizers
