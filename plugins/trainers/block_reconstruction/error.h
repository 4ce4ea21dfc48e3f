#pragma once

#include <torch/types.h>

/// How far the outputs of a unit are from those of the float network.
namespace deneb::reconstruction {

/// What an output counts. Undefined tensors: all count alike.
struct OutputWeights {
  torch::Tensor importance;  ///< factor of every element's error, of the outputs' shape
  torch::Tensor positions;  ///< 1 where a token counts, else 0: outputs [N, T, C], positions [N, T]
};

/// The sum over channels of |output - target|^exponent, averaged over samples and pixels or tokens
/// that count. Channels are dimension 1 of [N, C, H, W], else the last one. A scalar.
torch::Tensor output_error(const torch::Tensor& output, const torch::Tensor& target,
                           double exponent, const OutputWeights& weights = {});

}  // namespace deneb::reconstruction
