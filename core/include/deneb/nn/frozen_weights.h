#pragma once

#include <memory>
#include <vector>

#include <deneb/errors.h>
#include <deneb/nn/layers.h>
#include <deneb/nn/network.h>

namespace deneb {

/// While alive, a network whose parameters stay as they are spares work in its forward passes:
/// every weight is quantized once, now, and batch norms in evaluation mode that were made for a
/// convolution (nn::BatchNorm2d(conv)) are folded into its quantized weight and bias, unless that
/// layer is observed. Outputs differ by rounding only. No gradients flow to weights meanwhile.
/// Inside another one for the same network it does nothing.
class DENEB_API FrozenWeights {
 public:
  explicit FrozenWeights(Network& network);
  ~FrozenWeights();
  FrozenWeights(const FrozenWeights&) = delete;
  FrozenWeights& operator=(const FrozenWeights&) = delete;

 private:
  void freeze(Network& network);
  void thaw();

  std::vector<std::shared_ptr<torch::nn::Module>> alive_;  // owns what the others point to
  std::vector<QuantLayer*> layers_;
  std::vector<nn::BatchNorm2dImpl*> norms_;
};

}  // namespace deneb
