#pragma once

#include <vector>

#include "groups.h"
#include "kernel_types.h"

/// Uniform fake quantization in host memory: one pass over memory forward, one backward. T is float
/// or Bfloat16; all arithmetic is in float32.
namespace deneb::quantizers {

/// y = round(clamp(x / step, low, high)) step, ties to even; NaN stays NaN. step > 0; low and high
/// are whole numbers below 2^22 (a zero point is taken off them).
struct UniformGrid {
  float step, low, high;
};

/// One grid to each group, in the order of the values. The strides count floats; those of the
/// levels may be 0, which is the same low and high for all.
struct UniformGrids {
  const float *step, *low, *high;
  std::int64_t step_stride, level_stride;

  UniformGrids(const float* steps, const float* lows, const float* highs, bool same_levels)
      : step(steps), low(lows), high(highs), step_stride(1), level_stride(same_levels ? 0 : 1) {}
  UniformGrids(const UniformGrid* grids)
      : step(&grids->step),
        low(&grids->low),
        high(&grids->high),
        step_stride(sizeof(UniformGrid) / sizeof(float)),
        level_stride(step_stride) {}
  UniformGrid operator[](std::int64_t group) const {
    return {step[group * step_stride], low[group * level_stride], high[group * level_stride]};
  }
  /// Those from `group` on.
  UniformGrids from(std::int64_t group) const {
    UniformGrids rest = *this;
    rest.step += group * step_stride;
    rest.low += group * level_stride;
    rest.high += group * level_stride;
    return rest;
  }
};

/// y may be x.
template <class T>
void uniform_forward(const T* x, T* y, const Groups& groups, UniformGrids grids);

/// Gradients of uniform_forward for the upstream gradient g: writes that of x to dx (g where
/// low <= x / step <= high, else 0) unless dx is null (it may be g itself), and returns that of
/// every step: the sum of g (round(v) - v) inside and g times the level outside, v = x / step. The
/// sums run over fixed blocks: they do not depend on the number of threads.
template <class T>
std::vector<double> uniform_backward(const T* x, const T* g, T* dx, const Groups& groups,
                                     UniformGrids grids);

/// dx = g where x was not clipped: where the level that x / step rounds to is one of low .. high.
/// (uniform_backward draws the line at low and high themselves, as learned steps want it.)
void uniform_mask(const float* x, const float* g, float* dx, const Groups& groups,
                  UniformGrids grids);

extern template void uniform_forward(const float*, float*, const Groups&, UniformGrids);
extern template void uniform_forward(const Bfloat16*, Bfloat16*, const Groups&, UniformGrids);
extern template std::vector<double> uniform_backward(const float*, const float*, float*,
                                                     const Groups&, UniformGrids);
extern template std::vector<double> uniform_backward(const Bfloat16*, const Bfloat16*, Bfloat16*,
                                                     const Groups&, UniformGrids);

}  // namespace deneb::quantizers
