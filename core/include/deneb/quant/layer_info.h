#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <deneb/errors.h>

namespace deneb {

/// Facts of one quantizable layer, filled by probe(); all sizes are per sample (batch size 1).
struct LayerInfo {
  std::string name;          ///< dotted, as in PyTorch: "layer1.0.conv1"
  std::string op;            ///< "conv2d" or "linear"
  std::string block;         ///< reconstruction unit that it lies in (nn/block.h), "" where none
  std::int64_t macs = 0;     ///< multiply-accumulates, exact output extent
  std::int64_t weights = 0;  ///< elements of the weight, bias not counted
  std::int64_t groups = 1;   ///< convolution groups
  std::vector<std::int64_t> weight_shape;
  std::vector<std::int64_t> input_shape;                ///< without the batch dimension
  std::vector<std::int64_t> output_shape;               ///< without the batch dimension
  std::vector<std::int64_t> stride, padding, dilation;  ///< of convolutions: height, width
  bool signed_input = true;  ///< false when the probe saw no negative input (behind a ReLU)
  int input_group = 0;       ///< layers that read the very same elements have the same number
  bool pinned = false;       ///< weight and input fixed by the search space
};

/// Multiply-accumulates of a layer as LIMPQ's code counts them (github.com/1hunters/LIMPQ,
/// quantization_search): the output extent (input + 2 padding - dilation (kernel - 1) - 1) / stride
/// + 1 is not rounded down, only the product of height and width is. More than `macs` where a
/// stride does not divide evenly; the same everywhere else.
DENEB_API std::int64_t unrounded_macs(const LayerInfo& layer);

/// Multiply-accumulates as EdMIPS' code counts them (github.com/zhaoweicai/EdMIPS, quant_module):
/// weights times height and width of the input, divided by the strides. More than `macs` where a
/// layer has no padding or its stride does not divide evenly.
DENEB_API double input_extent_macs(const LayerInfo& layer);

/// A network as cost models see it.
struct NetworkInfo {
  std::string model;                     ///< registered name of the network
  std::vector<LayerInfo> layers;         ///< in forward order
  std::int64_t batch_norm_elements = 0;  ///< outputs of all batch norms
  std::int64_t pooling_ops = 0;          ///< additions and divisions of pooling layers
  std::int64_t other_parameters = 0;     ///< parameters that are no layer weight (biases, BN)
  std::vector<std::int64_t> input_shape;

  /// Layer by name, or nullptr.
  const LayerInfo* find(const std::string& name) const {
    for (const LayerInfo& layer : layers) {
      if (layer.name == name) return &layer;
    }
    return nullptr;
  }
};

}  // namespace deneb
