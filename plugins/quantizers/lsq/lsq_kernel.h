#pragma once

#include <cstdint>

/// LSQ on float32 in host memory: one pass over memory forward, one backward.
namespace deneb::quantizers {

/// y[i] = round(clamp(x[i] / step, low, high)) step, ties to even. NaN stays NaN.
/// Requires step > 0 and |low|, |high| < 2^22.
void lsq_forward(const float* x, float* y, std::int64_t count, float step, float low, float high);

/// Both gradients of lsq_forward for the upstream gradient g: writes that of x to dx (g where
/// low <= x / step <= high, else 0) unless dx is null, and returns that of the step before its
/// gradient scale: the sum of g (round(v) - v) inside and g times the level outside, v = x / step.
/// The sum runs over fixed blocks: it does not depend on the number of threads.
double lsq_backward(const float* x, const float* g, float* dx, std::int64_t count, float step,
                    float low, float high);

}  // namespace deneb::quantizers
