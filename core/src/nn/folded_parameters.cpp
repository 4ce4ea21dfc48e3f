#include "nn/folded_parameters.h"

#include <torch/utils.h>

namespace deneb::detail {

std::pair<torch::Tensor, torch::Tensor> folded_parameters(const nn::BatchNorm2dImpl& norm,
                                                          const torch::Tensor& weight,
                                                          const torch::Tensor& bias) {
  torch::NoGradGuard no_grad;
  // The norm is x scale + shift, by channel. In double: the results are rounded once.
  const torch::Tensor scale = norm.weight.to(torch::kDouble) /
                              (norm.running_var.to(torch::kDouble) + norm.options.eps).sqrt();
  torch::Tensor shift = norm.bias.to(torch::kDouble) - norm.running_mean.to(torch::kDouble) * scale;
  if (bias.defined()) shift = shift + scale * bias;
  return {(weight * scale.view({-1, 1, 1, 1})).to(weight.scalar_type()),
          shift.to(weight.scalar_type())};
}

}  // namespace deneb::detail
