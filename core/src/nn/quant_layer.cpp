#include <deneb/nn/quant_layer.h>
#include <deneb/quant/buffer_handover.h>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/utils.h>

#include <algorithm>

#include "nn/quantized_operators.h"

namespace deneb {

namespace {

// Normally distributed values, drawn once: a pass through a large network asks for many.
const torch::Tensor& noise() {
  static const torch::Tensor values = [] {
    // A prime, so that rows do not begin alike.
    return torch::randn({4099}, at::make_generator<at::CPUGeneratorImpl>(0x6e6f'6973'65ull));
  }();
  return values;
}

void fill_with_noise(const torch::Tensor& y) {
  const torch::Tensor& values = noise();
  const torch::Tensor flat = y.view(-1);
  const std::int64_t size = values.numel(), whole = flat.numel() / size, rest = flat.numel() % size;
  flat.narrow(0, 0, whole * size).view({whole, size}).copy_(values);
  flat.narrow(0, whole * size, rest).copy_(values.narrow(0, 0, rest));
}

}  // namespace

QuantLayer::~QuantLayer() = default;

torch::Tensor QuantLayer::stand_in(const torch::Tensor& x, std::int64_t channels) {
  torch::NoGradGuard no_grad;
  torch::Tensor y = torch::empty(output_shape(x));
  fill_with_noise(y);
  // Averages over many values have a sign too, which differs from channel to channel: means from
  // -1.5 to 1.5 by the golden ratio, which spreads few evenly too.
  const torch::Tensor means =
      torch::arange(y.size(channels), torch::kFloat32).mul_(0.618034).frac_().mul_(3).sub_(1.5);
  std::vector<std::int64_t> shape(std::size_t(y.dim()), 1);
  shape[std::size_t(channels)] = -1;
  y = y.add_(means.view(shape)).to(x.options());
  tap(x, float_weight(), y);
  return y;
}

void QuantLayer::install(const char* name, std::shared_ptr<Quantizer>& slot,
                         std::shared_ptr<Quantizer> next) {
  if (slot) module().unregister_module(name);
  slot = std::move(next);
  if (!slot) return;
  slot->train(module().is_training());
  module().register_module(name, slot);
}

void QuantLayer::set_quantizers(std::shared_ptr<Quantizer> weight,
                                std::shared_ptr<Quantizer> input) {
  install("weight_quantizer", weight_quantizer_, std::move(weight));
  install("input_quantizer", input_quantizer_, std::move(input));
}

LayerObserver QuantLayer::observe(std::function<void(const LayerTap&)> function) {
  const auto gone = [](const auto& observer) { return observer.expired(); };
  observers_.erase(std::remove_if(observers_.begin(), observers_.end(), gone), observers_.end());
  LayerObserver observer(std::move(function));
  observers_.push_back(observer.function_);
  return observer;
}

bool QuantLayer::is_observed() const {
  return std::any_of(observers_.begin(), observers_.end(),
                     [](const auto& observer) { return !observer.expired(); });
}

void QuantLayer::call_observers(const LayerTap& tap) const {
  const auto observers = observers_;  // one of them may add others
  for (const auto& observer : observers) {
    if (const auto function = observer.lock()) (*function)(tap);
  }
}

void QuantLayer::freeze(torch::Tensor weight, torch::Tensor bias) {
  frozen_ = Parameters{std::move(weight), std::move(bias)};
}

torch::Tensor QuantLayer::quantized(const std::shared_ptr<Quantizer>& quantizer,
                                    const torch::Tensor& x) {
  return quantizer ? detail::quantize(*quantizer, x) : x;
}

torch::Tensor QuantLayer::quantized_input(const torch::Tensor& x) const {
  const bool alone = x.use_count() == 1 && x.storage().use_count() == 1;
  if (alone && !at::GradMode::is_enabled() && !is_observed() && input_quantizer_ &&
      input_quantizer_->traits().writes_over) {
    hand_over(x);
  }
  torch::Tensor y = quantized(input_quantizer_, x);
  hand_over({});
  return y;
}

bool QuantLayer::keeps_input(const torch::Tensor& x) const {
  return at::GradMode::is_enabled() && input_quantizer_ &&
         !input_quantizer_->format().is_float32() && x.numel() > 0 &&
         input_quantizer_->traits().repeatable;
}

}  // namespace deneb
