#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>

#include <deneb/errors.h>
#include <deneb/quant/format.h>
#include <deneb/quant/quantizer_role.h>

namespace deneb {

/// Where a quantizer sits.
struct QuantizerSite {
  using Role = QuantizerRole;
  Role role = Role::kWeight;
  std::string layer;  ///< dotted name of the layer
  torch::Tensor
      weight;  ///< the layer's float weight (dimension 0 = output channels); for both roles
};

/// What the layer around a quantizer may rely on.
struct QuantizerTraits {
  /// Without gradients quantize(x) changes nothing and returns what it returned before, as long as
  /// parameters, buffers and format are the same. In training the layer then keeps its input, which
  /// the quantizer keeps for its own gradient anyway, and makes the quantized copy again when the
  /// backward pass comes to it.
  bool repeatable = false;
  /// quantize() takes bfloat16 too and computes in float32 inside. Others are handed float32.
  bool takes_bfloat16 = false;
  /// quantize() and its gradient each read the tensor that they are given once, and write over it
  /// where take_over() (quant/buffer_handover.h) says that it is theirs. Not for quantizers that
  /// pass one tensor on to several others.
  bool writes_over = false;
};

/// Fake quantization of one tensor: maps values onto the grid of a format and lets gradients
/// through by the straight-through estimator. Learned state (step sizes, clip values) is registered
/// as parameters or buffers, so that it is trained, saved and loaded with the network.
///
/// A plugin registers one class per method; the same class serves weights and activations and is
/// told which by attach(). Order of calls: constructor, attach() once, set_format() any number of
/// times, quantize() any number of times. Not thread-safe; one object per site.
class DENEB_API Quantizer : public torch::nn::Module {
 public:
  static constexpr const char* kKind = "quantizer";
  ~Quantizer() override;

  /// Called once, when the quantizer is put into a layer.
  virtual void attach(const QuantizerSite& site) = 0;
  /// Can the method represent the format? Before attach(): for a weight or for an activation;
  /// after it: where it sits. float32 leaves the tensor as it is.
  virtual bool accepts(const Format& format) const = 0;
  /// Chooses the format; ConfigError when the method does not accept it (the text says which it
  /// does). Learned state is initialised anew when the width changes.
  virtual void set_format(const Format& format) = 0;
  virtual Format format() const = 0;
  virtual QuantizerTraits traits() const;
  /// Would data tell it what it still lacks, such as the range of the activations?
  virtual bool needs_calibration() const;
  /// From here to finish_calibration() quantize() collects statistics of its argument and returns
  /// it as it is. Only called where needs_calibration() holds.
  virtual void start_calibration();
  /// Sets what was lacking from the statistics; without any data everything stays as it was.
  virtual void finish_calibration();
  /// Is this parameter of its own one of weights, which decay as weights do? The others (steps,
  /// clip values, rounding, shares), of any number of dimensions, do so only on request. Default:
  /// no.
  virtual bool is_weight(const torch::Tensor& parameter) const;
  /// Fake-quantized `x`, same shape, dtype and device.
  virtual torch::Tensor quantize(const torch::Tensor& x) = 0;
};

}  // namespace deneb
