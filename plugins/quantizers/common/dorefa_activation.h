#pragma once

#include <torch/types.h>

namespace deneb::quantizers {

/// DoReFa-Net activations (Zhou et al. 2016, arXiv 1606.06160, section 2.4), which WRPN uses too.
/// Any shape, float or double. Unsigned: Q(clamp(x, 0, 1)) with Q(u) = round(u n) / n,
/// n = 2^bits - 1, round half to even; gradient 1 for 0 <= x <= 1, both ends included, else 0.
/// Differs from the paper, whose activations are never negative: a signed format clips to [-1, 1]
/// with the 2^bits levels of the weights, 2 Q((x + 1) / 2) - 1, so that a layer with signed input
/// (the first one, say) can be quantized.
torch::Tensor dorefa_activation(const torch::Tensor& x, int bits, bool is_signed);

}  // namespace deneb::quantizers
