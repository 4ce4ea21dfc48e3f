#include <deneb/nn/frozen_weights.h>

#include <torch/utils.h>

#include <map>

namespace deneb {
namespace {

// The norm y = (x - mean) / sqrt(variance + eps) weight + bias as x scale + shift, by channel.
struct Affine {
  torch::Tensor scale, shift;
};

Affine affine_of(const nn::BatchNorm2dImpl& norm) {
  // In double: the folded weights are rounded once.
  const torch::Tensor scale = norm.weight.to(torch::kDouble) /
                              (norm.running_var.to(torch::kDouble) + norm.options.eps).sqrt();
  return {scale, norm.bias.to(torch::kDouble) - norm.running_mean.to(torch::kDouble) * scale};
}

}  // namespace

FrozenWeights::FrozenWeights(Network& network) {
  try {
    freeze(network);
  } catch (...) {
    thaw();
    throw;
  }
}

FrozenWeights::~FrozenWeights() { thaw(); }

void FrozenWeights::freeze(Network& network) {
  torch::NoGradGuard no_grad;
  std::map<const QuantLayer*, nn::BatchNorm2dImpl*> norm_after;
  for (const auto& module : network.modules(/*include_self=*/false)) {
    alive_.push_back(module);
    if (auto* layer = dynamic_cast<QuantLayer*>(module.get())) {
      if (!layer->is_frozen()) layers_.push_back(layer);
    }
    auto* norm = dynamic_cast<nn::BatchNorm2dImpl*>(module.get());
    if (!norm || norm->is_training()) continue;
    const auto before = norm->before();
    if (before && !before->is_observed()) norm_after[before.get()] = norm;
  }
  for (QuantLayer* layer : layers_) {
    torch::Tensor weight = layer->quantized_weight(), bias = layer->float_bias();
    const auto found = norm_after.find(layer);
    if (found != norm_after.end()) {
      const Affine norm = affine_of(*found->second);
      const torch::Tensor shift = bias.defined() ? norm.shift + norm.scale * bias : norm.shift;
      bias = shift.to(weight.scalar_type());
      weight = (weight * norm.scale.view({-1, 1, 1, 1})).to(weight.scalar_type());
      found->second->set_folded(true);
      norms_.push_back(found->second);
    }
    layer->freeze(weight, bias);
  }
}

void FrozenWeights::thaw() {
  for (QuantLayer* layer : layers_) layer->thaw();
  for (nn::BatchNorm2dImpl* norm : norms_) norm->set_folded(false);
}

}  // namespace deneb
