#pragma once

#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

#include <deneb/nn/batch.h>

namespace deneb {

/// A reconstruction unit: a part of a network that runs alone on a recorded input.
struct Block {
  std::string name;  ///< dotted: "layer1.0"; what lies before and behind is units too
  /// Dotted names of the quantizable layers inside, in forward order.
  std::vector<std::string> layers;
  /// Does not change `input`. `batch`: what a unit reads besides (masks).
  std::function<torch::Tensor(const torch::Tensor& input, const Batch& batch)> forward;
};

}  // namespace deneb
