#pragma once

#include <cstdint>
#include <vector>

/// The mixture of half-wave quantizers on float32 in host memory: one pass over memory forward, one
/// backward, whatever the number of candidates.
namespace deneb::quantizers {

/// share * step * round(clamp(x, 0, top) / step)
struct HalfWave {
  float step, top, share;
};

/// y = sum over the candidates.
void mixture_forward(const float* x, float* y, std::int64_t count,
                     const std::vector<HalfWave>& candidates);

/// dx = g times the shares of the candidates with 0 <= x <= top; returns for each candidate the sum
/// of g times its quantized value, the gradient of its share. Independent of the number of threads.
std::vector<double> mixture_backward(const float* x, const float* g, float* dx, std::int64_t count,
                                     const std::vector<HalfWave>& candidates);

}  // namespace deneb::quantizers
