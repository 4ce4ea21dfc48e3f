#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/block.h>
#include <deneb/nn/network.h>
#include <deneb/nn/quant_layer.h>
#include <deneb/quant/adaptive_rounding.h>
#include <deneb/quant/quantizer.h>

namespace deneb::reconstruction {

/// A quantized layer of a unit and the quantizers that it came with.
struct UnitLayer {
  std::string name;
  QuantLayer* layer;
  std::shared_ptr<Quantizer> weight, input;  ///< nullptr where there is none
  AdaptiveRounding* rounding;                ///< the weight quantizer, if it learns how to round
};

/// A unit of the quantized network, beside the same one of the float network.
struct Unit {
  std::string name;
  Block quantized, original;
  std::vector<UnitLayer> layers;

  /// V of every weight that learns how it is rounded.
  std::vector<torch::Tensor> roundings() const;
  /// Parameters of the quantizers of inputs.
  std::vector<torch::Tensor> steps() const;
  void set_rounding(AdaptiveRounding::Rounding rounding) const;
  /// Puts the quantizers of inputs in, or takes them out.
  void quantize_inputs(bool on) const;
};

/// ConfigError for a network without units, and when the two have different ones.
std::vector<Unit> units_of(Network& quantized, Network& original);

/// While alive, the quantizers of a unit's inputs let values through as they are, each with this
/// probability (QDrop, Wei et al. 2022, arXiv 2203.05740), drawn by the default generator.
class DroppedQuantization {
 public:
  DroppedQuantization(const Unit& unit, double probability);
  ~DroppedQuantization();
  DroppedQuantization(const DroppedQuantization&) = delete;
  DroppedQuantization& operator=(const DroppedQuantization&) = delete;

 private:
  const Unit& unit_;
};

/// While alive, the network is as a reconstruction wants it: in evaluation mode, without gradients
/// of parameters, and rounding hard. Afterwards it is as it was, and every layer has the quantizers
/// that it came with; roundings go by the mode of the network.
class UnderReconstruction {
 public:
  UnderReconstruction(Network& network, const std::vector<Unit>& units);
  ~UnderReconstruction();
  UnderReconstruction(const UnderReconstruction&) = delete;
  UnderReconstruction& operator=(const UnderReconstruction&) = delete;

 private:
  Network& network_;
  std::vector<Unit> units_;
  bool training_;
  std::vector<torch::Tensor> trained_;  // parameters that had gradients
};

}  // namespace deneb::reconstruction
