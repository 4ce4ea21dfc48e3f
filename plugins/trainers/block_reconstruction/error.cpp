#include "error.h"

namespace deneb::reconstruction {

torch::Tensor output_error(const torch::Tensor& output, const torch::Tensor& target,
                           double exponent, const OutputWeights& weights) {
  const torch::Tensor difference = output - target;
  torch::Tensor error = exponent == 2 ? difference.square() : difference.abs().pow(exponent);
  if (weights.importance.defined()) error = error * weights.importance;
  error = error.sum(error.dim() == 4 ? 1 : -1);
  if (!weights.positions.defined() || weights.positions.sizes() != error.sizes()) {
    return error.mean();
  }
  return (error * weights.positions).sum() / weights.positions.sum().clamp_min(1);
}

}  // namespace deneb::reconstruction
