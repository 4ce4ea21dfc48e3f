#pragma once

#include <utility>

#include <deneb/nn/layers.h>

namespace deneb::detail {

/// Weight and bias of the convolution that does what one with `weight` and `bias` (may be
/// undefined) and the norm behind it do in evaluation mode.
std::pair<torch::Tensor, torch::Tensor> folded_parameters(const nn::BatchNorm2dImpl& norm,
                                                          const torch::Tensor& weight,
                                                          const torch::Tensor& bias);

}  // namespace deneb::detail
