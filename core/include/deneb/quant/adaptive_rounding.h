#pragma once

#include <torch/types.h>

#include <cstdint>

#include <deneb/errors.h>

/// AdaRound (Nagel et al. 2020, arXiv 2004.10568): every weight is rounded up or down as a
/// parameter V of its own says, learned while a regularizer drives the choice to one side. What a
/// quantizer and the reconstruction that trains it have in common.
namespace deneb {

/// h(V) = clamp(1.2 sigmoid(V) - 0.1, 0, 1): how far up a weight is rounded (equation 23).
DENEB_API torch::Tensor rectified_sigmoid(const torch::Tensor& v);

/// V with h(V) = `fraction`, for fractions in [0, 1).
DENEB_API torch::Tensor inverse_rectified_sigmoid(const torch::Tensor& fraction);

/// sum(1 - |2 h(V) - 1|^beta): 0 where all is decided (equation 24). beta > 0.
DENEB_API torch::Tensor rounding_regularizer(const torch::Tensor& v, double beta);

/// beta at iteration `t` of `total`: `start` during the share `warmup`, then linear to `end`.
DENEB_API double rounding_temperature(std::int64_t t, std::int64_t total, double start, double end,
                                      double warmup);

/// A quantizer of weights that learns how each is rounded. Found by dynamic_cast of a layer's
/// Quantizer; everything here may be called after Quantizer::attach().
class DENEB_API AdaptiveRounding {
 public:
  virtual ~AdaptiveRounding();

  /// How quantize() rounds.
  enum class Rounding {
    kByMode,  ///< soft in training mode, hard in evaluation mode; so it starts
    kSoft,    ///< by h(V), with gradient, in both modes
    kHard     ///< up where V >= 0, else down, in both modes
  };
  virtual void set_rounding(Rounding rounding) = 0;
  /// V, the shape of the weight: the learned parameter, registered with the quantizer. Begins anew
  /// with every format, at rounding to the nearest.
  virtual torch::Tensor rounding_parameter() const = 0;
};

}  // namespace deneb
