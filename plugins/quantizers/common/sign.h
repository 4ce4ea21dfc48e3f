#pragma once

#include <torch/types.h>

namespace deneb::quantizers {

/// -1, 0 or 1. NaN stays NaN, unlike with Tensor::sign(), so that the trainer notices it.
inline torch::Tensor sign(const torch::Tensor& x) { return at::where(x.isnan(), x, x.sign()); }

}  // namespace deneb::quantizers
