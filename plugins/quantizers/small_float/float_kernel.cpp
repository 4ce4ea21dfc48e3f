#include "float_kernel.h"

#include <cmath>
#include <cstring>

#include "../common/kernel.h"

namespace deneb::quantizers {
namespace {

DENEB_INLINE float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

DENEB_INLINE std::uint32_t to_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

constexpr std::uint32_t kSign = 0x8000'0000u, kExponent = 0x7f80'0000u;

struct Rounding {
  float max;          // largest number
  float min_power;    // smallest normal number, a power of two
  float magic_ratio;  // 1.5 * 2^23 units in the last place, for numbers from 1 to 2
  int dropped_bits;   // of float32's mantissa
};

// The float with the exponent of a alone is the power of two below it; from there a fixed ratio
// leads to the number whose addition and subtraction rounds to multiples of the unit in the last
// place, ties to even.
DENEB_INLINE void round_group(const float* __restrict x, float* __restrict y, std::int64_t count,
                              float scale, Rounding r) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float v = x[i] / scale;
    const float magnitude = from_bits(to_bits(v) & ~kSign);
    const float a = magnitude > r.max ? r.max : magnitude;
    const float below = from_bits(to_bits(a) & kExponent);
    const float power = below < r.min_power ? r.min_power : below;
    const float magic = power * r.magic_ratio;
    const float rounded = (a + magic) - magic;
    y[i] = from_bits(to_bits(rounded) | (to_bits(v) & kSign)) * scale;
  }
}

// No mantissa bits: between two powers of two the tie goes to the even code. Codes of normal
// numbers count up from 1 at the smallest exponent, so to the upper one where the lower exponent is
// that far from the smallest by an even number.
DENEB_INLINE void round_group_to_powers(const float* __restrict x, float* __restrict y,
                                        std::int64_t count, float scale, Rounding r) {
  const std::uint32_t first = to_bits(r.min_power) >> 23;
  for (std::int64_t i = 0; i < count; ++i) {
    const float v = x[i] / scale;
    const float magnitude = from_bits(to_bits(v) & ~kSign);
    const float a = magnitude > r.max ? r.max : magnitude;
    const std::uint32_t exponent = to_bits(a) >> 23;
    const float power = from_bits(to_bits(a) & kExponent);
    // The tie itself is above the threshold, or on it.
    const std::uint32_t even = 1u - ((exponent - first) & 1u);
    const float threshold = from_bits(to_bits(1.5f * power) - even);
    const float normal = a > threshold ? 2 * power : power;
    const float small = a > 0.5f * r.min_power ? r.min_power : 0.f;
    const float rounded = a < r.min_power ? small : normal;
    const float kept = a == a ? rounded : a;
    y[i] = from_bits(to_bits(kept) | (to_bits(v) & kSign)) * scale;
  }
}

// The exponents are those of float32, so that codes are its leading bits: the last one kept decides
// a tie. Calculating instead would leave the range of float32, and meets its slow smallest numbers.
DENEB_INLINE void round_group_of_leading_bits(const float* __restrict x, float* __restrict y,
                                              std::int64_t count, float scale, Rounding r) {
  const std::uint32_t below_half = (1u << (r.dropped_bits - 1)) - 1;
  const std::uint32_t max = to_bits(r.max);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t bits = to_bits(x[i] / scale);
    const std::uint32_t magnitude = bits & ~kSign;
    const std::uint32_t last = magnitude >> r.dropped_bits & 1u;
    const std::uint32_t rounded = (magnitude + below_half + last) >> r.dropped_bits
                                                                         << r.dropped_bits;
    const std::uint32_t finite = rounded > max ? max : rounded;
    const std::uint32_t kept = magnitude > kExponent ? magnitude : finite;  // NaN
    y[i] = from_bits(kept | (bits & kSign)) * scale;
  }
}

// Runs of groups of `group` values (see Pieces).
DENEB_CLONES
void round_run(const float* __restrict x, float* __restrict y, std::int64_t count,
               std::int64_t group, const float* scales, Rounding r) {
  for (std::int64_t at = 0; at < count; at += group, ++scales) {
    round_group(x + at, y + at, std::min(group, count - at), *scales, r);
  }
}

DENEB_CLONES
void round_run_to_powers(const float* __restrict x, float* __restrict y, std::int64_t count,
                         std::int64_t group, const float* scales, Rounding r) {
  for (std::int64_t at = 0; at < count; at += group, ++scales) {
    round_group_to_powers(x + at, y + at, std::min(group, count - at), *scales, r);
  }
}

DENEB_CLONES
void round_run_of_leading_bits(const float* __restrict x, float* __restrict y, std::int64_t count,
                               std::int64_t group, const float* scales, Rounding r) {
  for (std::int64_t at = 0; at < count; at += group, ++scales) {
    round_group_of_leading_bits(x + at, y + at, std::min(group, count - at), *scales, r);
  }
}

}  // namespace

void float_forward(const float* x, float* y, const Groups& groups, const float* scales,
                   const FloatGrid& grid) {
  const Rounding r{float(grid.max), std::ldexp(1.f, grid.min_exponent),
                   std::ldexp(1.5f, 23 - grid.mantissa_bits), 23 - grid.mantissa_bits};
  const auto run = grid.has_exponents_of_float32() ? round_run_of_leading_bits
                   : grid.mantissa_bits == 0       ? round_run_to_powers
                                                   : round_run;
  Pieces(groups).for_each_run(
      [&](std::int64_t, std::int64_t group, std::int64_t at, std::int64_t count) {
        run(x + at, y + at, count, groups.group, scales + group, r);
      });
}

}  // namespace deneb::quantizers
