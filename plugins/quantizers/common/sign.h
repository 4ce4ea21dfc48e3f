#pragma once

#include <torch/types.h>

namespace deneb::quantizers {

/// One bit has two values: -1 below zero, else 1, also at zero, where Tensor::sign() has a third.
/// NaN stays NaN, so that the trainer notices it.
inline torch::Tensor one_bit_sign(const torch::Tensor& x) {
  const torch::Tensor one = torch::ones({}, x.options());
  return at::where(x.isnan(), x, at::where(x.lt(0), one.neg(), one));
}

/// The same without sign: 1 above zero, else 0.
inline torch::Tensor is_above_zero(const torch::Tensor& x) {
  return at::where(x.isnan(), x, x.gt(0).to(x.scalar_type()));
}

}  // namespace deneb::quantizers
