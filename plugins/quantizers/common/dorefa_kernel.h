#pragma once

#include <cstdint>

/// DoReFa activations of float32 in host memory: one pass over memory forward, one backward.
/// `levels` = 2^bits - 1 < 2^22; definitions in dorefa_activation.h.
namespace deneb::quantizers {

void dorefa_forward(const float* x, float* y, std::int64_t count, float levels, bool is_signed);

/// dx = g where low <= x <= 1, else 0; low = 0, or -1 if signed.
void dorefa_backward(const float* x, const float* g, float* dx, std::int64_t count, bool is_signed);

}  // namespace deneb::quantizers
