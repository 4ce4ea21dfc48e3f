#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <optional>
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

/// Keeps a function in a layer, see QuantLayer::observe(). Movable; may outlive the layer.
class LayerObserver {
 public:
  LayerObserver() = default;  ///< observes nothing
  LayerObserver(LayerObserver&&) = default;
  LayerObserver& operator=(LayerObserver&&) = default;

 private:
  friend class QuantLayer;
  using Function = std::function<void(const LayerTap&)>;
  explicit LayerObserver(Function f) : function_(std::make_shared<const Function>(std::move(f))) {}
  std::shared_ptr<const Function> function_;
};

/// A layer with replaceable quantizers for its weight and its input. Implemented by nn::Conv2d and
/// nn::Linear. With no quantizers it computes exactly what the LibTorch layer does. Second
/// derivatives through a quantized layer are refused (c10::Error).
class DENEB_API QuantLayer {
 public:
  virtual ~QuantLayer();

  /// "conv2d" or "linear".
  virtual std::string op() const = 0;
  virtual torch::Tensor& float_weight() = 0;
  virtual const torch::Tensor& float_bias() const = 0;  ///< undefined where there is none
  virtual std::int64_t groups() const = 0;
  /// Height and width each; all empty where the layer is no convolution.
  struct Geometry {
    std::vector<std::int64_t> stride, padding, dilation;
  };
  virtual Geometry geometry() const { return {}; }
  /// For a network that knows that the layer may read negative values. probe() otherwise goes by
  /// the one sample that it runs, which need not show any where a layer reads few values.
  void declare_signed_input() { signed_input_ = true; }
  bool declares_signed_input() const { return signed_input_; }
  /// Shape of what forward(input) returns. c10::Error when the layer cannot take the input.
  virtual std::vector<std::int64_t> output_shape(const torch::Tensor& input) const = 0;

  /// While on, forward passes look at no weight: they return values of the right shape that stand
  /// for what the layer would compute, normally distributed around a mean of each channel, the same
  /// every time. For passes that ask about shapes and signs only. Observers see them.
  void set_stand_in(bool on) { stands_in_ = on; }

  /// Puts quantizers in (nullptr takes one out). They become the submodules `weight_quantizer` and
  /// `input_quantizer`, so their parameters are trained and saved with the network.
  void set_quantizers(std::shared_ptr<Quantizer> weight, std::shared_ptr<Quantizer> input);
  const std::shared_ptr<Quantizer>& weight_quantizer() const { return weight_quantizer_; }
  const std::shared_ptr<Quantizer>& input_quantizer() const { return input_quantizer_; }

  /// Calls `function` after every forward pass for as long as the result lives. One layer may have
  /// several observers, which are called in the order in which they came. The network goes on with
  /// the tensors of the tap and may write over them: clone() what is to be kept. To be used by the
  /// thread that runs the network.
  [[nodiscard]] LayerObserver observe(std::function<void(const LayerTap&)> function);
  bool is_observed() const;

  /// The weight as the forward pass uses it.
  torch::Tensor quantized_weight() { return quantized(weight_quantizer_, float_weight()); }
  /// Forward passes take these for the quantized weight and the bias until thaw(). See
  /// nn/frozen_weights.h.
  void freeze(torch::Tensor weight, torch::Tensor bias);
  void thaw() { frozen_.reset(); }
  bool is_frozen() const { return frozen_.has_value(); }

 protected:
  struct Parameters {
    torch::Tensor weight, bias;
  };

  virtual torch::nn::Module& module() = 0;
  /// What `quantizer` makes of `x`, or `x` where there is none.
  static torch::Tensor quantized(const std::shared_ptr<Quantizer>& quantizer,
                                 const torch::Tensor& x);
  /// Of an input that the layer does not keep. Written over it where that is possible: nobody but
  /// the caller has it, no gradient is wanted and no observer waits for it.
  torch::Tensor quantized_input(const torch::Tensor& x) const;
  Parameters parameters_in_use() {
    return frozen_ ? *frozen_ : Parameters{quantized_weight(), float_bias()};
  }
  bool stands_in() const { return stands_in_; }
  /// `channels`: which dimension of the output they are.
  torch::Tensor stand_in(const torch::Tensor& x, std::int64_t channels);
  /// Does the layer keep `x` for the gradient, instead of its quantized copy?
  bool keeps_input(const torch::Tensor& x) const;
  void tap(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& y) const {
    if (!observers_.empty()) call_observers({x, w, y});
  }

 private:
  void install(const char* name, std::shared_ptr<Quantizer>& slot, std::shared_ptr<Quantizer> next);
  void call_observers(const LayerTap& tap) const;
  bool signed_input_ = false;
  std::shared_ptr<Quantizer> weight_quantizer_, input_quantizer_;
  std::vector<std::weak_ptr<const LayerObserver::Function>> observers_;
  std::optional<Parameters> frozen_;
  bool stands_in_ = false;
};

/// A layer of a network with its dotted name.
struct NamedQuantLayer {
  std::string name;
  QuantLayer* layer;  ///< owned by the network
};

}  // namespace deneb
