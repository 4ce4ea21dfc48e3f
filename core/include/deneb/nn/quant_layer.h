#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <deneb/nn/network.h>
#include <deneb/quant/layer_info.h>
#include <deneb/quant/quantizer.h>

namespace deneb {

/// What an observer sees of one forward pass of a layer, before quantization.
struct LayerTap {
  const torch::Tensor& input;
  const torch::Tensor& weight;
  const torch::Tensor& output;
};

/// A layer with replaceable quantizers for its weight and its input. Implemented by nn::Conv2d and
/// nn::Linear. With no quantizers it computes exactly what the LibTorch layer does.
class DENEB_API QuantLayer {
 public:
  virtual ~QuantLayer();

  /// "conv2d" or "linear".
  virtual std::string op() const = 0;
  virtual torch::Tensor& float_weight() = 0;
  virtual std::int64_t groups() const = 0;

  /// Puts quantizers in (nullptr takes one out). They become the submodules `weight_quantizer` and
  /// `input_quantizer`, so their parameters are trained and saved with the network.
  void set_quantizers(std::shared_ptr<Quantizer> weight, std::shared_ptr<Quantizer> input);
  const std::shared_ptr<Quantizer>& weight_quantizer() const { return weight_quantizer_; }
  const std::shared_ptr<Quantizer>& input_quantizer() const { return input_quantizer_; }

  /// Called after every forward pass until replaced by an empty function.
  void observe(std::function<void(const LayerTap&)> observer) { observer_ = std::move(observer); }

 protected:
  virtual torch::nn::Module& module() = 0;
  torch::Tensor quantized_input(const torch::Tensor& x) const {
    return input_quantizer_ ? input_quantizer_->quantize(x) : x;
  }
  torch::Tensor quantized_weight(const torch::Tensor& w) const {
    return weight_quantizer_ ? weight_quantizer_->quantize(w) : w;
  }
  void tap(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& y) const {
    if (observer_) observer_({x, w, y});
  }

 private:
  void install(const char* name, std::shared_ptr<Quantizer>& slot, std::shared_ptr<Quantizer> next);
  std::shared_ptr<Quantizer> weight_quantizer_, input_quantizer_;
  std::function<void(const LayerTap&)> observer_;
};

/// A layer of a network with its dotted name.
struct NamedQuantLayer {
  std::string name;
  QuantLayer* layer;  ///< owned by the network
};

}  // namespace deneb
