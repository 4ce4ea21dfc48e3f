#pragma once

#include <torch/types.h>

namespace deneb::quantizers {

/// DoReFa-Net weights (Zhou et al. 2016, arXiv 1606.06160, section 2.3), the scheme that PACT uses
/// too. Any shape, float or double.
///
/// bits >= 2: t = tanh(w), w_q = 2 Q(t / (2 max|t|) + 1/2) - 1 with Q(u) = round(u n) / n,
/// n = 2^bits - 1, round half to even. 2^bits levels in [-1, 1], none of them zero. The gradient
/// takes Q as the identity and flows through tanh and through the maximum (ties share it evenly).
/// bits == 1: sign(w) mean|w|, gradient identity.
/// NaN anywhere gives NaN everywhere (the scale is per tensor). An all-zero tensor is quantized as
/// if its maximum were 1.
torch::Tensor dorefa_weight(const torch::Tensor& w, int bits);

}  // namespace deneb::quantizers
