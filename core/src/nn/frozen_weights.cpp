#include <deneb/nn/frozen_weights.h>

#include <torch/utils.h>

#include <map>
#include <tuple>

#include "nn/folded_parameters.h"

namespace deneb {

using Folding = nn::BatchNorm2dImpl::Folding;

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
    if (!norm || norm->is_training() || norm->folding() != Folding::kNone) continue;
    const auto before = norm->before();
    if (before && !before->is_observed()) norm_after[before.get()] = norm;
  }
  for (QuantLayer* layer : layers_) {
    torch::Tensor weight = layer->quantized_weight(), bias = layer->float_bias();
    const auto found = norm_after.find(layer);
    if (found != norm_after.end()) {
      std::tie(weight, bias) = detail::folded_parameters(*found->second, weight, bias);
      found->second->set_folding(Folding::kForATime);
      norms_.push_back(found->second);
    }
    layer->freeze(weight, bias);
  }
}

void FrozenWeights::thaw() {
  for (QuantLayer* layer : layers_) layer->thaw();
  for (nn::BatchNorm2dImpl* norm : norms_) norm->set_folding(Folding::kNone);
}

}  // namespace deneb
